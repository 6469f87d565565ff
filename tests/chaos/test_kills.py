"""Changes of 50 SIMs, killed at any point of a bad day, end as the record says, with nothing sent twice."""

import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import anyio
import pytest
from anyio.abc import Process
from mcp import Client

from sim_mcp.changes.record.audit import audit
from sim_mcp.changes.record.history import changes
from sim_mcp.changes.record.journal import Journal
from sim_mcp.changes.record.place import Place
from sim_mcp.sandbox import SandboxSettings
from sim_mcp.server.app import build_server
from sim_mcp.settings import Confirm
from tests.processes.test_serving import environment
from tests.support import Fleet, fleet_of

SEED = 20261122
SIMS = 50
_drawn = random.Random(SEED)  # noqa: S311  # to be had again, not secret.
KILL_POINTS = sorted(_drawn.sample(range(SIMS), 30))
KILL_POINTS_OF_TWO = sorted(_drawn.sample(range(SIMS), 8))
BAD_DAY = ("latency=0.005@PATCH", "drop_after=0.04@PATCH", "throttle=0.04@PATCH", "expire_tokens=0.02")
RESUMPTIONS = 6


@pytest.mark.parametrize("kill_after", KILL_POINTS)
async def test_a_killed_change_ends_as_the_record_says_with_nothing_sent_twice(kill_after: int) -> None:
    async with a_bad_day(kill_after) as (fleet, sims):
        while not open_plans(fleet.place):
            # On a bad day even the planning may fail; a person would call again.
            await killed(fleet, [suspend(sims)], kill_after)
        await assert_told(fleet, sims)
        await finish(fleet)
        await assert_true(fleet, sims)


@pytest.mark.parametrize("kill_after", KILL_POINTS_OF_TWO)
async def test_two_servers_that_share_one_record_are_killed_and_nothing_is_sent_twice(kill_after: int) -> None:
    async with a_bad_day(kill_after + SIMS) as (fleet, sims):
        halves = [dict(list(sims.items())[place::2]) for place in range(2)]
        await killed(fleet, [suspend(half) for half in halves], kill_after, plans=len(halves))
        await assert_told(fleet, sims)
        # Both go on with both, and are killed once more.
        plans = [f"plan={plan}" for plan in open_plans(fleet.place)]
        more = len(await fleet.writes()) + 5
        await killed(fleet, [["continue_change", plan] for plan in plans for _ in range(2)], more)
        await assert_told(fleet, sims)
        await finish(fleet)
        await assert_true(fleet, sims)


@asynccontextmanager
async def a_bad_day(seed: int) -> AsyncIterator[tuple[Fleet, dict[str, int]]]:
    """Yield an emnify on a bad day, and SIMs that are in service, by ICCID."""
    async with fleet_of(SandboxSettings(sims=140, seed=SEED + seed)) as fleet:
        listed = (await fleet.api("GET", "/sim", role="enterprise", params={"q": "status:1", "per_page": 1000})).json()
        await fleet.faults(*BAD_DAY)
        yield fleet, {sim["iccid"]: sim["id"] for sim in listed[:SIMS]}


async def finish(fleet: Fleet) -> None:
    """Go on as a person would, until all that was agreed to was sent and read."""
    async with Client(build_server(fleet.settings(confirm=Confirm.HOST))) as client:
        for _ in range(RESUMPTIONS):
            for change in changes(Journal(fleet.place)):
                if change.standing == "open":
                    await client.call_tool("continue_change", {"plan": change.plan})
        await fleet.faults()
        await client.call_tool("list_changes", {})
    assert not [change for change in changes(Journal(fleet.place)) if change.left]


async def assert_told(fleet: Fleet, sims: dict[str, int]) -> None:
    """What was sent is on record as sent, whatever is known of it: each SIM by the audit alone."""
    told = {row.sim[:19]: row for row in audit(fleet.place) if row.event != "decided"}
    for write in await fleet.writes():
        iccid = next(iccid for iccid, sim_id in sims.items() if write["path"].endswith(f"/{sim_id}"))
        assert told[iccid].event in ("sent", "outcome", "read again")
        assert told[iccid].agreed == "the operator's policy"


async def assert_true(fleet: Fleet, sims: dict[str, int]) -> None:
    """Compare the record with what the SIMs read, and count what each of them was sent."""
    sent = Counter(write["path"] for write in await fleet.writes() if write["status"] not in {429, 401})
    assert set(sent.values()) <= {1}, sent.most_common(3)
    told = {row.sim[:19]: row.outcome for row in audit(fleet.place) if row.event != "decided"}
    assert set(told) == set(sims)
    for iccid, sim_id in sims.items():
        sim = (await fleet.api("GET", f"/sim/{sim_id}", role="enterprise")).json()
        assert (sim["status"]["id"] == 2) == (told[iccid] == "changed"), (iccid, told[iccid], sim["status"])
        assert told[iccid] != "failed" or sent[f"/api/v1/sim/{sim_id}"] == 0


def suspend(sims: dict[str, int]) -> list[str]:
    return ["set_sim_status", "status=suspended", *(f"sims={iccid}" for iccid in sims)]


async def killed(fleet: Fleet, calls: list[list[str]], kill_after: int, plans: int = 0) -> None:
    """Make each call in a process of its own; kill all once so many writes have arrived and plans are agreed to."""
    journal = Journal(fleet.place)

    async def goes_on() -> bool:
        agreed = [change for change in changes(journal) if change.agreed] if plans else []
        return len(await fleet.writes()) <= kill_after or len(agreed) < plans

    async with AsyncExitStack() as stack:
        processes: list[Process] = []
        for words in calls:
            command = [sys.executable, "-m", "sim_mcp", "call", *words]
            opened = await anyio.open_process(command, env=environment(fleet, SIM_MCP_CONFIRM="host"))
            processes.append(await stack.enter_async_context(opened))
        with anyio.fail_after(120):
            while running(processes) and await goes_on():  # noqa: ASYNC110  # the other processes tell nobody.
                await anyio.sleep(0.001)
        for process in running(processes):
            os.kill(process.pid, signal.SIGKILL)


def running(processes: list[Process]) -> list[Process]:
    return [process for process in processes if process.returncode is None]


def open_plans(place: Place) -> list[str]:
    """Return the plans that were agreed to and are not finished."""
    found = changes(Journal(place))
    return [change.plan for change in found if change.standing == "open"]
