"""SIMs whose ids are known, read as they are now for as few calls as possible."""

from collections.abc import Sequence

from sim_mcp.emnify import EmnifyClient, NotFoundError, Sim, iter_pages

FEW = 8
"""Up to so many SIMs are read one by one."""

_PAGE_COST = 10
"""What a page of the list costs in single SIMs: the limits allow 10 pages a second, and 100 SIMs."""


async def read_sims(client: EmnifyClient, ids: Sequence[int]) -> dict[int, Sim | None]:
    """Read SIMs by id; one that is gone is None.

    Many are read from pages of the list (GET /api/v1/sim), few one by one (GET /api/v1/sim/{id}).

    Raises:
        EmnifyError: emnify could not be asked.
    """
    wanted = set(ids)
    found: dict[int, Sim | None] = {}
    if len(wanted) > FEW:
        found.update(await _read_from_pages(client, wanted))
    for sim_id in ids:
        if sim_id not in found:
            try:
                found[sim_id] = await client.get_sim(sim_id)
            except NotFoundError:
                found[sim_id] = None
    return found


async def _read_from_pages(client: EmnifyClient, wanted: set[int]) -> dict[int, Sim]:
    """Read pages as long as that is cheaper than reading the SIMs that are missing one by one."""
    found: dict[int, Sim] = {}
    async for page in iter_pages(lambda number: client.list_raw_sims(page=number)):
        # Only what is wanted is parsed: parsing all of a page takes longer than fetching it.
        rows = [row for row in page.items if isinstance(row, dict) and row.get("id") in wanted]
        found.update({sim.id: sim for sim in map(Sim.model_validate, rows)})
        if len(found) == len(wanted) or (page.pages or 1) * _PAGE_COST > len(wanted) * 2:
            break
    return found
