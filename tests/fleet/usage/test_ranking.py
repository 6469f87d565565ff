"""Who comes first, and what all used together."""

from datetime import date
from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_mcp.emnify import MonthUsage, SimStatus
from sim_mcp.emnify.money import Money
from sim_mcp.fleet.usage.cache import Amount
from sim_mcp.fleet.usage.ranking import (
    Brief,
    By,
    Order,
    Total,
    emnify_total,
    explain_difference,
    likeliest_first,
    may_have_used,
    rank,
    total,
    without_usage,
)

LONG_AGO = date(2025, 1, 1)
NOTHING, SOMETHING = Amount(0, 0, Money(), 0), Amount(1.5, 2, Money({"EUR": Decimal("0.3")}), 0)
TWO_EUR_THREE_USD = Money({"EUR": Decimal(2), "USD": Decimal(3)})


def sim(
    number: int, status: SimStatus = SimStatus.ACTIVATED, *, device: int | None = 1, since: date = LONG_AGO
) -> Brief:
    return Brief(number, f"898830300000{number:08d}", status, device, since)


amounts = st.builds(
    Amount,
    st.sampled_from([0.0, 0.1, 0.1, 2.5, 1000.0]),
    st.sampled_from([0.0, 1.0, 7.0]),
    st.sampled_from([Money(), Money({"EUR": Decimal(0)}), Money({"EUR": Decimal("0.5")})]),
    st.just(0.0),
)


@given(
    st.dictionaries(st.integers(1, 60), amounts), st.randoms(use_true_random=False), st.integers(1, 10),
    st.sampled_from(["most", "least", "none"]),
)  # fmt: skip
def test_the_order_is_that_of_the_values_and_equals_go_by_iccid(
    known: dict[int, Amount], random: object, top: int, order: Order
) -> None:
    sims = [sim(number) for number in range(1, 61)]
    shuffled = sorted(sims, key=lambda _: random.random())  # type: ignore[attr-defined]
    ranking = rank(shuffled, known, "data", order, top)
    assert ranking == rank(sims, known, "data", order, top)
    values = [row.amount.data_mb for row in ranking.first]
    assert values == sorted(values, reverse=order == "most")
    fitting = [one for one in known.values() if (one.idle if order == "none" else one.data_mb > 0)]
    assert ranking.fitting == len(fitting)
    assert len(ranking.first) == min(top, len(fitting))
    for before, after in zip(ranking.first, ranking.first[1:], strict=False):
        if before.amount.data_mb == after.amount.data_mb:
            assert (before.sim.iccid or "") < (after.sim.iccid or "")


def test_currencies_are_never_added_up() -> None:
    found = total([SOMETHING, SOMETHING, SOMETHING._replace(costs=Money({"USD": Decimal("0.3")})), NOTHING])
    assert found.costs == {"EUR": Decimal("0.6"), "USD": Decimal("0.3")}
    assert (found.data_mb, found.sms) == (4.5, 6)


def test_issued_sims_are_not_asked_about_and_those_in_service_are_asked_about_first() -> None:
    sims = [sim(1, SimStatus.ISSUED), sim(2, device=None), sim(3, SimStatus.SUSPENDED), sim(4)]
    assert [each.id for each in sims if may_have_used(each)] == [2, 3, 4]
    assert likeliest_first(sims[1:]) == [4, 3, 2]


def test_the_costs_of_one_sim_in_two_currencies_are_never_one_sum() -> None:
    two = Amount(1, 1, TWO_EUR_THREE_USD, 0)
    assert total([two, two]).costs == {"EUR": Decimal(4), "USD": Decimal(6)}


def test_by_cost_a_sim_counts_with_its_largest_amount_and_not_with_a_sum_of_currencies() -> None:
    known = {
        1: Amount(1, 1, TWO_EUR_THREE_USD, 0),
        2: Amount(1, 1, Money({"EUR": Decimal("3.01")}), 0),
        3: Amount(1, 1, Money({"USD": Decimal("2.99")}), 0),
        4: Amount(1, 1, Money(), 0),
    }
    sims = [sim(number) for number in known]
    assert [row.sim.id for row in rank(sims, known, "cost", "most", 9).first] == [2, 1, 3]
    assert [row.sim.id for row in rank(sims, known, "cost", "least", 9).first] == [3, 1, 2]


def test_each_kind_of_usage_is_ranked_by_itself() -> None:
    known = {
        1: Amount(3, 1, Money({"EUR": Decimal(2)}), 0),
        2: Amount(1, 2, Money({"EUR": Decimal(3)}), 0),
        3: Amount(2, 3, Money({"EUR": Decimal(1)}), 0),
    }
    sims = [sim(number) for number in known]
    first = {by: [row.sim.id for row in rank(sims, known, by, "most", 3).first] for by in get_args(By)}
    assert first == {"data": [1, 3, 2], "sms": [3, 2, 1], "cost": [2, 1, 3]}


@pytest.mark.parametrize(
    ("own", "complete", "why"),
    [
        (None, True, ""),
        (Total(100.0, 5, Money({"EUR": Decimal(9)})), True, ""),
        (Total(100.009, 5, Money({"EUR": Decimal("9.01")})), True, ""),
        (Total(101.0, 5, Money({"EUR": Decimal(9)})), True, "deleted or handed on since"),
        (Total(100.0, 6, Money({"EUR": Decimal(9)})), True, "deleted or handed on since"),
        (Total(100.0, 5, Money({"EUR": Decimal(8)})), True, "deleted or handed on since"),
        (Total(100.0, 5, Money({"USD": Decimal(9)})), True, "deleted or handed on since"),
        (Total(101.0, 5, Money({"EUR": Decimal(9)})), False, "not all SIMs are read yet"),
    ],
)
def test_a_total_other_than_the_sum_is_explained(own: Total | None, complete: bool, why: str) -> None:
    told = explain_difference(Total(100.0, 5, Money({"EUR": Decimal(9)})), own, complete=complete)
    assert (why in (told or "")) if why else told is None


def test_emnifys_total_keeps_each_currency_apart() -> None:
    month = MonthUsage.model_validate(
        {
            "data": {"volume": "7.5", "cost": "2", "currency": {"code": "EUR"}},
            "sms": {"volume": 50, "cost": 3, "currency": {"code": "USD"}},
        }
    )
    found = emnify_total(month)
    assert (found.data_mb, found.sms, found.costs) == (7.5, 50.0, TWO_EUR_THREE_USD)
    nothing = emnify_total(None)
    assert (nothing.data_mb, nothing.sms, dict(nothing.costs)) == (0, 0, {})


def test_sims_without_usage_are_those_known_to_have_none_and_those_never_in_service() -> None:
    sims = [sim(1), sim(2), sim(3), sim(4, SimStatus.ISSUED), sim(5)]
    only_sms = NOTHING._replace(sms=1)
    only_data = NOTHING._replace(data_mb=0.000001)
    assert without_usage(sims, {1: NOTHING, 2: SOMETHING, 3: only_sms, 5: only_data}) == (1, 4)
