"""How many changes one caller may leave waiting or unfinished, where callers sign in."""

from datetime import UTC, datetime

from sim_mcp.changes.backend import Backend
from sim_mcp.changes.plan import Plan
from sim_mcp.changes.record.entries import Caller
from sim_mcp.changes.record.history import Change
from sim_mcp.changes.record.journal import PLANS_LIVE
from sim_mcp.changes.recovery import Recovery
from sim_mcp.emnify import InvalidValueError


async def check_open_plans(backend: Backend, plan: Plan, caller: Caller, most: int) -> None:
    """Check that a caller may have one more change open; the same plan asked for again is none more.

    Raises:
        InvalidValueError: As many as are allowed wait or are unfinished.
        JournalError: The record cannot be read.
    """
    if not caller.signed_in:
        return
    recovery = Recovery(backend)
    mine = await recovery.unfinished(caller)
    if len(mine) < most:
        return
    waiting = [change for change in mine if change.standing == "waiting"]
    for change in waiting:
        if (await recovery.plan_of(change.plan, caller)).plan.digest == plan.digest:
            return
    raise InvalidValueError(
        f"{len(mine)} changes of {caller.principal} wait or are unfinished, and {most} may (SIM_MCP_MAX_OPEN_PLANS); "
        f"{_when(waiting)}list_changes tells which, continue_change finishes one"
    )


def _when(waiting: list[Change]) -> str:
    if not waiting:
        return ""
    left = min(change.at for change in waiting) + PLANS_LIVE - datetime.now(UTC)
    return f"the oldest that waits lapses in {max(1, round(left.total_seconds()))} s; "
