"""Many SIMs as they are now, for as few calls as possible."""

from collections.abc import Sequence

from sim_mcp.emnify import EmnifyClient, NotFoundError, Sim, SimSort

FEW = 8
_WORTH = 10
"""A list page costs ten times the wait of a single SIM (10 a second against 100)."""

_LARGEST_PAGE = 2500


async def read_sims(client: EmnifyClient, ids: Sequence[int]) -> dict[int, Sim | None]:
    """Read SIMs by id; one that is gone is None. A page of the list reads 2,500 SIMs in one call.

    Raises:
        EmnifyError: emnify could not be asked.
    """
    wanted = set(ids)
    found: dict[int, Sim | None] = {}
    if len(wanted) > FEW:
        async for page in client.iter_sim_pages(sort=[SimSort("id")], per_page=_LARGEST_PAGE):
            found.update({sim.id: sim for sim in page.items if sim.id in wanted})
            if len(found) == len(wanted) or (page.pages or 1) * _WORTH > len(wanted) * 2:
                break
    for sim_id in ids:
        if sim_id not in found:
            try:
                found[sim_id] = await client.get_sim(sim_id)
            except NotFoundError:
                found[sim_id] = None
    return found
