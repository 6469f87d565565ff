"""A month of events is read whole, or says what is missing."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given

from sim_mcp.emnify import EmnifyClient, EmnifyError, EventFilter, Limits
from sim_mcp.fleet.events.event import Event
from sim_mcp.fleet.events.reader import MOST_EVENTS, read_timeline, sum_entries
from sim_mcp.fleet.events.timeline import build_entries
from sim_mcp.sandbox import SandboxSettings, Unknowns
from tests.fleet.events.building import NOW, some_events
from tests.support import fleet_of


@given(some_events)
def test_totals_are_the_sums_of_the_events(events: list[Event]) -> None:
    totals = sum_entries(build_entries(events))
    ends = [event.mb or 0.0 for event in events if event.type == 5]
    assert totals.events == len(events)
    assert totals.mb == pytest.approx(sum(ends))
    assert sum(totals.by_network.values()) == pytest.approx(totals.mb)
    assert totals.rejections == sum(event.rejected and event.type in (1, 2, 3) for event in events)


async def all_events(client: EmnifyClient, sim: int, start: datetime, end_: datetime) -> int | None:
    return (await client.list_sim_events(sim, EventFilter(since=start, until=end_), per_page=1)).total


async def test_a_month_is_read_to_its_first_event_whatever_the_page_size() -> None:
    async with (
        fleet_of(SandboxSettings(sims=60, clock=NOW, unknowns=Unknowns(max_event_page=40))) as fleet,
        EmnifyClient(
            base_url=fleet.world.base_url, application_token=fleet.world.tokens["enterprise"], limits=Limits()
        ) as small,
    ):
        sim = await small.get_sim(fleet.scenarios["went_silent"]["sim_id"])
        start = NOW - timedelta(days=30)
        read = await read_timeline(small, sim, start, NOW)
        assert read.totals.events == await all_events(small, sim.id, start, NOW)
        assert (read.left_out, read.read_back_to, read.why) == (0, None, None)
        await fleet.faults("error=403:x1@/event")
        with pytest.raises(EmnifyError):
            await read_timeline(small, sim, start, NOW)


async def test_a_month_is_read_where_emnify_refuses_pages_over_a_hundred() -> None:
    refusing = SandboxSettings(sims=60, clock=NOW, unknowns=Unknowns(event_page_over_100="400"))
    async with (
        fleet_of(refusing) as fleet,
        EmnifyClient(
            base_url=fleet.world.base_url, application_token=fleet.world.tokens["enterprise"], limits=Limits()
        ) as client,
    ):
        sim = await client.get_sim(fleet.scenarios["went_silent"]["sim_id"])
        start = NOW - timedelta(days=30)
        read = await read_timeline(client, sim, start, NOW)
        assert read.totals.events == await all_events(client, sim.id, start, NOW)
        assert read.totals.events > 200
        assert (read.left_out, read.read_back_to, read.why) == (0, None, None)
        before = len(await fleet.requests())
        await read_timeline(client, sim, start, NOW)
        queries = [request["query"] for request in (await fleet.requests())[before:]]
        assert queries
        assert all("per_page=100" in query for query in queries)
        await fleet.faults("error=400@/event")
        with pytest.raises(EmnifyError):
            await read_timeline(client, sim, start, NOW)


async def test_what_could_not_be_read_is_counted_and_dated() -> None:
    settings = SandboxSettings(sims=60, clock=NOW, unknowns=Unknowns(max_event_page=5))
    async with (
        fleet_of(settings) as fleet,
        EmnifyClient(
            base_url=fleet.world.base_url, application_token=fleet.world.tokens["enterprise"], limits=Limits()
        ) as client,
    ):
        sim = await client.get_sim(fleet.scenarios["went_silent"]["sim_id"])
        start = NOW - timedelta(days=30)
        total = await all_events(client, sim.id, start, NOW)
        first = await read_timeline(client, sim, start, NOW)
        assert total is not None
        assert first.totals.events + first.left_out == total
        assert first.totals.events == 100 < MOST_EVENTS
        assert first.read_back_to is not None
        rest = await read_timeline(client, sim, start, first.read_back_to)
        assert rest.totals.events >= first.left_out - 20
