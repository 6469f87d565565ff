"""What reading the usage of many SIMs costs against what the published limits allow at least.

Run with `uv run python benchmarks/usage.py [SIMS …]`, by default 1900 and 2000: up to 1,920 SIMs the limit of 10
readings a second counts, beyond that the 2,000 requests in five minutes of an address, signing in included.
"""

import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from benchmarks.common import Row, run_for_sizes, times
from sim_mcp.emnify import PUBLISHED_LIMITS, EmnifyClient, SimSort
from sim_mcp.fleet.usage.scan import UsageScan
from sim_mcp.sandbox import Sandbox, SandboxSettings, running

CLOCK = datetime(2026, 11, 22, 12, tzinfo=UTC)
STATS = "GET /api/v1/sim/{id}/stats"
BEFORE = 3
"""Requests before the first reading: signing in, a status list for emnify's clock, a page of SIMs."""


def least_s(sims: int) -> float:
    """Return the seconds that the limits allow at least, from the first reading to the last."""
    rate, window = PUBLISHED_LIMITS.per_operation[STATS], PUBLISHED_LIMITS.per_address
    windows, place = divmod(BEFORE + sims - 1, window.requests)
    in_the_last = min(place + 1, sims)
    return windows * window.seconds + max(0.0, (in_the_last - rate.burst) / rate.per_second)


async def measure(world: Sandbox, sims: int) -> list[Row]:
    """Read the usage of so many SIMs on an empty disk; return the rows of the table."""
    with TemporaryDirectory() as directory:
        client = EmnifyClient(base_url=world.base_url, application_token=world.tokens["enterprise"])
        async with client, UsageScan(client, Path(directory)) as scan:
            this, last = await scan.months()
            ids = [sim.id for sim in (await client.list_sims(sort=[SimSort("id")], per_page=2500)).items][:sims]
            assert len(ids) == sims, f"the sandbox has only {len(ids)} SIMs"
            forecast = client.pacer.forecast_s(STATS, sims)
            began = time.perf_counter()
            reading = await scan.read(ids, [this, last], wait_s=3600)
            took = time.perf_counter() - began
            assert reading.is_complete
            again = time.perf_counter()
            await scan.read(ids, [this, last], wait_s=3600)
            cached = time.perf_counter() - again
    statuses = Counter(request["status"] for request in await requests(world) if "/stats" in request["path"])
    requested = f"{statuses.total() / sims:.3f} requests a SIM, 429s: {statuses[429]}"
    what = f"Usage of {sims:,} SIMs"
    return [
        Row(f"{what}: time", requested, "the least the limits allow (aim: 1.05 x)", times(took / least_s(sims))),
        Row(f"{what}: forecast", "when it will be done, told at the start", "when it was done", times(forecast / took)),
        Row(f"{what}: asked again", "kept, nothing requested", "the first time", times(cached / took)),
    ]


async def requests(world: Sandbox) -> list[dict[str, Any]]:
    """Return every request the sandbox saw."""
    async with httpx.AsyncClient(base_url=world.base_url) as control:
        found: list[dict[str, Any]] = (await control.get("/sandbox/requests")).json()
        return found


async def measure_all(sizes: list[int]) -> list[Row]:
    """Measure one size after another; each has a sandbox and limits of its own."""
    rows = []
    for sims in sizes:
        async with running(SandboxSettings(sims=sims * 5 // 4, clock=CLOCK, limits=True)) as world:
            rows += await measure(world, sims)
    return rows


if __name__ == "__main__":
    run_for_sizes("Usage against the limits", measure_all, (1900, 2000), __doc__)
