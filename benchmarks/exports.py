"""What a file of all SIMs costs, with the published limits on: time over the least they allow, calls, 429s, memory.

Run with `uv run python benchmarks/exports.py [SIMS …]`; the default is 100,000 and 1,000,000. The server is the real
one over stdio, and called as a client calls it: what takes longer than a call is picked up by the same call again.
The sandbox is a process of its own too; without a free core for each, it is they that are measured.
"""

import csv
import resource
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import anyio
import anyio.to_thread
from mcp import Client, StdioServerParameters

from benchmarks.common import Row, run_for_sizes, structured, times, variables
from benchmarks.inventory import BURST, MIB_PER_UNIT, PAGE, PER_SECOND, SIZES, refusals, sandbox
from sim_mcp.emnify import EmnifyClient

_ASKS_EVERY_S = 0.5


class Measured(NamedTuple):
    """What one size cost."""

    sims: int
    calls: int
    seconds: float
    own_cpu_s: float
    """What of that the server worked; the rest is waiting for the limits, or for a sandbox short of a core."""
    refused: int
    peak_mib: float
    slowest_answer_s: float

    @property
    def least_s(self) -> float:
        """Return the least time that the limits allow."""
        return max(0, -(-self.sims // PAGE) - BURST) / PER_SECOND


@asynccontextmanager
async def server(url: str, token: str, directory: Path) -> AsyncIterator[Client]:
    """Run the server over stdio, its exports in that directory."""
    kept = {"SIM_MCP_EXPORT_DIR": str(directory), "SIM_MCP_STATE_DIR": str(directory / "state")}
    command = ["-m", "sim_mcp", "serve"]
    process = StdioServerParameters(command=sys.executable, args=command, env=variables(url, token, **kept))
    async with Client(process, read_timeout_seconds=120) as client:
        yield client


async def exported(client: Client) -> tuple[int, dict[str, Any]]:
    """Export all SIMs; return the calls that took, and the answer to the last."""
    calls = 0
    while True:
        calls += 1
        answer = structured(await client.call_tool("export_sims", {"file_name": "fleet"}))
        if answer["state"] != "running":
            return calls, answer


async def slowest_answer(client: Client, found: list[float]) -> None:
    """Ask something else again and again that is answered at once; put the seconds of the slowest into `found`."""
    while True:
        began = time.perf_counter()
        await client.call_tool("export_sims", {"file_name": "../refused"})
        found[0] = max(found[0], time.perf_counter() - began)
        await anyio.sleep(_ASKS_EVERY_S)


async def starting_cpu_s(url: str, token: str, directory: Path) -> float:
    """Return what a server works to start, answer one call and stop."""
    before = worked_s()
    async with server(url, token, directory) as client:
        await client.call_tool("export_sims", {"file_name": "../refused"})
    return worked_s() - before


def worked_s() -> float:
    """Return what processes worked that this one started and that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def count_exported(path: Path, answered: int, total: int | None) -> int:
    """Return the number of SIMs in a file, after checking that each occurs once and none is missing."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        ids = [int(row["id"]) for row in csv.DictReader(file)]
    assert 0 < len(ids) == len(set(ids)) == answered == total, (
        f"{len(ids)} rows, {len(set(ids))} SIMs, of {answered}, {total}"
    )
    return len(ids)


async def measure(url: str, token: str) -> Measured:
    """Export every SIM of a sandbox once."""
    with TemporaryDirectory() as kept:
        directory = Path(kept)
        starting, worked = await starting_cpu_s(url, token, directory), worked_s()
        async with server(url, token, directory) as client, anyio.create_task_group() as meanwhile:
            slowest = [0.0]
            meanwhile.start_soon(slowest_answer, client, slowest)
            began = time.perf_counter()
            calls, answer = await exported(client)
            seconds = time.perf_counter() - began
            meanwhile.cancel_scope.cancel()
        # The server is gone now and the sandbox is not: of the two, only the server counts so far.
        own_cpu_s = worked_s() - worked - starting
        peak_mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * MIB_PER_UNIT
        refused = await refusals(url)
        async with EmnifyClient(base_url=url, application_token=token) as emnify:
            total = (await emnify.list_sims(per_page=1)).total
        sims = await anyio.to_thread.run_sync(count_exported, Path(answer["path"]), answer["rows"], total)
        return Measured(sims, calls, seconds, own_cpu_s, refused, peak_mib, slowest[0])


def rows_of(found: Measured, smallest: Measured) -> list[Row]:
    """Return what one size cost as rows of the table."""
    file = f"Export of {found.sims:,} SIMs"
    details = (
        f"{found.calls} {'call' if found.calls == 1 else 'calls'}, each SIM once, 429s: {found.refused}; "
        f"own CPU {found.own_cpu_s / found.least_s:.2f} of the least"
    )
    rows = [
        Row(f"{file}: time", details, "the least the limits allow", times(found.seconds / found.least_s)),
        Row(f"{file}: slowest answer to another call meanwhile", "", "1 s", times(found.slowest_answer_s)),
    ]
    if found is smallest:
        return rows
    memory = f"{found.peak_mib:,.0f} MiB"
    against = f"{smallest.peak_mib:,.0f} MiB for {smallest.sims:,} SIMs"
    return [*rows, Row(f"{file}: peak memory", memory, against, times(found.peak_mib / smallest.peak_mib))]


async def measure_all(sizes: list[int]) -> list[Row]:
    """Measure one size after another; smaller ones first, for peak memory never falls."""
    async with AsyncExitStack() as sandboxes:
        # None of them ends before the last server: what has ended counts for memory.
        found = [await measure(*await sandboxes.enter_async_context(sandbox(size))) for size in sorted(sizes)]
    return [row for each in found for row in rows_of(each, found[0])]


if __name__ == "__main__":
    run_for_sizes("A file of all SIMs against the limits", measure_all, SIZES, __doc__)
