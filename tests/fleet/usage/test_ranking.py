"""Who comes first, what all used together, and what counts as waste: pure."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_mcp.emnify import OrganisationStats, SimStatus, TariffPlan
from sim_mcp.fleet.usage.cache import Amount
from sim_mcp.fleet.usage.ranking import Brief, Order, likeliest_first, may_have_used, rank, total
from sim_mcp.fleet.usage.waste import Why, needs_usage, sort_out

TODAY = date(2026, 11, 22)
LONG_AGO = date(2025, 1, 1)
NOTHING, SOMETHING = Amount(0, 0, None, None, 0), Amount(1.5, 2, 0.3, "EUR", 0)


def sim(
    number: int, status: SimStatus = SimStatus.ACTIVATED, *, device: int | None = 1, since: date = LONG_AGO
) -> Brief:
    return Brief(number, f"898830300000{number:08d}", status, device, since)


amounts = st.builds(
    Amount,
    st.sampled_from([0.0, 0.1, 0.1, 2.5, 1000.0]),
    st.sampled_from([0.0, 1.0, 7.0]),
    st.sampled_from([None, 0.0, 0.5]),
    st.just("EUR"),
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
    found = total([SOMETHING, SOMETHING, SOMETHING._replace(currency="USD"), NOTHING])
    assert found.costs == {"EUR": 0.6, "USD": 0.3}
    assert (found.data_mb, found.sms) == (4.5, 6)


def test_issued_sims_are_not_asked_about_and_those_in_service_are_asked_about_first() -> None:
    sims = [sim(1, SimStatus.ISSUED), sim(2, device=None), sim(3, SimStatus.SUSPENDED), sim(4)]
    assert [each.id for each in sims if may_have_used(each)] == [2, 3, 4]
    assert likeliest_first(sims[1:]) == [4, 3, 2]


@pytest.mark.parametrize(
    ("card", "used", "why"),
    [
        (sim(1, device=None), (), Why.NO_DEVICE),
        (sim(1, device=9), (), Why.DISABLED_DEVICE),
        (sim(1, device=9), (SOMETHING, SOMETHING), Why.DISABLED_DEVICE),
        (sim(1), (NOTHING, NOTHING), Why.NO_TRAFFIC),
        (sim(1), (NOTHING, SOMETHING), None),
        (sim(1), (SOMETHING, NOTHING), None),
        (sim(1), (NOTHING,), None),
        (sim(1), (), None),
        (sim(1, since=TODAY - timedelta(days=29)), (NOTHING, NOTHING), None),
        (sim(1, since=TODAY - timedelta(days=30)), (NOTHING, NOTHING), Why.NO_TRAFFIC),
        (sim(1, SimStatus.SUSPENDED, device=None), (NOTHING, NOTHING), None),
        (sim(1, SimStatus.FACTORY_TEST), (NOTHING, NOTHING), None),
        (sim(1, SimStatus.FACTORY_TEST), (NOTHING._replace(data_mb=0.03), NOTHING), Why.FACTORY_TEST_ENDING),
        (sim(1, SimStatus.FACTORY_TEST), (NOTHING._replace(sms=2), NOTHING._replace(sms=1)), Why.FACTORY_TEST_ENDING),
        (sim(1, SimStatus.FACTORY_TEST), (NOTHING._replace(data_mb=0.01), NOTHING), None),
        (sim(1, SimStatus.FACTORY_TEST), (NOTHING._replace(sms=10), NOTHING), None),
    ],
)
def test_each_sim_is_waste_for_one_reason_or_none(card: Brief, used: tuple[Amount, ...], why: Why | None) -> None:
    this = {1: used[0]} if used else {}
    last = {1: used[1]} if len(used) > 1 else {}
    waste = sort_out([card], {9}, this, last, TODAY)
    assert {each for each, sims in waste.found.items() if sims} == ({why} if why else set())
    # What needs no usage to be sorted out is not asked about.
    assert needs_usage(card, {9}) is (why not in {Why.NO_DEVICE, Why.DISABLED_DEVICE} and card.status != 2)


@pytest.mark.parametrize(
    ("plan", "rate"),
    [
        ({"sim_activated_rate": "0.5"}, 0.5),
        ({"sim_activated_rate": 1, "applied_price": {"sim_activated_rate": [{"rate": "0.40", "volume": 9}]}}, 0.4),
        ({"applied_price": {"sim_activated_rate": [{"rate": 0.4}, {"rate": 0.3}]}}, None),
        ({}, None),
    ],
)
def test_a_plan_tells_a_price_only_where_there_is_one_for_all(plan: dict[str, object], rate: float | None) -> None:
    told = TariffPlan.model_validate(plan).hosting_rate
    assert (None if told is None else float(told)) == rate


@pytest.mark.parametrize("fees", [12.5, "12.50", {"cost": "12.5", "currency": {"code": "EUR"}}])
def test_hosting_fees_are_understood_as_a_number_and_as_a_sum_with_its_currency(fees: object) -> None:
    stats = OrganisationStats.model_validate({"hosting_fees": fees, "active_chargeable_sims": "25"})
    assert stats.hosting_fees is not None
    assert stats.hosting_fees.cost is not None
    assert float(stats.hosting_fees.cost) == 12.5
    assert stats.active_chargeable_sims == 25
