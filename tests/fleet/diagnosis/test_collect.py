"""Every source is read, and one that fails costs only what depends on it."""

import anyio
import pytest

from sim_mcp.emnify import (
    AuthenticationError,
    EmnifyClient,
    Limits,
)
from sim_mcp.fleet.diagnosis.collect import collect_brief
from sim_mcp.fleet.diagnosis.diagnosis import diagnose, unread
from sim_mcp.sandbox import SandboxSettings, Unknowns
from tests.fleet.diagnosis.asking import diagnosed, spoilt
from tests.fleet.diagnosis.building import NOW
from tests.support import Fleet, fleet_of


async def test_what_was_granted_beyond_a_limit_is_asked_only_where_one_is_spoken_of(
    known: Fleet, client: EmnifyClient
) -> None:
    found = await diagnosed(known, client, "traffic_limit")
    assert "extension of the limit by 100 MB, over since 2026-11-13T12:00Z" in found.most_likely.proof
    before = len(await known.requests())
    await diagnosed(known, client, "healthy")
    asked = [request["path"] for request in (await known.requests())[before:]]
    assert asked
    assert not any("traffic_limit_extension" in path for path in asked)


async def test_with_little_time_left_what_the_sim_itself_says_is_told_and_the_rest_is_named_as_unread() -> None:
    async with spoilt() as (fleet, client):
        card = await client.get_sim(fleet.scenarios["suspended"]["sim_id"])
        await fleet.faults("latency=30@/endpoint", "latency=30@/event", "latency=30@/stats")
        with anyio.fail_after(20):
            found = await diagnose(client, card, within_s=-5.0)
        assert found.most_likely.rule == "sim_suspended"
        assert {"events", "device", "usage"} <= set(unread(found.evidence))


async def test_a_source_that_fails_costs_only_what_depends_on_it() -> None:
    rejected = "registration rejected (network, coverage policy, blocklist)"
    broken = {
        "/connectivity_info": ("network query", []),
        "/operator_blacklist": ("blocked operators", [rejected]),
        "/quota/data": ("data quota", ["data quota missing, used up or expired"]),
        "/stats": ("usage", ["charged without use", "cost or usage far above another month's"]),
        "/api/v1/event": ("workspace events", ["workspace blocked (prepaid, cost limit)"]),
    }
    async with spoilt() as (fleet, client):
        for route, (source, unclear) in broken.items():
            await fleet.faults(f"error=403@GET {route}")
            found = await diagnosed(fleet, client, "healthy")
            assert list(unread(found.evidence)) == [source]
            assert found.most_likely.rule == "online"
            assert list(found.not_checked) == unclear
            assert not set(unclear) & set(found.ruled_out)


async def test_of_a_device_that_is_not_to_be_read_no_quota_is_not_said() -> None:
    async with spoilt() as (fleet, client):
        await fleet.faults("error=404@GET /endpoint")
        found = await diagnosed(fleet, client, "healthy")
    assert {"device", "data quota", "SMS quota"} <= set(unread(found.evidence))
    assert "data quota missing, used up or expired" in found.not_checked


async def test_of_a_busy_sim_the_last_success_is_found_behind_its_rejections() -> None:
    settings = SandboxSettings(sims=60, clock=NOW, unknowns=Unknowns(max_event_page=10))
    async with (
        fleet_of(settings) as fleet,
        EmnifyClient(
            base_url=fleet.world.base_url, application_token=fleet.world.tokens["enterprise"], limits=Limits()
        ) as client,
    ):
        found = await diagnosed(fleet, client, "rejected_by_network")
        success = found.evidence.last(lambda each: each.session_opened)
        assert not found.evidence.all_events
        assert success is not None
        assert found.most_likely.rule == "registration_rejected"
        assert "(at least 10 times since" in found.most_likely.proof[0]
        await fleet.faults("error=403@/event")
        blind = await diagnosed(fleet, client, "rejected_by_network")
    assert blind.most_likely.rule == "cannot_tell"
    assert "events" in unread(blind.evidence)


async def test_a_glance_takes_four_requests_and_a_source_that_fails_costs_only_itself() -> None:
    async with spoilt() as (fleet, client):
        sim = await client.get_sim(fleet.scenarios["wrong_apn"]["sim_id"])
        bare = await client.get_sim(fleet.scenarios["no_device"]["sim_id"])
        before = len(await fleet.requests())
        found = await collect_brief(client, sim, 30)
        asked = sorted(request["path"].rpartition("/")[2] for request in (await fleet.requests())[before:])
        assert asked == ["active", "connectivity", "event", "stats"]
        assert found.state == "ATTACHED"
        assert found.last_data is not None
        assert not found.unread
        assert not (await collect_brief(client, bare, 30)).unread
        await fleet.faults("latency=30@/stats", "error=403@/connectivity")
        with anyio.fail_after(20):
            partial = await collect_brief(client, sim, -1)
        assert set(partial.unread) == {"usage", "connectivity"}
        assert partial.last_data == found.last_data
        await fleet.faults("error=401@/event")
        with pytest.raises(AuthenticationError):
            await collect_brief(client, sim, 30)
