"""A change whose server is killed, frozen or cut off in the middle is finished by another, with nothing sent twice."""

import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from mcp import Client
from mcp.types import CallToolResult
from pydantic import SecretStr

from sim_mcp.changes.policy.agreement import BY_PAGE
from sim_mcp.changes.record.history import Change, changes
from sim_mcp.changes.record.journal import Journal
from sim_mcp.sandbox import SandboxSettings
from sim_mcp.server.app import build_server
from tests.chaos.test_kills import assert_told, assert_true
from tests.processes.test_serving import environment, server_process
from tests.replicas.database import Server
from tests.replicas.network import network_to
from tests.support import Fleet, fleet_of, structured, text_of, with_key

SIMS = 40
PACE = "latency=0.02@PATCH"


@dataclass
class Replicas:
    """Servers that share one record, as processes, and a change that the first of them is asked for."""

    fleet: Fleet
    sims: dict[str, int]
    doors: list[Callable[[], Client]]
    pids: list[int]
    journal: Journal
    told: list[CallToolResult] = field(default_factory=list)

    async def ask(self) -> None:
        """Have the SIMs suspended by the first server; its answer may never come."""
        with suppress(Exception):
            async with self.doors[0]() as client:
                arguments = {"sims": [*self.sims], "status": "suspended"}
                self.told.append(await client.call_tool("set_sim_status", arguments))

    async def written(self, number: int) -> None:
        """Wait until so many SIMs were written to."""
        with anyio.fail_after(60):
            while len(await self.fleet.writes()) < number:  # noqa: ASYNC110  # the sandbox tells nobody.
                await anyio.sleep(0.005)

    async def finished(self) -> Change:
        """Wait until nothing is left of the one change, and nothing is on its way."""
        with anyio.fail_after(120):
            while True:
                found = await anyio.to_thread.run_sync(changes, self.journal)
                if found and not found[0].left and not found[0].in_doubt:
                    return found[0]
                if found and not found[0].left:
                    async with self.doors[-1]() as client:
                        await client.call_tool("list_changes", {})
                await anyio.sleep(0.2)


@asynccontextmanager
async def replicas(number: int, *, seed: int = 1, **first: str) -> AsyncIterator[Replicas]:
    """Start servers; the first has settings of its own."""
    async with AsyncExitStack() as stack:
        fleet = await stack.enter_async_context(fleet_of(SandboxSettings(sims=140, seed=seed)))
        query = {"q": "status:1", "per_page": 1000}
        listed = (await fleet.api("GET", "/sim", role="enterprise", params=query)).json()
        await fleet.faults(PACE)
        doors: list[Callable[[], Client]] = []
        pids = []
        for place in range(number):
            # Machines of their own share nothing but the database.
            home = fleet.state_dir / f"replica-{place}"
            home.mkdir()
            own = {} if place else first
            env = environment(fleet, SIM_MCP_CONFIRM="host", SIM_MCP_STATE_DIR=str(home), **own)
            address, pid = await stack.enter_async_context(server_process([], env))
            stack.callback(woken, pid)
            pids.append(pid)
            doors.append(partial(a_client, address, env))
        sims = {sim["iccid"]: sim["id"] for sim in listed[:SIMS]}
        yield Replicas(fleet, sims, doors, pids, Journal(fleet.place))


def a_client(address: str, env: Mapping[str, str]) -> Client:
    return Client(with_key(address, env))


