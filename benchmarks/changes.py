"""What a large change costs: time against the bare requests and against emnify's limits, and memory, within one run.

Run with `uv run python benchmarks/changes.py [SIMS …]`. The sandbox holds the published limits. The change runs
as a person would meet it: planned, agreed to by policy, each SIM recorded, read before and after, call after call.
"""

import resource
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from mcp import Client
from pydantic import SecretStr

from benchmarks.common import Row, run_for_sizes, times
from sim_mcp.sandbox import Sandbox, SandboxSettings, running
from sim_mcp.server.app import build_server
from sim_mcp.settings import Confirm, Settings

SIZES = (1000, 3000)
"""Within the 2,000 requests that an address may send in five minutes, and beyond."""

BARE_ONES = "bare PATCHes one after another"
WINDOW_REQUESTS, WINDOW_S = 2000, 300.0
BARE = 200
"""Bare requests that are timed, on a sandbox of their own: the window of this one is the change's."""


async def bare_seconds(world: Sandbox, sims: list[int]) -> float:
    """Suspend SIMs one after another with plain httpx; return the seconds each took."""
    async with httpx.AsyncClient(base_url=world.base_url, trust_env=False) as http:
        token = {"application_token": world.tokens["issuer"]}
        bearer = (await http.post("/api/v1/authenticate", json=token)).json()["auth_token"]
        started = time.perf_counter()
        for sim in sims:
            answer = await http.patch(
                f"/api/v1/sim/{sim}", json={"status": {"id": 2}}, headers={"Authorization": f"Bearer {bearer}"}
            )
            answer.raise_for_status()
        return (time.perf_counter() - started) / len(sims)


async def bare_each() -> float:
    """Return the seconds a bare request takes."""
    async with running(SandboxSettings(sims=2 * BARE + 600)) as world:
        return await bare_seconds(world, [sim for sim, _ in activated(world)][:BARE])


def activated(world: Sandbox) -> list[tuple[int, str]]:
    """Return id and ICCID of every SIM that can be suspended."""
    rows = world.store.rows("SELECT id, iccid FROM sim WHERE status = 1 ORDER BY id")
    return [(int(str(sim)), str(iccid)) for sim, iccid in rows]


async def changed(world: Sandbox, state: Path, iccids: list[str]) -> tuple[float, int, list[float]]:
    """Suspend SIMs through the server; return the seconds, the calls needed, and peak memory SIM by SIM in MiB."""
    settings = Settings(
        state_dir=state,
        base_url=world.base_url,
        application_token=SecretStr(world.tokens["issuer"]),
        confirm=Confirm.HOST,
        max_sims_per_change=10_000,
        max_sims_per_hour=10_000,
    )
    peaks: list[float] = []

    async def look(progress: float, total: float | None, message: str | None) -> None:
        del progress, total, message
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)

    calls = 1
    async with Client(build_server(settings), read_timeout_seconds=600) as client:
        started = time.perf_counter()
        wanted = {"sims": iccids, "status": "suspended"}
        result = await client.call_tool("set_sim_status", wanted, progress_callback=look)
        while (answer := result.structured_content or {}).get("state", "").startswith("not finished"):
            calls += 1
            result = await client.call_tool("continue_change", {"plan": answer["plan"]}, progress_callback=look)
    assert answer.get("counts") == {"changed": len(iccids)}, result
    return time.perf_counter() - started, calls, peaks


def check_suspended(world: Sandbox, iccids: list[str]) -> None:
    """Check that every SIM is suspended in the sandbox itself, whatever the answer says.

    Raises:
        AssertionError: Some are not.
    """
    suspended = {str(iccid) for (iccid,) in world.store.rows("SELECT iccid FROM sim WHERE status = 2")}
    assert suspended.issuperset(iccids), f"{len(set(iccids) - suspended)} SIMs are not suspended"


async def measure(number: int) -> list[Row]:
    """Measure one change of so many SIMs."""
    each = await bare_each()
    settings = SandboxSettings(sims=2 * number + 600, limits=True)
    with TemporaryDirectory() as state:
        async with running(settings) as world, httpx.AsyncClient(base_url=world.base_url, trust_env=False) as http:
            iccids = [iccid for _, iccid in activated(world)][:number]
            took, calls, peaks = await changed(world, Path(state), iccids)
            check_suspended(world, iccids)
            ours = (await http.get("/sandbox/requests")).json()
    refused = sum(request["status"] == httpx.codes.TOO_MANY_REQUESTS for request in ours)
    least = max(0.0, -(-len(ours) // WINDOW_REQUESTS) - 1) * WINDOW_S
    change = f"Suspending {number:,} SIMs"
    details = f"{calls} {'call' if calls == 1 else 'calls'}, {len(ours) / number:.2f} requests a SIM, 429s: {refused}"
    compared, ratio = ("the least the limits allow", took / least) if least else (BARE_ONES, took / (each * number))
    return [
        Row(f"{change}: time", details, compared, times(ratio)),
        Row(f"{change}: peak memory", "at the end", "after 100 SIMs", times(peaks[-1] / peaks[99])),
    ]


async def measure_all(sizes: list[int]) -> list[Row]:
    """Measure one size after another; the memory of the first only, for a peak never falls."""
    first, *others = sorted(sizes)
    rows = await measure(first)
    for number in others:
        rows += (await measure(number))[:1]
    return rows


if __name__ == "__main__":
    run_for_sizes("A large change, with the published limits", measure_all, SIZES, __doc__)
