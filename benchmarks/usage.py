"""What reading the usage of many SIMs costs against what the published limits allow at least.

Run with `uv run python benchmarks/usage.py [SIMS …]`, by default 1900 and 2000: up to 1,920 SIMs the limit of 10
readings a second counts, beyond that the 2,000 requests in five minutes of an address, signing in included.
"""

import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import httpx

from sim_mcp.emnify import PUBLISHED_LIMITS, EmnifyClient, SimSort
from sim_mcp.fleet.usage import UsageScan
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


async def measure(world: Sandbox, sims: int) -> str:
    """Read the usage of so many SIMs on an empty disk; return one row of the table."""
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
    least = least_s(sims)
    return (
        f"| {sims:,} | {least:.0f} | {took:.1f} | {took / least:.3f} | {statuses.total() / sims:.3f} | {statuses[429]} "
        f"| {forecast / took:.2f} | {cached * 1000:.0f} |"
    )


async def requests(world: Sandbox) -> list[dict[str, Any]]:
    """Return every request the sandbox saw."""
    async with httpx.AsyncClient(base_url=world.base_url) as control:
        found: list[dict[str, Any]] = (await control.get("/sandbox/requests")).json()
        return found


async def main(sizes: list[int]) -> None:
    """Print one table; each size has a sandbox and limits of its own."""
    print("| SIMs | least the limits allow, s | took, s | ratio | requests per SIM | 429s | forecast | again, ms |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|")
    for sims in sizes:
        async with running(SandboxSettings(sims=sims * 5 // 4, clock=CLOCK, limits=True)) as world:
            print(await measure(world, sims), flush=True)


if __name__ == "__main__":
    anyio.run(main, [int(size) for size in sys.argv[1:]] or [1900, 2000])