def woken(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


async def assert_once(group: Replicas) -> None:
    await assert_told(group.fleet, group.sims)
    await assert_true(group.fleet, group.sims)


@pytest.mark.parametrize("after", [1, 7, 23, 39])
async def test_a_server_that_is_killed_loses_its_change_to_another(after: int) -> None:
    async with replicas(3, seed=after) as group:
        async with anyio.create_task_group() as calls:
            calls.start_soon(group.ask)
            await group.written(after)
            os.kill(group.pids[0], signal.SIGKILL)
            await group.finished()
            calls.cancel_scope.cancel()
        await assert_once(group)


@pytest.mark.parametrize("after", [3, 18])
async def test_a_server_that_is_frozen_loses_its_change_and_sends_nothing_more_when_it_wakes(after: int) -> None:
    async with replicas(2, seed=100 + after) as group:
        async with anyio.create_task_group() as calls:
            calls.start_soon(group.ask)
            await group.written(after)
            os.kill(group.pids[0], signal.SIGSTOP)
            done = await group.finished()
            written = len(await group.fleet.writes())
            os.kill(group.pids[0], signal.SIGCONT)
        # Its caller, who waited all the while, hears how the change stands.
        (answer,) = group.told
        assert structured(answer)["plan"] == done.plan
        assert len(await group.fleet.writes()) <= written + 1, "at most the one it was about to send"
        await group.finished()
        await assert_once(group)


@pytest.mark.parametrize("after", [5, 21])
async def test_a_server_that_is_cut_off_from_the_record_loses_its_change_and_sends_nothing_more(
    place: SecretStr, after: int
) -> None:
    async with (
        network_to(place.get_secret_value()) as (network, url),
        replicas(2, seed=300 + after, SIM_MCP_DATABASE_URL=url) as group,
    ):
        async with anyio.create_task_group() as calls:
            calls.start_soon(group.ask)
            await group.written(after)
            network.cut()
            done = await group.finished()
            written = len(await group.fleet.writes())
            network.mend()
        (answer,) = group.told
        assert done.plan in text_of(answer)
        assert len(await group.fleet.writes()) == written
        await assert_once(group)


@pytest.mark.parametrize("after", [2, 20])
async def test_a_database_that_is_restarted_in_the_middle_loses_nothing(server: Server, after: int) -> None:
    async with replicas(2, seed=200 + after) as group:
        async with anyio.create_task_group() as calls:
            calls.start_soon(group.ask)
            await group.written(after)
            await anyio.to_thread.run_sync(server.restart)
            await group.finished()
        await assert_once(group)


async def test_what_was_left_is_not_sent_once_the_policy_forbids_it(fleet: Fleet, tmp_path: Path) -> None:
    sims = [fleet.scenarios[story]["sim_id"] for story in ("healthy", "went_silent")]
    journal = Journal(fleet.place)
    async with Client(build_server(fleet.settings())) as client:
        arguments = {"sims": [str(sim) for sim in sims], "status": "suspended"}
        plan = structured(await client.call_tool("set_sim_status", arguments))["plan"]
    await anyio.to_thread.run_sync(abandon, journal, plan)
    policy = tmp_path / "policy.toml"
    policy.write_text('[[rule]]\nstatus = "suspended"\ndecision = "never"\n')
    async with Client(build_server(fleet.settings(policy=policy))):
        await given_back(journal)
    assert await fleet.writes() == []
    await anyio.to_thread.run_sync(leave, journal, plan)
    async with Client(build_server(fleet.settings())):
        await given_back(journal)
    assert len(await fleet.writes()) == len(sims)


def abandon(journal: Journal, plan: str) -> None:
    """Agree to a plan and leave it in the middle, as a server does that is killed."""
    assert journal.decide(plan, approved=True, how=BY_PAGE)
    leave(journal, plan)


def leave(journal: Journal, plan: str) -> None:
    with journal.record.writing() as db:
        db.execute("DELETE FROM turns")
        db.execute("INSERT INTO turns (plan, number, until, holder) VALUES (?, 1, clock_timestamp(), '')", (plan,))


async def given_back(journal: Journal) -> None:
    """Wait until some server was through with what was left."""
    with anyio.fail_after(30):
        while await anyio.to_thread.run_sync(turns_held, journal):  # noqa: ASYNC110  # the database tells nobody.
            await anyio.sleep(0.1)


def turns_held(journal: Journal) -> int:
    with journal.record.reading() as db:
        return int(db.execute("SELECT count(*) FROM turns WHERE until IS NOT NULL").fetchone()[0])
