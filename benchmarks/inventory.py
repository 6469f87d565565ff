"""What the inventory costs, with the published limits on: time over the least they allow, 429s, memory, counting.

Run with `uv run python benchmarks/inventory.py [SIMS …]`; the default is 100,000 and 1,000,000. The sandbox is a
process of its own, so that neither its work nor its memory counts; without two free cores it is what is measured.
"""

import os
import resource
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import anyio
import httpx
from anyio.streams.text import TextReceiveStream

from benchmarks.common import Row, run_for_sizes, times
from sim_mcp.emnify import EmnifyClient
from sim_mcp.fleet.inventory.filters import FleetFilter, Found, GroupBy, Order
from sim_mcp.fleet.inventory.inventory import Inventory
from sim_mcp.fleet.inventory.snapshot import Snapshot
from sim_mcp.server.serving import freeze_garbage_collection

SIZES = (100_000, 1_000_000)
PAGE, PER_SECOND, BURST = 2500, 10, 5
MIB_PER_UNIT = 1 / 1024 if sys.platform != "darwin" else 1 / (1024 * 1024)
GROUPINGS: list[tuple[GroupBy, ...]] = [
    ("status",),
    ("customer",),
    ("status", "customer"),
    ("model", "activation_month"),
    ("production_month", "activation_month"),
]


class Measured(NamedTuple):
    """What one size cost."""

    sims: int
    seconds: float
    own_cpu_s: float
    """What of that this process worked; the rest is waiting for the limits, or for a sandbox short of a core."""
    least_s: float
    refused: int
    peak_mib: float
    slowest_grouping_s: float
    finding_s: float
    file_mib: float

    @property
    def ratio(self) -> float:
        """Return the time over the least that the limits allow."""
        return self.seconds / self.least_s


@asynccontextmanager
async def sandbox(sims: int) -> AsyncIterator[tuple[str, str]]:
    """Run a sandbox with the published limits; yield its address and the token of a customer with so many SIMs."""
    made = str(sims * 10 // 9)
    command = [sys.executable, "-m", "sim_mcp", "sandbox", "--port", "0", "--sims", made, "--limits"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    async with await anyio.open_process(command, env=environment, stderr=None) as process:
        assert process.stdout is not None
        try:
            async for text in TextReceiveStream(process.stdout):
                if "http://" in text:
                    url = text[text.index("http://") :].split()[0].strip("'\"")
                    async with httpx.AsyncClient(timeout=60) as http:
                        about = (await http.get(f"{url}/sandbox")).json()
                    yield url, about["tokens"]["enterprise"]
                    return
        finally:
            process.send_signal(signal.SIGTERM)


async def measure(sims: int) -> Measured:
    """Read a fleet of that size once and ask about it, with garbage collection frozen as in the server."""
    freeze_garbage_collection()
    async with sandbox(sims) as (url, token):
        with TemporaryDirectory() as directory:
            async with (
                EmnifyClient(base_url=url, application_token=token) as client,
                Inventory(client, Path(directory), wait_s=3600) as inventory,
            ):
                began, worked = time.perf_counter(), time.process_time()
                snapshot = await inventory.snapshot()
                seconds, worked = time.perf_counter() - began, time.process_time() - worked
                refused = await refusals(url)
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MIB_PER_UNIT
                pages = -(-snapshot.total // PAGE)
                measured = Measured(
                    sims=snapshot.total,
                    seconds=seconds,
                    own_cpu_s=worked,
                    least_s=max(0, pages - BURST) / PER_SECOND,
                    refused=refused,
                    peak_mib=peak,
                    slowest_grouping_s=max(timed(lambda by=by: snapshot.group(by)) for by in GROUPINGS),  # type: ignore[misc]  # a default.
                    finding_s=max(map(timed, findings(snapshot))),
                    file_mib=await anyio.to_thread.run_sync(kept_mib, Path(directory)),
                )
                # Only now, so that nothing that is timed is warm.
                check_complete(snapshot, (await client.list_sims(per_page=1)).total)
                return measured


def check_complete(snapshot: Snapshot, total: int | None) -> None:
    """Check that a snapshot holds every SIM that emnify has, each counted once by every grouping, and finds some.

    Raises:
        AssertionError: It does not.
    """
    assert snapshot.note is None, snapshot.note
    assert snapshot.total == total, f"{snapshot.total} SIMs of {total}"
    for by in GROUPINGS:
        counted = sum(count for _, count in snapshot.group(by))
        assert counted == total, f"{counted} SIMs by {by}, of {total}"
    for search in findings(snapshot):
        hits = search()
        assert hits.total if isinstance(hits, Found) else hits, "a search found nothing"


def findings(snapshot: Snapshot) -> list[Callable[[], object]]:
    """Return typical searches: few hits, many hits, a name, and a filtered page."""
    return [
        lambda: snapshot.search("71238"),
        lambda: snapshot.search("8988303"),
        lambda: snapshot.search("meter zürich"),
        lambda: list(snapshot.sims(FleetFilter(name_contains="bern"), order=(Order("device"),), limit=25)),
    ]


def timed(question: Callable[[], object]) -> float:
    """Return the seconds an answer takes."""
    began = time.perf_counter()
    question()
    return time.perf_counter() - began


async def refusals(url: str) -> int:
    """Return how many requests were answered with 429."""
    async with httpx.AsyncClient(timeout=60) as http:
        return sum(
            request["status"] == httpx.codes.TOO_MANY_REQUESTS
            for request in (await http.get(f"{url}/sandbox/requests")).json()
        )


def kept_mib(directory: Path) -> float:
    """Return how much room the kept fleet takes."""
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file()) / 2**20


def rows_of(found: Measured) -> list[Row]:
    """Return what one size cost as rows of the table."""
    fleet = f"Inventory of {found.sims:,} SIMs"
    return [
        Row(
            f"{fleet}: time",
            f"429s: {found.refused}; own CPU {found.own_cpu_s / found.least_s:.2f} of the least",
            "the least the limits allow (aim: 1.05 x)",
            times(found.ratio),
        ),
        Row(f"{fleet}: peak memory", f"{found.peak_mib:,.0f} MiB", "1 GiB", times(found.peak_mib / 1024)),
        Row(f"{fleet}: slowest count by one or two properties", "", "1 s", times(found.slowest_grouping_s)),
        Row(f"{fleet}: slowest search", "", "1 s", times(found.finding_s)),
    ]


async def measure_all(sizes: list[int]) -> list[Row]:
    """Measure one size after another; smaller ones first, for peak memory never falls."""
    return [row for size in sorted(sizes) for row in rows_of(await measure(size))]


if __name__ == "__main__":
    run_for_sizes("The inventory against the limits", measure_all, SIZES, __doc__)
