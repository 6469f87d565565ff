"""Each operation against a sandbox, over HTTP: what it sent, and what it did."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from sim_mcp.emnify import (
    CLEAR,
    Bic,
    ConflictError,
    DeviceFilter,
    EmnifyClient,
    EmnifyError,
    EventFilter,
    ForbiddenError,
    Label,
    Limits,
    NotFoundError,
    RuleError,
    SimChange,
    SimFilter,
    SimStatus,
)
from sim_mcp.sandbox import SandboxSettings
from tests.support import Fleet, fleet_of

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
RESOLD, RESELLER, SERVICE_PROVIDER, ISSUER = 13887, 9100, 9200, 2
UNREGISTERED = "#31F6E2S6XTR3NEY"


@pytest.fixture
async def fleet() -> AsyncIterator[Fleet]:
    async with fleet_of(SandboxSettings(sims=60, clock=NOON)) as made:
        yield made


@asynccontextmanager
async def signed_in(fleet: Fleet, role: str = "enterprise") -> AsyncIterator[EmnifyClient]:
    async with EmnifyClient(
        base_url=fleet.world.base_url, application_token=fleet.world.tokens[role], limits=Limits()
    ) as client:
        yield client


async def sent(fleet: Fleet) -> list[tuple[str, str, str, Any, int]]:
    """Every request since the last look, signing in apart."""
    requests = await fleet.requests()
    (await fleet.control.delete("/sandbox/requests")).raise_for_status()
    return [(each["method"], each["path"], each["query"], each["body"], each["status"]) for each in requests]


async def test_listing_sims(fleet: Fleet) -> None:
    async with signed_in(fleet) as client:
        page = await client.list_sims(SimFilter(status=SimStatus.SUSPENDED), per_page=3)
    assert await sent(fleet) == [("GET", "/api/v1/sim", "q=status%3A2&page=1&per_page=3", None, 200)]
    assert {sim.known_status for sim in page.items} == {SimStatus.SUSPENDED}
    assert len(page.items) == min(3, page.total or 0)


async def test_reading_a_sim(fleet: Fleet) -> None:
    story = fleet.scenarios["euicc"]
    async with signed_in(fleet) as client:
        sim = await client.get_sim(story["sim_id"])
    assert await sent(fleet) == [("GET", f"/api/v1/sim/{sim.id}", "", None, 200)]
    assert (sim.printed_iccid, sim.eid, sim.imsi) == (story["iccid_with_luhn"], story["eid"], story["imsi"])
    assert sim.device is not None
    assert sim.device.name == story["device_name"]


async def test_changing_the_status_of_a_sim(fleet: Fleet) -> None:
    sim_id = fleet.scenarios["healthy"]["sim_id"]
    async with signed_in(fleet) as client:
        await client.update_sim(sim_id, SimChange(status=SimStatus.SUSPENDED))
        assert await sent(fleet) == [("PATCH", f"/api/v1/sim/{sim_id}", "", {"status": {"id": 2}}, 204)]
        assert (await client.get_sim(sim_id)).known_status is SimStatus.SUSPENDED
        newest = (await client.list_sim_events(sim_id, EventFilter(source="api"), per_page=1)).items[0]
        assert newest.type == Label(id=9, description="SIM suspension")
        assert newest.description == "Status of SIM changed from 'Activated' to 'Suspended'"


@pytest.mark.parametrize(
    ("role", "story", "change", "body"),
    [
        # A reseller gives its SIMs to its own customers only.
        ("reseller", "stock", SimChange(customer_org=RESOLD), {"customer_org": {"id": RESOLD}}),
        ("issuer", "no_device", SimChange(reseller_org=RESELLER), {"reseller_org": {"id": RESELLER}}),
        ("issuer", "no_device", SimChange(issuer_org=SERVICE_PROVIDER), {"issuer_org": {"id": SERVICE_PROVIDER}}),
    ],
)
async def test_giving_a_sim_to_an_organisation(
    fleet: Fleet, role: str, story: str, change: SimChange, body: dict[str, Any]
) -> None:
    sim_id = fleet.scenarios[story]["sim_id"]
    async with signed_in(fleet, role) as client:
        await client.update_sim(sim_id, change)
        assert await sent(fleet) == [("PATCH", f"/api/v1/sim/{sim_id}", "", body, 204)]
    async with signed_in(fleet, "issuer") as client:
        sim = await client.get_sim(sim_id)
    ((field, given),) = body.items()
    assert getattr(sim, field).id == given["id"]


@pytest.mark.parametrize(
    ("change", "body", "left"),
    [
        (SimChange(customer_org=CLEAR), {"customer_org": {"id": None}}, (None, RESELLER, ISSUER)),
        (SimChange(reseller_org=CLEAR), {"reseller_org": {"id": None}}, (RESOLD, None, ISSUER)),
        # A SIM is always somebody's: without another issuer it is the workspace's own.
        (SimChange(issuer_org=CLEAR), {"issuer_org": {"id": None}}, (RESOLD, RESELLER, ISSUER)),
        (
            SimChange(customer_org=CLEAR, reseller_org=CLEAR),
            {"reseller_org": {"id": None}, "customer_org": {"id": None}},
            (None, None, ISSUER),
        ),
    ],
)
async def test_taking_a_sim_from_an_organisation(
    fleet: Fleet, change: SimChange, body: dict[str, Any], left: tuple[int | None, ...]
) -> None:
    sim_id = fleet.scenarios["resold"]["sim_id"]
    async with signed_in(fleet, "issuer") as client:
        await client.update_sim(sim_id, change)
        assert await sent(fleet) == [("PATCH", f"/api/v1/sim/{sim_id}", "", body, 204)]
        sim = await client.get_sim(sim_id)
    held_by = [sim.customer_org, sim.reseller_org, sim.issuer_org]
    assert tuple(organisation and organisation.id for organisation in held_by) == left


async def test_deleting_a_sim(fleet: Fleet) -> None:
    sim_id = fleet.scenarios["no_device"]["sim_id"]
    async with signed_in(fleet) as client:
        await client.delete_sim(sim_id)
        assert await sent(fleet) == [("DELETE", f"/api/v1/sim/{sim_id}", "", None, 204)]
        with pytest.raises(NotFoundError, match=f"SIM with id {sim_id}"):
            await client.get_sim(sim_id)


async def test_deleting_several_sims(fleet: Fleet) -> None:
    async with signed_in(fleet) as client:
        spare = await client.list_sims(SimFilter(status=SimStatus.ISSUED, without_device=True), per_page=2)
        ids = [sim.id for sim in spare.items]
        await sent(fleet)
        await client.delete_sims(ids)
        assert await sent(fleet) == [("DELETE", "/api/v1/sim/multi", "", [{"id": each} for each in ids], 204)]
        left = await client.list_sims(per_page=2500)
    assert not set(ids) & {sim.id for sim in left.items}


async def test_reading_the_events_of_a_sim(fleet: Fleet) -> None:
    sim_id = fleet.scenarios["rejected_by_network"]["sim_id"]
    wanted = EventFilter(
        types=(1,), severity="warn", description="rejected", since=NOON - timedelta(days=2), until=NOON
    )
    async with signed_in(fleet) as client:
        page = await client.list_sim_events(sim_id, wanted, per_page=50)
    query = (
        "q=from%3A2026-11-20T12%3A00%3A00Z%2Cuntil%3A2026-11-22T12%3A00%3A00Z%2Ctype%3A1%2Cseverity%3A1"
        "%2Cdescription%3Arejected&sort=-timestamp&page=1&per_page=50"
    )
    assert await sent(fleet) == [("GET", f"/api/v1/sim/{sim_id}/event", query, None, 200)]
    assert page.items
    assert {event.type.id for event in page.items if event.type} == {1}
    moments = [event.timestamp for event in page.items if event.timestamp]
    assert NOON - timedelta(days=2) <= min(moments) <= max(moments) <= NOON


async def test_reading_usage_and_cost(fleet: Fleet) -> None:
    sim_id = fleet.scenarios["roaming_spike"]["sim_id"]
    async with signed_in(fleet) as client:
        usage = await client.get_sim_usage(sim_id)
    assert await sent(fleet) == [("GET", f"/api/v1/sim/{sim_id}/stats", "", None, 200)]
    assert usage.current_month is not None
    assert usage.current_month.data is not None
    data = usage.current_month.data
    assert data.volume == (data.rx or 0) + (data.tx or 0) > 0
    assert (data.cost or 0) > 0
    assert data.currency == "EUR"
    assert usage.last_hour_mb is not None


async def test_reading_usage_by_day(fleet: Fleet) -> None:
    sim_id = fleet.scenarios["roaming_spike"]["sim_id"]
    async with signed_in(fleet) as client:
        daily = await client.get_sim_daily_usage(sim_id, date(2026, 11, 1), date(2026, 11, 22))
        one_day = await client.get_sim_daily_usage(sim_id, daily.days[0].date, daily.days[0].date)
    assert (await sent(fleet))[0] == (
        "GET",
        f"/api/v1/sim/{sim_id}/stats/daily",
        "start_date=2026-11-01&end_date=2026-11-22",
        None,
        200,
    )
    volumes = [day.data.volume or 0 for day in daily.days if day.data]
    assert daily.total is not None
    assert daily.total.data is not None
    assert sum(volumes) == daily.total.data.volume
    assert one_day.days == daily.days[:1]


async def test_reading_the_statuses(fleet: Fleet) -> None:
    async with signed_in(fleet) as client:
        statuses = await client.list_sim_statuses()
    assert await sent(fleet) == [("GET", "/api/v1/sim/status", "", None, 200)]
    assert [(status.id, status.description) for status in statuses] == [(each.value, each.label) for each in SimStatus]


async def test_validating_and_registering_a_batch(fleet: Fleet) -> None:
    bic = Bic.parse("#31f 6e2s 6xtr 3ney")
    async with signed_in(fleet) as client:
        batch = await client.batches.get(bic)
        assert (batch.bic, batch.quantity) == (UNREGISTERED, 10)
        registered = (await client.batches.register(bic, SimStatus.ACTIVATED)).sims
        assert await sent(fleet) == [
            ("GET", "/api/v1/sim_batch/bic/%2331F6E2S6XTR3NEY", "", None, 200),
            ("PATCH", "/api/v1/sim_batch/bic/%2331F6E2S6XTR3NEY", "", {"sim_status": {"id": 1}}, 200),
        ]
        assert len(registered) == 10
        assert {(await client.get_sim(each.id)).known_status for each in registered} == {SimStatus.ACTIVATED}
        with pytest.raises(RuleError, match="#31F 6E2S 6XTR 3NEY cannot be registered: it is registered already"):
            await client.batches.get(bic)
        with pytest.raises(RuleError):
            await client.batches.register(bic, SimStatus.ACTIVATED)


@pytest.mark.parametrize(
    ("code", "problem", "why"),
    [
        ("#9Z8YX7WV6UT5SR4", RuleError, "its SIMs belong to another organisation"),
        ("#0000AAAA1111BBB", NotFoundError, "knows no batch #000 0AAA A111 1BBB"),
    ],
)
async def test_a_batch_that_cannot_be_registered_says_why(
    fleet: Fleet, code: str, problem: type[EmnifyError], why: str
) -> None:
    async with signed_in(fleet) as client:
        with pytest.raises(problem, match=why):
            await client.batches.get(Bic.parse(code))


async def test_reading_devices_and_how_they_are_connected(fleet: Fleet) -> None:
    story = fleet.scenarios["quota_exhausted"]
    async with signed_in(fleet) as client:
        (device,) = (await client.list_devices(DeviceFilter(name=story["device_name"]))).items
        alone = await client.get_device(device.id)
        connectivity = await client.get_connectivity(device.id)
        quota = await client.get_data_quota(device.id)
    assert (device.id, alone.id) == (story["device_id"], story["device_id"])
    assert alone.service_profile is not None
    assert alone.service_profile.description
    assert device.sim is not None
    assert device.sim.iccid == story["iccid"]
    assert connectivity.status == Label(description="BLOCKED")
    assert quota.status == Label(id=2, description="EXHAUSTED")
    assert quota.expiry_date is not None


Ask = Callable[[EmnifyClient, Fleet], Awaitable[Any]]


@pytest.mark.parametrize(
    ("ask", "problem"),
    [
        (lambda c, _: c.get_sim(99_999_999), NotFoundError),
        (lambda c, f: c.get_sim(f.scenarios["foreign"]["sim_id"]), NotFoundError),
        (lambda c, _: c.get_sim_usage(99_999_999), NotFoundError),
        (lambda c, f: c.delete_sim(f.scenarios["healthy"]["sim_id"]), ConflictError),
        (lambda c, f: c.update_sim(f.scenarios["healthy"]["sim_id"], SimChange(status=SimStatus.ISSUED)), RuleError),
        (lambda c, f: c.update_sim(f.scenarios["healthy"]["sim_id"], SimChange(customer_org=RESOLD)), ForbiddenError),
        (lambda c, _: c.batches.register(Bic.parse("#9Z8YX7WV6UT5SR4"), SimStatus.ISSUED), RuleError),
    ],
)
async def test_a_refusal_says_what_and_that_nothing_changed(fleet: Fleet, ask: Ask, problem: type[EmnifyError]) -> None:
    async with signed_in(fleet) as client:
        with pytest.raises(problem) as refused:
            await ask(client, fleet)
    assert refused.value.changed == "nothing"
    assert len(await sent(fleet)) == 1
