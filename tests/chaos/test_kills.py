"""A change of 50 SIMs, killed at any point of a bad day, ends as the record says, with nothing sent twice."""

import json
import os
import random
import signal
import sqlite3
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from sim_mcp.sandbox import SandboxSettings
from tests.support import Fleet, fleet_of
from tests.test_serving import environment

SEED = 20261122
SIMS = 50
KILL_POINTS = sorted(random.Random(SEED).sample(range(SIMS), 30))  # noqa: S311  # to be had again, not secret.
BAD_DAY = ("latency=0.005@PATCH", "drop_after=0.04@PATCH", "throttle=0.04@PATCH", "expire_tokens=0.02")
RESUMPTIONS = 5


@pytest.mark.parametrize("kill_after", KILL_POINTS)
async def test_a_killed_change_ends_as_the_record_says_with_nothing_sent_twice(kill_after: int) -> None:
    async with fleet_of(SandboxSettings(sims=140, seed=SEED + kill_after)) as fleet:
        listed = (await fleet.api("GET", "/sim", role="enterprise", params={"q": "status:1", "per_page": 1000})).json()
        sims = {sim["iccid"]: sim["id"] for sim in listed[:SIMS]}
        await fleet.faults(*BAD_DAY)
        plan = None
        while plan is None:
            # On a bad day even the planning may fail; a person would call again.
            await killed(fleet, list(sims), kill_after)
            plan = plan_in(fleet.state_dir)
        for _ in range(RESUMPTIONS):
            if len(outcomes_in(fleet.state_dir)) == len(sims):
                break
            await run(fleet, "continue_change", f"plan={plan}")
        await fleet.faults()
        told = outcomes_in(fleet.state_dir)
        assert len(told) == len(sims)
        await assert_true(fleet, sims, told)


async def assert_true(fleet: Fleet, sims: dict[str, int], told: dict[str, str]) -> None:
    """Compare the record with what the SIMs read, and count what each of them was sent."""
    sent = Counter(write["path"] for write in await fleet.writes() if write["status"] not in {429, 401})
    assert set(sent.values()) <= {1}, sent.most_common(3)
    for iccid, sim_id in sims.items():
        sim = (await fleet.api("GET", f"/sim/{sim_id}", role="enterprise")).json()
        suspended = sim["status"]["id"] == 2
        outcome = next(kind for name, kind in told.items() if iccid in name)
        assert suspended == (outcome == "changed"), (iccid, outcome, sim["status"])


async def killed(fleet: Fleet, sims: list[str], kill_after: int) -> None:
    """Carry the change out in a process of its own and kill it once so many writes have arrived."""
    words = ["set_sim_status", "status=suspended", *(f"sims={sim}" for sim in sims)]
    command = [sys.executable, "-m", "sim_mcp", "call", *words]
    async with await anyio.open_process(command, env=environment(fleet, SIM_MCP_CONFIRM="host")) as process:
        with anyio.fail_after(120):
            while process.returncode is None and len(await fleet.writes()) <= kill_after:  # noqa: ASYNC110  # the other process tells nobody.
                await anyio.sleep(0.001)
        if process.returncode is None:
            os.kill(process.pid, signal.SIGKILL)
        await process.wait()


async def run(fleet: Fleet, *words: str) -> None:
    command = [sys.executable, "-m", "sim_mcp", "call", *words]
    await anyio.run_process(command, check=False, env=environment(fleet, SIM_MCP_CONFIRM="host"))


def plan_in(state_dir: Path) -> str | None:
    with closing(sqlite3.connect(state_dir / "journal.sqlite3")) as db:
        found = db.execute("SELECT plan FROM entries WHERE kind = 'planned'").fetchone()
    return None if found is None else str(found[0])


def outcomes_in(state_dir: Path) -> dict[str, str]:
    with closing(sqlite3.connect(state_dir / "journal.sqlite3")) as db:
        rows = db.execute("SELECT body FROM entries WHERE kind = 'outcome'").fetchall()
    told = [json.loads(body) for (body,) in rows]
    return {outcome["subject"]: outcome["kind"] for outcome in told}
