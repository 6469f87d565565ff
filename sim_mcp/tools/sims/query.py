"""A page of SIMs, from emnify where its filters can say what is wanted, else from the inventory."""

from dataclasses import dataclass, replace
from typing import Literal

import anyio

from sim_mcp.emnify import MAX_SIMS_PER_PAGE, Page, SimFilter, SimSort, SimSortField
from sim_mcp.fleet.inventory.filters import FleetFilter, FleetSim, OrderBy
from sim_mcp.fleet.inventory.snapshot import Snapshot
from sim_mcp.fleet.lookup.listing import Listing, list_matching
from sim_mcp.fleet.lookup.organisations import NotAllSeenError, find_organisation
from sim_mcp.formatting import format_timestamp
from sim_mcp.tools.context import ANSWER_WITHIN_S, ToolContext, emnify_of, inventory_of
from sim_mcp.tools.parameters import Month
from sim_mcp.tools.sims.fleet_answer import query_snapshot
from sim_mcp.tools.sims.row import ListedSim, build_fleet_row, build_row
from sim_mcp.tools.usage.unused import unused_sims

SortField = Literal["id", "iccid", "eid", "status", "production_date", "device", "model", "organisation"]
_EMNIFY_FIELDS: dict[SortField, SimSortField] = {
    "id": "id",
    "iccid": "iccid",
    "eid": "eid",
    "status": "status",
    "production_date": "production_date",
    "device": "endpoint",
    "model": "model",
    "organisation": "customer_org",
}
_FLEET_FIELDS: dict[SortField, OrderBy] = {
    "id": "id",
    "iccid": "iccid",
    "eid": "eid",
    "status": "status",
    "production_date": "production_date",
    "device": "device",
    "model": "model",
    "organisation": "customer",
}
_WITHOUT_ESCAPE = frozenset(",|")
"""Characters that separate emnify's filters, which know no way to escape them."""


@dataclass(frozen=True)
class SimQuery:
    """Hold which SIMs are wanted, in which order, and which page of them."""

    filter: FleetFilter
    sort: SortField
    descending: bool
    page: int
    per_page: int
    full: bool
    """Whether rows hold every field."""
    without_usage: Month | None = None

    @property
    def needs_inventory(self) -> bool:
        """Tell whether emnify's filters cannot express this, so that the inventory has to answer."""
        wanted = self.filter
        if self.without_usage or len(wanted.statuses) > 1 or wanted.activated_before or wanted.activated_after:
            return True
        # emnify searches device names by one part, accents and all, among devices, which know little of their SIMs.
        if wanted.name_contains is not None or _WITHOUT_ESCAPE & {*(wanted.model or "")}:
            return True
        # emnify cannot filter for SIMs in a device: for a late page, all before it would be read again each time.
        return bool(wanted.has_device) and self.page * self.per_page > MAX_SIMS_PER_PAGE


@dataclass(frozen=True)
class SimPage:
    """Hold one page of rows, and how much it tells."""

    rows: list[ListedSim]
    page: int
    total: int | None
    pages: int | None
    has_next: bool
    as_of: str | None = None
    """When the inventory was read; None where the rows are from emnify itself."""
    complete: bool = True
    """Whether the usage of all SIMs is known, where the query asks for it."""
    notes: tuple[str, ...] = ()


async def read_page(ctx: ToolContext, query: SimQuery) -> SimPage:
    """Return a page of SIMs (GET /api/v1/sim, or the inventory).

    Raises:
        InvalidValueError: A filter cannot be expressed.
        StillReadingError: The inventory is still being read.
        UnknownNameError: No organisation or model has the name.
        OrganisationNotFoundError: The organisation is unknown, or several have the name.
        EmnifyError: emnify could not be asked.
    """
    return await (_read_inventory(ctx, query) if query.needs_inventory else _read_emnify(ctx, query))


async def _read_emnify(ctx: ToolContext, query: SimQuery) -> SimPage:
    client, wanted = emnify_of(ctx), query.filter
    chosen = SimFilter(
        status=wanted.statuses[0] if wanted.statuses else None,
        iccid=wanted.iccid,
        imsi=wanted.imsi,
        msisdn=wanted.msisdn,
        eid=wanted.eid,
        model=wanted.model,
        production_date=wanted.produced,
    )
    str(chosen)  # what cannot be expressed is refused before anything is sent.
    if wanted.customer is not None:
        try:
            organisation = await find_organisation(client, wanted.customer, among_all=True, partly=True)
        except NotAllSeenError:
            return await _read_inventory(ctx, query)
        chosen = replace(chosen, customer_org=organisation.id)
    order = SimSort(_EMNIFY_FIELDS[query.sort], query.descending)
    found = await list_matching(client, Listing(chosen, wanted.has_device, order, query.page, query.per_page))
    rows = [build_row(sim, full=query.full) for sim in found.items]
    return SimPage(rows, found.page, found.total, found.pages, found.has_next)


async def _read_inventory(ctx: ToolContext, query: SimQuery) -> SimPage:
    """Return a page from the inventory, with usage as far as it can be read within one call."""
    over_at = anyio.current_time() + ANSWER_WITHIN_S
    snapshot = await inventory_of(ctx).snapshot(progress=ctx.report_progress)
    complete, notes = True, [snapshot.note]
    if query.without_usage is not None:
        unused = await unused_sims(ctx, snapshot, query.filter, query.without_usage, over_at)
        query = replace(query, filter=replace(query.filter, ids=unused.ids))
        complete, notes = unused.complete, [unused.note, snapshot.note]
    found = await query_snapshot(lambda: _query_page(snapshot, query))
    return SimPage(
        rows=[build_fleet_row(sim, full=query.full) for sim in found.items],
        page=found.page,
        total=found.total,
        pages=found.pages,
        has_next=found.has_next,
        as_of=format_timestamp(snapshot.taken_at),
        complete=complete,
        notes=tuple(filter(None, notes)),
    )


def _query_page(snapshot: Snapshot, query: SimQuery) -> Page[FleetSim]:
    total = snapshot.count(query.filter)
    sims = snapshot.sims(
        query.filter,
        order=_FLEET_FIELDS[query.sort],
        descending=query.descending,
        limit=query.per_page,
        offset=(query.page - 1) * query.per_page,
    )
    pages = max(1, -(-total // query.per_page))
    return Page(items=list(sims), page=query.page, per_page=query.per_page, total=total, pages=pages)
