"""The order of a list, as people write it and as emnify takes it."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_mcp.emnify import InvalidValueError, SimSort
from sim_mcp.fleet.inventory.filters import Order, OrderBy
from sim_mcp.tools.order import EMNIFY_FIELDS, emnify_order, parse_order


@given(by=st.sampled_from(get_args(OrderBy)), descending=st.booleans(), spaced=st.booleans())
def test_every_field_is_read_in_either_direction(by: OrderBy, descending: bool, spaced: bool) -> None:
    word = by.upper().replace("_", " ") if spaced else by
    assert parse_order([f"-{word}" if descending else word]) == (Order(by, descending),)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (None, (Order("id"),)),
        ([], (Order("id"),)),
        (["customer", "-production_date"], (Order("customer"), Order("production_date", descending=True))),
        (["customer,-production_date"], (Order("customer"), Order("production_date", descending=True))),
        (["device desc"], (Order("device", descending=True),)),
        (["+device asc"], (Order("device"),)),
    ],
)
def test_several_keys_are_read_in_their_order(written: list[str] | None, read: tuple[Order, ...]) -> None:
    assert parse_order(written) == read


def test_an_unknown_key_is_refused_with_the_nearest_and_all_there_are() -> None:
    with pytest.raises(InvalidValueError, match=r"sort='custmer': did you mean customer\? sort by id, iccid, .*issuer"):
        parse_order(["custmer"])


def test_emnify_gets_the_id_last_so_that_every_sim_has_one_place() -> None:
    order = emnify_order(parse_order(["status", "-customer"]))
    assert [str(key) for key in order] == ["status", "-customer_org", "-id"]
    assert emnify_order(parse_order(["device"])) == (SimSort("endpoint"), SimSort("id"))
    assert emnify_order(parse_order(["-iccid"])) == (SimSort("iccid", descending=True),)


def test_what_emnify_cannot_sort_by_is_refused_by_name() -> None:
    with pytest.raises(InvalidValueError, match="sort='activation_date': emnify cannot sort by it"):
        emnify_order(parse_order(["activation_date"]))
    assert set(get_args(OrderBy)) - set(EMNIFY_FIELDS) == {"activation_date"}
