"""What counts as waste, and what a SIM costs a month."""

from datetime import date, timedelta

import pytest

from sim_mcp.emnify import OrganisationStats, SimStatus, TariffPlan
from sim_mcp.fleet.usage.cache import Amount
from sim_mcp.fleet.usage.ranking import Brief
from sim_mcp.fleet.usage.waste import Why, needs_usage, sort_out
from tests.fleet.usage.test_ranking import NOTHING, SOMETHING, sim

TODAY = date(2026, 11, 22)


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
