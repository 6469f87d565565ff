"""What the tools that answer from the inventory alone have in common."""

from collections.abc import Callable
from typing import TypeVar

import anyio.to_thread

from sim_mcp.formatting import format_next, join_lines
from sim_mcp.tools.result import Answer

T = TypeVar("T")


class FleetAnswer(Answer):
    """An answer from the inventory; without a total, `hint` tells how far reading it is."""

    total: int | None = None
    """All that match."""
    fleet: int | None = None
    """All SIMs."""
    as_of: str | None = None
    next: str | None = None
    hint: str | None = None


async def query_snapshot(query: Callable[[], T]) -> T:
    """Run a query on a snapshot in a thread: over a million SIMs it takes up to a second."""
    return await anyio.to_thread.run_sync(query)


def render_totals(answer: FleetAnswer, more: str = "") -> str:
    """Return the head line: how many SIMs match, of how many, and as of when."""
    total, fleet = answer.total or 0, answer.fleet or 0
    of = "" if total == fleet else f" of {fleet:,}"
    noun = "SIM" if total == fleet == 1 else "SIMs"
    return f"{total:,}{of} {noun}{' match' if of else ''}, as of {answer.as_of}{more}."


def render_unfinished(answer: FleetAnswer) -> str:
    """Return the lines of an answer that has to wait for the fleet to be read, with the call that picks it up."""
    return join_lines(answer.hint, format_next(answer.next))
