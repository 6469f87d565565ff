"""emnify's limits hold for all servers together: spaced, in windows, paused by any 429; alone, each keeps its part."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx
import psycopg
import pytest
from mcp import Client
from pydantic import SecretStr

from sim_mcp.emnify import PUBLISHED_LIMITS, EmnifyClient, anew, for_a_change
from sim_mcp.emnify.errors import RateLimitedError
from sim_mcp.emnify.limits.budget import Claim, OwnBudget
from sim_mcp.emnify.limits.postgres_limits import PostgresLimits
from sim_mcp.emnify.limits.rate_limit import Limits, Rate, Window
from sim_mcp.emnify.limits.shared_limits import Gate, LimitsAwayError, SharedBudget
from sim_mcp.sandbox import SandboxSettings
from sim_mcp.sandbox.settings import Unknowns
from sim_mcp.server.app import build_server
from tests.processes.test_serving import environment, server_process
from tests.replicas.database import Server
from tests.replicas.test_takeover import a_client
from tests.server.signin.issuing import served, settings_for
from tests.support import Fleet, fleet_of, structured

SERVERS = 3
LIST = "GET /api/v1/sim"
GET = "GET /api/v1/sim/{id}"
LISTING = Claim(LIST, "list")
NO_LIMIT = Limits(per_address=Window(10_000, 300))


@pytest.fixture
async def stores(place: SecretStr) -> AsyncIterator[list[PostgresLimits]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(aclosing(PostgresLimits(place))) for _ in range(SERVERS)]


async def slots(stores: list[PostgresLimits], gates: list[Gate], number: int) -> list[float]:
    """Have all servers ask at once for so many slots together; return when each is, in order."""
    found: list[float] = []
    # Against one clock: what a slot is told by is how far ahead it is.
    began = time.monotonic()

    async def ask(store: PostgresLimits) -> None:
        for _ in range(number // len(stores)):
            slot = await store.reserve(gates, 1000)
            assert slot.granted
            found.append(time.monotonic() - began + slot.wait_s)

    async with anyio.create_task_group() as group:
        for store in stores:
            group.start_soon(ask, store)
    return sorted(found)


async def test_requests_of_all_servers_are_spaced(stores: list[PostgresLimits]) -> None:
    told = await slots(stores, [Gate("a", 10.0)], 30)
    # How long an answer is on its way hardly counts against ten seconds.
    assert all(later - earlier == pytest.approx(10.0, abs=2.0) for earlier, later in pairwise(told))


async def test_a_window_holds_for_all_servers_wherever_it_begins(stores: list[PostgresLimits]) -> None:
    told = await slots(stores, [Gate("a", 0.0, 6, 100), Gate("b", 5.0)], 30)
    assert all(later - earlier >= 98 for earlier, later in zip(told, told[6:], strict=False))
    # And no longer than it takes: five windows.
    assert told[-1] < 5 * 103


async def test_workspaces_do_not_wait_for_each_other_but_for_the_address(stores: list[PostgresLimits]) -> None:
    one, other, *_ = stores
    assert (await one.reserve([Gate("one", 60.0)], 1)).granted
    assert not (await one.reserve([Gate("one", 60.0)], 1)).granted
    assert (await other.reserve([Gate("other", 60.0)], 1)).granted


async def test_ready_says_that_the_limits_are_shared_and_by_how_many(fleet: Fleet) -> None:
    async with (
        served(settings_for(None, fleet.state_dir, **dict(_known(fleet)))) as address,
        httpx.AsyncClient() as http,
    ):
        told = (await http.get(f"{address.removesuffix('/mcp')}/ready")).json()
    assert told["limiter"] == {"kind": "PostgreSQL", "ok": True, "servers": 1, "slowed_down": False}
    assert told["database"] == {"kind": "PostgreSQL", "ok": True}


def _known(fleet: Fleet) -> dict[str, Any]:
    return fleet.settings().model_dump(include={"base_url", "application_token", "database_url"})


async def test_a_slot_that_is_too_far_ahead_is_not_taken(stores: list[PostgresLimits]) -> None:
    store, *_ = stores
    await store.reserve([Gate("a", 60.0)], 1)
    refused = [await store.reserve([Gate("a", 60.0)], 1) for _ in range(3)]
    assert [slot.granted for slot in refused] == [False] * 3
    assert all(50 < slot.wait_s <= 60 for slot in refused)


async def test_a_change_waits_for_what_other_servers_spent_before_anything_is_recorded_as_sent(
    stores: list[PostgresLimits],
) -> None:
    one, other, *_ = (budget_of(store, Limits(per_address=Window(1, 300)), "a") for store in stores)
    assert await other.wait_s("PATCH /api/v1/sim/{id}") == 0
    assert (await one.reserve(Claim("PATCH /api/v1/sim/{id}", "change"), 0.1)).granted
    told = [await other.wait_s("PATCH /api/v1/sim/{id}") for _ in range(2)]
    assert all(290 < wait_s <= 302 for wait_s in told)


async def test_a_429_anywhere_slows_every_server_of_the_workspace(stores: list[PostgresLimits]) -> None:
    one, other, third = (budget_of(store, NO_LIMIT, name) for store, name in zip(stores, "aab", strict=True))
    await one.pause(60.0)
    refused = await other.reserve(LISTING, 0.1)
    assert not refused.granted
    assert 50 < refused.wait_s <= 60
    assert other.expected_s(LISTING) == pytest.approx(refused.wait_s, abs=2)
    assert (await third.reserve(LISTING, 0.1)).granted


async def test_a_server_that_is_asked_to_slow_down_slows_the_others(stores: list[PostgresLimits]) -> None:
    async with (
        fleet_of(SandboxSettings(sims=60, unknowns=Unknowns(retry_after=120))) as fleet,
        client_of(fleet, stores[0]) as one,
        client_of(fleet, stores[1]) as other,
    ):
        await one.list_sim_statuses()
        assert await other.wait_s(LIST) == 0
        await fleet.faults("throttle")
        with pytest.raises(RateLimitedError):
            await one.list_sims(per_page=1, deadline_s=5)
        assert 60 < await other.wait_s(LIST) <= 120


def budget_of(store: PostgresLimits, limits: Limits, workspace: str) -> SharedBudget:
    return SharedBudget(store, limits, workspace, OwnBudget(limits))


async def test_a_share_is_kept_for_changes_of_what_all_servers_may_send(
    fleet: Fleet, stores: list[PostgresLimits]
) -> None:
    limits, sim = Limits(per_address=Window(40, 300)), fleet.scenarios["healthy"]["sim_id"]
    clients = (client_of(fleet, store, limits) for store in stores)

    async def often(client: EmnifyClient, number: int) -> None:
        for _ in range(number):
            await client.get_sim(sim)

    async with AsyncExitStack() as stack:
        one, other, third = [await stack.enter_async_context(client) for client in clients]
        with anew():
            await often(one, 33)
            await other.get_sim(sim)
            with pytest.raises(RateLimitedError):
                await often(other, 6)
        with for_a_change():
            await third.get_sim(sim)
    # Each server alone would have found that nobody has asked for anything.
    assert len(await fleet.requests()) < 40


def client_of(fleet: Fleet, store: PostgresLimits, limits: Limits = PUBLISHED_LIMITS) -> EmnifyClient:
    token = fleet.world.tokens["enterprise"]
    return EmnifyClient(base_url=fleet.world.base_url, application_token=token, limit_store=store, limits=limits)


async def test_without_the_database_each_server_keeps_to_its_part_and_says_so(
    server: Server, stores: list[PostgresLimits], caplog: pytest.LogCaptureFixture
) -> None:
    limits = Limits(per_operation={LIST: Rate(0.01, 1)})
    shared = [budget_of(store, limits, f"workspace {number}") for number, store in enumerate(stores)]
    for each in shared:
        await each.reserve(Claim("GET /api/v1/other", "list"), 0.1)
    for each in shared:
        await each.reserve(Claim("GET /api/v1/other", "list"), 0.1)
    await anyio.to_thread.run_sync(server.stop)
    try:
        with pytest.raises(LimitsAwayError):
            await stores[0].reserve([Gate("a")], 1)
        assert (await shared[0].reserve(LISTING, 1000)).granted
        refused = await shared[0].reserve(LISTING, 1000)
    finally:
        await anyio.to_thread.run_sync(server.start)
    assert not refused.granted
    # A third of one in a hundred seconds.
    assert refused.wait_s == pytest.approx(300, rel=0.05)
    assert caplog.text.count("this one keeps to 1/3 of emnify's limits until it is back") == 1


async def granted(store: PostgresLimits, claim: Claim, number: int, window: int = 100) -> int:
    """How many of so many claims are granted at once."""
    slots = [await store.reserve([Gate("a", 0.0, window, 300)], 1, claim) for _ in range(number)]
    return sum(slot.granted for slot in slots)


async def test_the_background_of_one_server_leaves_room_for_the_questions_and_changes_of_all(
    stores: list[PostgresLimits],
) -> None:
    one, other, third = stores
    assert await granted(one, Claim("", "single"), 20) == 20
    # 96 of 100, less twice what was asked.
    assert await granted(other, Claim("", "background"), 50) == 36
    assert await granted(third, Claim("", "background"), 1) == 0
    assert await granted(third, Claim("", "list"), 50) == 97 - 56
    assert await granted(one, Claim("", "single"), 50) == 1
    assert await granted(other, Claim("", "change"), 50) == 2


async def test_one_in_a_loop_on_every_server_leaves_a_share_to_whoever_comes(stores: list[PostgresLimits]) -> None:
    loop, somebody = (Claim("", "single", name) for name in ("loop", "somebody"))
    assert await granted(stores[0], loop, 40) == 40
    assert await granted(stores[1], loop, 40) == 10
    assert await granted(stores[2], somebody, 40) == 33
    with psycopg.connect(stores[0]._connections._info) as db:
        kept = db.execute("SELECT DISTINCT asked_by FROM pace_seconds").fetchall()
    assert not {name for (name,) in kept} & {"loop", "somebody"}


async def test_a_server_spares_the_window_by_what_all_servers_asked(stores: list[PostgresLimits]) -> None:
    one, other, *_ = (budget_of(store, Limits(per_address=Window(100, 300)), "a") for store in stores)
    for _ in range(60):
        await one.reserve(Claim(GET, "single"), 0.1)
    assert other.sparing_s() == 0
    await other.reserve(Claim(GET, "single"), 0.1)
    assert other.sparing_s() == pytest.approx(300 * 0.35 / 0.75, rel=0.1)


async def test_a_scan_on_one_server_does_not_hold_up_who_asks_on_another(
    stores: list[PostgresLimits], tmp_path: Path
) -> None:
    async with fleet_of(SandboxSettings(sims=60, limits=True)) as fleet, client_of(fleet, stores[0]) as asking:
        # The other server is a process of its own.
        env = environment(fleet, SIM_MCP_STATE_DIR=str(tmp_path))
        async with (
            server_process([], env) as (address, _),
            a_client(address, env) as scanning,
            anyio.create_task_group() as group,
        ):
            group.start_soon(scanning.call_tool, "rank_sims_by_usage", {})
            with anyio.fail_after(60):
                while len(await usage_asked(fleet)) < 5:  # noqa: ASYNC110  # the sandbox tells nobody.
                    await anyio.sleep(0.05)
            asked = [sim.id for sim in (await asking.list_sims(per_page=100)).items][-10:]
            async with anyio.create_task_group() as questions:
                for sim in asked:
                    questions.start_soon(asking.get_sim_usage, sim)
            order = await usage_asked(fleet)
            group.cancel_scope.cancel()
        places = [order.index(sim) for sim in asked]
        meanwhile = set(order[min(places) : max(places)]) - set(asked)
        # The scan is one among those who ask, at most; before, up to forty of its requests stood in line.
        assert len(meanwhile) <= len(asked)
        assert len(order) < 60
        assert {request["status"] for request in await fleet.requests()} == {200}


async def usage_asked(fleet: Fleet) -> list[int]:
    """Of which SIMs the usage was asked for, in order."""
    paths = [request["path"] for request in await fleet.requests()]
    return [int(path.split("/")[-2]) for path in paths if "/sim/" in path and path.endswith("/stats")]


async def test_servers_that_ask_at_once_meet_no_429(place: SecretStr) -> None:
    del place
    async with fleet_of(SandboxSettings(sims=60, limits=True)) as fleet, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(Client(build_server(fleet.settings()))) for _ in range(SERVERS)]

        async def read(client: Client) -> None:
            for page in range(1, 21):
                structured(await client.call_tool("list_sims", {"page": page, "per_page": 3}))

        async with anyio.create_task_group() as group:
            for client in clients:
                group.start_soon(read, client)
        asked = await fleet.requests()
    assert len(asked) >= SERVERS * 20
    assert {request["status"] for request in asked} == {200}
