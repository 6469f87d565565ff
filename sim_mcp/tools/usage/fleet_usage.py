"""How questions about the whole fleet's usage begin: the SIMs as of now, the months, and what the SIMs used."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import anyio
import anyio.to_thread

from sim_mcp.emnify import AuthenticationError, EmnifyClient, EmnifyError
from sim_mcp.fleet.inventory.filters import FleetFilter
from sim_mcp.fleet.inventory.snapshot import Snapshot
from sim_mcp.fleet.usage.periods import Period
from sim_mcp.fleet.usage.ranking import Brief, Total, brief, emnify_total, likeliest_first
from sim_mcp.fleet.usage.scan import UsageResult
from sim_mcp.tools.context import ANSWER_WITHIN_S, ToolContext, inventory_of, usage_of
from sim_mcp.tools.usage.scan_state import SNAPSHOT_WITHIN_S

_TOTAL_WITHIN_S = 8.0


@dataclass(frozen=True)
class Fleet:
    """The SIMs a question is about, this month and the last, and until when the call may wait (event loop time)."""

    snapshot: Snapshot
    sims: list[Brief]
    months: tuple[Period, Period]
    over_at: float


async def open_fleet(ctx: ToolContext, where: FleetFilter) -> Fleet:
    """Return the SIMs that fit, reading the inventory if it is stale.

    Raises:
        StillReadingError: The inventory is still being read.
        UnknownNameError: No organisation has a name that was given.
        EmnifyError: Nothing is known and emnify could not be asked.
    """
    over_at = anyio.current_time() + ANSWER_WITHIN_S
    snapshot = await inventory_of(ctx).snapshot(progress=ctx.report_progress, wait_s=SNAPSHOT_WITHIN_S)
    months = await usage_of(ctx).months()
    sims = await anyio.to_thread.run_sync(lambda: [brief(sim) for sim in snapshot.sims(where)])
    return Fleet(snapshot, sims, months, over_at)


async def read_usage_of(
    ctx: ToolContext, fleet: Fleet, sims: Iterable[Brief], periods: Sequence[Period]
) -> UsageResult:
    """Read what SIMs used until the call's time is over, the likeliest first; the rest is read in the background.

    Raises:
        EmnifyError: Nothing is known and emnify could not be asked.
    """
    return await usage_of(ctx).read(
        likeliest_first(sims), periods, wait_s=fleet.over_at - anyio.current_time(), progress=ctx.report_progress
    )


async def read_own_total(client: EmnifyClient, fleet: Fleet, period: Period) -> Total | None:
    """Return emnify's own total of the workspace in this month or the last; None of other days, or if it tells none.

    Raises:
        AuthenticationError: emnify does not accept the token.
    """
    if not period.is_month:
        return None
    try:
        stats = await client.organisation.get_stats(deadline_s=_TOTAL_WITHIN_S)
    except AuthenticationError:
        raise
    except EmnifyError:
        return None
    month = stats.current_month if period == fleet.months[0] else stats.last_month
    return emnify_total(month) if month else None
