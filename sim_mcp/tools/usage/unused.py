"""Which SIMs used nothing in a month: a filter that neither emnify nor the inventory has."""

from dataclasses import dataclass

import anyio
import anyio.to_thread

from sim_mcp.fleet.inventory.filters import FleetFilter
from sim_mcp.fleet.inventory.snapshot import Snapshot
from sim_mcp.fleet.usage.ranking import brief, likeliest_first, may_have_used, without_usage
from sim_mcp.tools.context import ToolContext, usage_of
from sim_mcp.tools.parameters import Month
from sim_mcp.tools.usage.scan_state import collect_notes, format_as_of, format_state

MONTHS: tuple[Month, ...] = ("current_month", "last_month")
"""In the order in which a scan returns its months."""


@dataclass(frozen=True)
class Unused:
    """The ids of the SIMs known to have used nothing, and how far reading is."""

    ids: tuple[int, ...]
    complete: bool
    note: str


async def unused_sims(ctx: ToolContext, snapshot: Snapshot, where: FleetFilter, month: Month, over_at: float) -> Unused:
    """Return the SIMs that used nothing, reading usage until `over_at` (event loop time); the rest is read after it.

    Raises:
        UnknownNameError: No organisation or model has a name that was given.
        EmnifyError: Nothing is known and emnify could not be asked.
    """
    sims = await anyio.to_thread.run_sync(lambda: [brief(sim) for sim in snapshot.sims(where)])
    period = (await usage_of(ctx).months())[MONTHS.index(month)]
    reading = await usage_of(ctx).read(
        likeliest_first(filter(may_have_used, sims)),
        [period],
        wait_s=over_at - anyio.current_time(),
        progress=ctx.report_progress,
    )
    read_at = format_as_of(reading)
    progress = f"Usage in {period.label} {format_state(reading)}{f', as of {read_at}' if read_at else ''}."
    ids = without_usage(sims, reading.amounts[period])
    return Unused(ids, reading.is_complete, " ".join(collect_notes(reading, progress)))
