"""A SIM is written the same whether it is taken apart quickly or goes through the lenient models."""

from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from sim_mcp.emnify import DayUsage, Event, Sim
from sim_mcp.exports.formats import Row
from sim_mcp.exports.rows import (
    COLUMNS,
    IN_GROUPS,
    SimRow,
    What,
    event_row,
    in_groups,
    owner_columns,
    sim_row,
    sim_row_of_json,
    usage_row,
)

Path = tuple[str, ...]

PLAIN: dict[str, Any] = {
    "id": 2500000,
    "iccid": "8988303000006000000",
    "iccid_with_luhn": "89883030000060000004",
    "production_date": "2026-05-06T08:47:00.000+0000",
    "activation_date": "2026-06-15T15:34:21Z",
    "status": {"id": 4, "description": "FactoryTest"},
    "customer_org": {"id": 13886, "name": "Alpenwerk Devices"},
    "reseller_org": {"id": 9100, "name": "Nordlicht"},
    "issuer_org": {"id": 2, "name": "org2"},
    "endpoint": {
        "id": 11380000,
        "name": "Zürich Ölpumpe",
        "ip_address": "10.128.0.0",
        "imei": "3567201166216588",
        "tags": "pump, zürich",
    },
    "imsi": "295050100000000",
    "msisdn": "423663100000000",
    "eid": "89" + "0" * 30,
    "model": {"id": 52, "description": " DIM ", "formfactor": {"id": 3, "name": " 3FF "}},
}


def paths(value: Any, before: Path = ()) -> list[Path]:
    inner = value.items() if isinstance(value, dict) else ()
    return [path for key, each in inner for path in ((*before, key), *paths(each, (*before, key)))]


def changed(odd: dict[Path, Any], absent: set[Path]) -> dict[str, Any]:
    raw = deepcopy(PLAIN)
    for path in (*odd, *absent):
        place: Any = raw
        for key in path[:-1]:
            place = place.get(key) if isinstance(place, dict) else None
        if isinstance(place, dict):
            if path in absent:
                place.pop(path[-1], None)
            else:
                place[path[-1]] = odd[path]
    return raw


# Besides what is documented, the names by which the models know the same, and what they leave out.
PATHS = [*paths(PLAIN), ("device",), ("status", "name"), ("model", "formfactor", "description"), ("profile_type",)]
ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 6),
    st.sampled_from([2**63, 10**40, 1.0, 2.5, "", " ", "7", "x", "é", "\ud800", "0", "1" * 19, [], {}, [1]]),
    st.sampled_from(["2026-02-30T00:00:00Z", "2026-11-22", "2026-W01-1T10:00:00Z", "2026-11-22T10:00:00+02:00"]),
    st.sampled_from(
        ["1999-12-31T25:00:00Z", "2026-11-22T10:00:00.9999999Z", "2026-11-22 10:00:00", "0000-01-01T00:00:00Z"]
    ),
    st.sampled_from([{"id": 4}, {"id": "5", "name": "n"}, {"id": 6, "description": None, "name": "n"}, {"name": "n"}]),
    st.sampled_from([{"id": 8, "description": 9}, {"id": 3, "name": "\ud800"}, {"id": -1, "name": "minus"}]),
    st.datetimes().map(lambda moment: f"{moment.isoformat()}Z"),
    st.text(max_size=4),
)


def through_the_models(raw: Any) -> SimRow | None:
    try:
        return sim_row(Sim.model_validate(raw))
    except ValidationError:
        return None


@given(st.dictionaries(st.sampled_from(PATHS), ODD, max_size=4), st.sets(st.sampled_from(PATHS), max_size=4))
@example({}, set())
@example({}, set(PATHS))
def test_whatever_emnify_sends_is_written_as_the_models_read_it(odd: dict[Path, Any], absent: set[Path]) -> None:
    raw = changed(odd, absent)
    # By their text, for True and 1.0 equal 1 and are not written as it is.
    assert repr(sim_row_of_json(raw)) == repr(through_the_models(raw))


def test_a_sim_as_it_is_documented_has_every_column() -> None:
    found = sim_row_of_json(PLAIN)
    assert found is not None
    assert list(found.row) == list(COLUMNS["sims"])
    assert None not in found.row.values()
    assert found.row["status"] == "Factory Test"
    assert found.row["produced"] == "2026-05-06T08:47:00Z"
    assert found.row["iccid_in_groups"] == "8988-3030-0000-6000-0004"


def rounded(text: str) -> str:
    """What a spreadsheet makes of a cell: a number has 15 digits, and a text stays."""
    if not text.isdigit() or len(text) <= 15:
        return text
    return text[:15] + "0" * (len(text) - 15)


def test_every_long_number_has_a_column_that_a_spreadsheet_leaves_as_it_is() -> None:
    sim = sim_row_of_json(PLAIN)
    assert sim is not None
    usage = usage_row(owner_columns(sim.row), DayUsage.model_validate({"date": "2026-11-01"}))
    event = event_row(owner_columns(sim.row), Event.model_validate({"id": 1732310000123456}))
    of: dict[What, Row] = {"sims": sim.row, "usage": usage, "events": event}
    for what, row in of.items():
        assert set(row) <= set(COLUMNS[what])
        for name, cell in row.items():
            if rounded(str(cell)) != str(cell) and name != "iccid_19":
                grouped = str(row[f"{name}{IN_GROUPS}"])
                assert rounded(grouped) == grouped != str(cell)
                assert grouped.replace("-", "") == str(cell)
    assert sim.row["eid_in_groups"] == "8900-0000-0000-0000-0000-0000-0000-0000"
    assert sim.row["imei_in_groups"] == "3567-2011-6621-6588"
    assert event["event_id_in_groups"] == "1732-3100-0012-3456"


@pytest.mark.parametrize(
    ("digits", "grouped"),
    [
        (None, None),
        ("", None),
        ("7", "7"),
        ("202611", "202611"),
        ("12345678", "12345678"),
        ("123456789", "1234-5678-9"),
    ],
)
def test_what_no_spreadsheet_rounds_is_not_taken_apart_into_a_date(digits: str | None, grouped: str | None) -> None:
    assert in_groups(digits) == grouped


def test_what_is_no_sim_is_none() -> None:
    nothings: list[Any] = [None, 3, "SIM", [], {}, {"id": None}, {"id": "x"}, {"iccid": "8988"}]
    for raw in nothings:
        assert sim_row_of_json(raw) is None


@pytest.mark.parametrize(
    ("data", "sms", "currency"),
    [("EUR", "EUR", "EUR"), ("EUR", None, "EUR"), (None, "USD", "USD"), ("EUR", "USD", "data EUR, SMS USD")],
)
def test_each_cost_has_its_own_currency(data: str | None, sms: str | None, currency: str) -> None:
    def traffic(cost: int, code: str | None) -> dict[str, Any]:
        return {"volume": 1, "cost": cost, "currency": {"code": code} if code else None}

    day = DayUsage.model_validate({"date": "2026-11-01", "data": traffic(2, data), "sms": traffic(3, sms)})
    row = usage_row({}, day)
    assert (row["data_cost"], row["sms_cost"], row["currency"]) == (Decimal(2), Decimal(3), currency)
