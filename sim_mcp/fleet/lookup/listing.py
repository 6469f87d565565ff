"""Which SIMs fit: by emnify's SIM filters, or by being in any device at all."""

from dataclasses import dataclass, replace

from sim_mcp.emnify import (
    MAX_SIMS_PER_PAGE,
    EmnifyClient,
    InvalidValueError,
    Page,
    Sim,
    SimFilter,
    SimSort,
    flatten,
)
from sim_mcp.fleet.lookup.selection import SimSelection

_MAX_SCANNED_PAGES = 10


@dataclass(frozen=True)
class Listing:
    """A page of SIMs to list: which ones, and in which order."""

    filter: SimFilter
    has_device: bool | None = None
    sort: tuple[SimSort, ...] = (SimSort("id"),)
    page: int = 1
    per_page: int = 25


async def list_matching(client: EmnifyClient, wanted: Listing) -> Page[Sim]:
    """Return one page of the SIMs that match, with the total number.

    Raises:
        InvalidValueError: The page lies too deep to be reached.
        EmnifyError: emnify could not be asked.
    """
    if wanted.has_device:
        return await _with_device(client, wanted)
    narrowed = replace(wanted.filter, without_device=wanted.has_device is False)
    return await client.list_sims(narrowed, sort=wanted.sort, page=wanted.page, per_page=wanted.per_page)


async def all_matching(client: EmnifyClient, wanted: SimSelection, *, most: int) -> list[Sim]:
    """Return every SIM that is meant, by id, so that one that moves to another page is neither lost nor counted twice.

    Raises:
        InvalidValueError: More than `most` are.
        EmnifyError: emnify could not be asked.
    """
    found: dict[int, Sim] = {}
    async for page in client.iter_sim_pages(wanted.filter, sort=[SimSort("id")]):
        found.update({sim.id: sim for sim in page.items if wanted.fits(flatten(sim))})
        # Where emnify cannot filter by all of it, it counts others too.
        if len(found) > most or (wanted.is_filter and (page.total or 0) > most):
            counted = f"{page.total or len(found):,}" if wanted.is_filter else f"More than {most:,}"
            raise InvalidValueError(
                f"{counted} SIMs match, and {most:,} at most can be changed at once; narrow the filter; nothing changed"
            )
    return list(found.values())


async def _with_device(client: EmnifyClient, wanted: Listing) -> Page[Sim]:
    """Read on until the page is full: emnify can filter for SIMs without a device, not for those with one."""
    first, last = (wanted.page - 1) * wanted.per_page, wanted.page * wanted.per_page
    without = await client.list_sims(replace(wanted.filter, without_device=True), per_page=1)
    found: list[Sim] = []
    everything: int | None = None
    scanned = 0
    async for page in client.iter_sim_pages(wanted.filter, sort=wanted.sort):
        everything, scanned = page.total, scanned + 1
        found += [sim for sim in page.items if sim.device is not None]
        if len(found) >= last or scanned == _MAX_SCANNED_PAGES:
            break
    total = None if everything is None or without.total is None else max(0, everything - without.total)
    if scanned == _MAX_SCANNED_PAGES and len(found) < last and (total is None or total > len(found)):
        raise InvalidValueError(
            f"page {wanted.page} lies more than {_MAX_SCANNED_PAGES * MAX_SIMS_PER_PAGE:,} SIMs deep; "
            "add a filter such as status"
        )
    pages = None if total is None else -(-total // wanted.per_page)
    return Page(items=found[first:last], page=wanted.page, per_page=wanted.per_page, total=total, pages=pages)
