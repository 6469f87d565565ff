"""What counts as waste, and what a SIM costs a month."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from sim_mcp.emnify import EmnifyClient, Limits, OrganisationStats, SimStatus, TariffPlan
from sim_mcp.emnify.money import Money
from sim_mcp.fleet.usage.cache import Amount
from sim_mcp.fleet.usage.ranking import Brief
from sim_mcp.fleet.usage.waste import Price, Why, disabled_devices, hosting_price, needs_usage, sort_out, statuses_of
from tests.emnify.upstream import Reply, upstream_running
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


FEES = {"hosting_fees": {"cost": "10", "currency": {"code": "EUR"}}, "active_chargeable_sims": 3}


@pytest.mark.parametrize(
    ("plan", "stats", "price"),
    [
        (
            {
                "sim_activated_rate": "0.50",
                "sim_suspended_rate": "0.125",
                "tariff_plan": {"currency": {"code": "EUR"}},
            },
            {},
            Price(Money({"EUR": Decimal("0.375")}), "tariff plan"),
        ),
        ({"sim_activated_rate": "0.5"}, {}, Price(Money({"": Decimal("0.5")}), "tariff plan")),
        ({}, FEES, Price(Money({"EUR": Decimal(10) / 3}), "this month's hosting fees, averaged")),
        ({}, FEES | {"active_chargeable_sims": 0}, None),
        ({}, {"active_chargeable_sims": 3}, None),
    ],
)
async def test_the_price_of_a_sim_is_exact_and_in_its_own_currency(
    plan: dict[str, object], stats: dict[str, object], price: Price | None
) -> None:
    async with (
        upstream_running() as upstream,
        EmnifyClient(base_url=upstream.base_url, application_token="x", limits=Limits()) as client,
    ):
        upstream.script(Reply(json=plan), Reply(json=stats))
        assert await hosting_price(client) == price


async def test_disabled_devices_are_those_of_every_page_in_that_status() -> None:
    def device(number: int, status: int) -> dict[str, object]:
        return {"id": number, "name": "d", "status": {"id": status}}

    headers = {"X-Total-Count": "1001", "X-Total-Pages": "2", "X-Current-Page": "1", "X-Count-Per-Page": "1000"}
    async with (
        upstream_running() as upstream,
        EmnifyClient(base_url=upstream.base_url, application_token="x", limits=Limits()) as client,
    ):
        first = [device(number, 1) for number in range(1000)]
        upstream.script(
            Reply(json=first, headers=headers),
            Reply(json=[device(1000, 0), device(1001, 1)], headers=headers | {"X-Current-Page": "2"}),
        )
        assert await disabled_devices(client) == {*range(1000), 1001}
    assert [line.split("?")[0] for line in upstream.lines] == ["GET /api/v1/endpoint"] * 2
    assert "per_page=1000" in upstream.lines[0]
    assert "page=2" in upstream.lines[1]


def test_what_is_not_waste_is_counted_too() -> None:
    sims = [
        sim(1, since=TODAY - timedelta(days=2)),
        sim(2, SimStatus.FACTORY_TEST),
        sim(3, SimStatus.FACTORY_TEST),
        sim(4, SimStatus.FACTORY_TEST),
    ]
    past, near = NOTHING._replace(data_mb=0.1), NOTHING._replace(data_mb=0.025)
    waste = sort_out(sims, set(), {1: NOTHING, 2: past, 3: near}, {1: NOTHING, 2: NOTHING, 3: NOTHING}, TODAY)
    assert (waste.new, waste.in_factory_test, waste.past_default_test) == (1, 3, 1)
    assert [each.id for each in waste.found[Why.FACTORY_TEST_ENDING]] == [3]


@pytest.mark.parametrize(
    ("whys", "statuses"),
    [
        ((Why.NO_DEVICE,), (SimStatus.ACTIVATED,)),
        ((Why.FACTORY_TEST_ENDING,), (SimStatus.FACTORY_TEST,)),
        (tuple(Why), (SimStatus.ACTIVATED, SimStatus.FACTORY_TEST)),
    ],
)
def test_only_sims_that_may_be_waste_are_looked_at(whys: tuple[Why, ...], statuses: tuple[SimStatus, ...]) -> None:
    assert statuses_of(whys) == statuses


@pytest.mark.parametrize("why", list(Why))
def test_usage_is_needed_only_for_what_was_asked(why: Why) -> None:
    assert needs_usage(sim(1, SimStatus.FACTORY_TEST), set(), [why]) is (why is Why.FACTORY_TEST_ENDING)
    assert needs_usage(sim(1), set(), [why]) is (why is Why.NO_TRAFFIC)
