"""The one SIM that a question is about."""

from datetime import timedelta

import anyio.to_thread

from sim_mcp.emnify import RateLimitedError, answers_from_what_is_known
from sim_mcp.fleet.inventory.fleet_search import FleetSearch
from sim_mcp.fleet.inventory.known_sim import find_known_sim
from sim_mcp.fleet.lookup.sims import FoundSim, find_sim_or_part
from sim_mcp.tools.context import ToolContext, emnify_of, inventory_of


async def find_one(ctx: ToolContext, name: str) -> FoundSim:
    """Find the SIM by its whole name or number, or the only one that holds a part; an answer has to say which it took.

    Where emnify's rate limits are spent, it is the SIM as the inventory has it.

    Raises:
        InvalidValueError: The name cannot be searched for.
        LookupFailedError: No SIM has that name or holds it, or several do.
        EmnifyError: emnify could not be asked.
    """
    try:
        return await find_sim_or_part(emnify_of(ctx), name, FleetSearch(inventory_of(ctx)))
    except RateLimitedError as spent:
        known = await _find_known(ctx, name, spent.retry_after_s or 0.0)
        if known is None:
            raise
        return known


async def _find_known(ctx: ToolContext, name: str, fresh_in_s: float) -> FoundSim | None:
    snapshot = await inventory_of(ctx).held()
    sim = None if snapshot is None else await anyio.to_thread.run_sync(find_known_sim, snapshot, name)
    if snapshot is None or sim is None:
        return None
    answers_from_what_is_known(snapshot.taken_at, emnify_of(ctx).now() + timedelta(seconds=fresh_in_s))
    return FoundSim(sim)
