"""The one SIM that a question is about."""

from sim_mcp.fleet.inventory.fleet_search import FleetSearch
from sim_mcp.fleet.lookup.sims import FoundSim, find_sim_or_part
from sim_mcp.tools.context import ToolContext, emnify_of, inventory_of


async def find_one(ctx: ToolContext, name: str) -> FoundSim:
    """Find the SIM by its whole name or number, or the only one that holds a part; an answer has to say which it took.

    Raises:
        InvalidValueError: The name cannot be searched for.
        LookupFailedError: No SIM has that name or holds it, or several do.
        EmnifyError: emnify could not be asked.
    """
    return await find_sim_or_part(emnify_of(ctx), name, FleetSearch(inventory_of(ctx)))
