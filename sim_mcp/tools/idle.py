"""Which SIMs used nothing in a month: a filter that neither emnify nor the inventory has."""

from dataclasses import dataclass

import anyio
import anyio.to_thread

from sim_mcp.fleet.inventory.filters import FleetFilter
from sim_mcp.fleet.inventory.snapshot import Snapshot
from sim_mcp.fleet.usage.ranking import brief, likeliest_first, may_have_used, without_usage
from sim_mcp.tools import usage_facts
from sim_mcp.tools.context import ToolContext, usage_of
from sim_mcp.tools.parameters import Month

MONTHS: tuple[Month, ...] = ("current_month", "last_month")


@dataclass(frozen=True)
class Idle:
    """The SIMs known to have used nothing, and how far reading is."""

    ids: tuple[int, ...]
    complete: bool
    told: str


async def idle_sims(ctx: ToolContext, snapshot: Snapshot, where: FleetFilter, month: Month, over_at: float) -> Idle:
    """Read the usage of the SIMs that fit, until a moment of the event loop's clock; the rest goes on after it.

    Raises:
        UnknownNameError: No organisation or model goes by a name that was given.
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
    read_at = usage_facts.as_of(reading)
    told = [f"Usage in {period.words} {usage_facts.state(reading)}{f', as of {read_at}' if read_at else ''}."]
    return Idle(
        without_usage(sims, reading.amounts[period]), reading.is_complete, " ".join(usage_facts.notes(reading, *told))
    )
