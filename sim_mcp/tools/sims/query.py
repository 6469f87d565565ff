"""A page of SIMs, from emnify where its filters can say what is wanted, else from the inventory."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TypedDict

import anyio

from sim_mcp.emnify import MAX_SIMS_PER_PAGE, EmnifyClient, Page, RateLimitedError, Sim, SimFilter
from sim_mcp.fleet.inventory.filters import FleetFilter, FleetSim, Order
from sim_mcp.fleet.inventory.snapshot import Snapshot
from sim_mcp.fleet.lookup.listing import Listing, list_matching
from sim_mcp.fleet.lookup.organisations import NotAllSeenError, find_roles
from sim_mcp.formatting import format_timestamp
from sim_mcp.tools.context import ANSWER_WITHIN_S, ToolContext, emnify_of, inventory_of
from sim_mcp.tools.order import EMNIFY_FIELDS, emnify_order
from sim_mcp.tools.parameters import Month
from sim_mcp.tools.sims.fleet_answer import query_snapshot
from sim_mcp.tools.sims.row import ListedSim, build_fleet_row, build_row
from sim_mcp.tools.usage.unused import unused_sims

_WITHOUT_ESCAPE = frozenset(",|")
"""Characters that separate emnify's filters, which know no way to escape them."""


@dataclass(frozen=True)
class SimQuery:
    """Hold which SIMs are wanted, in which order, and which page of them."""

    filter: FleetFilter
    sort: tuple[Order, ...]
    page: int
    per_page: int
    full: bool
    """Whether rows hold every field."""
    without_usage: Month | None = None

    @property
    def needs_inventory(self) -> bool:
        """Tell whether emnify's filters cannot express this, so that the inventory has to answer."""
        wanted = self.filter
        several = (wanted.statuses, wanted.customers, wanted.resellers, wanted.issuers, wanted.models)
        if self.without_usage or any(len(values) > 1 for values in several):
            return True
        if wanted.activated_before or wanted.activated_after or wanted.produced_before or wanted.produced_after:
            return True
        if any(key.by not in EMNIFY_FIELDS for key in self.sort):
            return True
        # emnify searches device names by one part, accents and all, among devices, which know little of their SIMs.
        if wanted.name_contains is not None or _WITHOUT_ESCAPE & set("".join(wanted.models)):
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
    same_customer: bool = False
    """Whether all that match, on every page, are of one customer."""


class Produced(TypedDict, total=False):
    """The parts of a filter that say when a SIM was produced."""

    produced: date
    produced_after: date
    produced_before: date


def produced_in(days: tuple[date, date] | None) -> Produced:
    """Return the filter for a day, which emnify knows too, or for the days of a month, which the inventory knows."""
    if days is None:
        return {}
    first, last = days
    if first == last:
        return {"produced": first}
    return {"produced_after": first - timedelta(days=1), "produced_before": last + timedelta(days=1)}


async def read_page(ctx: ToolContext, query: SimQuery) -> SimPage:
    """Return a page of SIMs (GET /api/v1/sim, or the inventory).

    Raises:
        InvalidValueError: A filter cannot be expressed.
        StillReadingError: The inventory is still being read.
        UnknownNameError: No organisation or model has the name.
        OrganisationNotFoundError: The organisation is unknown, or several have the name.
        EmnifyError: emnify could not be asked.
    """
    if query.needs_inventory:
        return await _read_inventory(ctx, query)
    try:
        return await _read_emnify(ctx, query)
    except RateLimitedError:
        if await inventory_of(ctx).held() is None:
            raise
        return await _read_inventory(ctx, query)


async def _read_emnify(ctx: ToolContext, query: SimQuery) -> SimPage:
    client, wanted = emnify_of(ctx), query.filter
    chosen = SimFilter(
        status=next(iter(wanted.statuses), None),
        iccid=wanted.iccid,
        imsi=wanted.imsi,
        msisdn=wanted.msisdn,
        eid=wanted.eid,
        model=next(iter(wanted.models), None),
        production_date=wanted.produced,
    )
    str(chosen)  # what cannot be expressed is refused before anything is sent.
    try:
        chosen = await _with_organisations(client, chosen, wanted)
    except NotAllSeenError:
        return await _read_inventory(ctx, query)
    order = emnify_order(query.sort)
    listing = Listing(chosen, wanted.has_device, order, query.page, query.per_page)
    found = await list_matching(client, listing)
    rows = [build_row(sim, full=query.full) for sim in found.items]
    same = await _are_of_one_customer(client, listing, found)
    return SimPage(rows, found.page, found.total, found.pages, found.has_next, same_customer=same)


async def _with_organisations(client: EmnifyClient, chosen: SimFilter, wanted: FleetFilter) -> SimFilter:
    roles = await find_roles(client, wanted.customers, wanted.resellers, wanted.issuers, partly=True)
    customer, reseller, issuer = (next(iter(ids), None) for ids in roles)
    return replace(chosen, customer_org=customer, reseller_org=reseller, issuer_org=issuer)


async def _are_of_one_customer(client: EmnifyClient, listing: Listing, found: Page[Sim]) -> bool:
    """Tell whether all that match are of the customer of this page; emnify counts the others, if there are any."""
    customers = {sim.customer_org.id if sim.customer_org else None for sim in found.items}
    if len(customers) != 1 or None in customers or listing.filter.customer_org or found.total == len(found.items):
        return len(customers) == 1
    if listing.has_device:
        return False  # it would take as many requests as the list itself.
    customer = customers.pop()
    counted = await list_matching(
        client, replace(listing, filter=replace(listing.filter, customer_org=customer), page=1, per_page=1)
    )
    return counted.total == found.total


async def _read_inventory(ctx: ToolContext, query: SimQuery) -> SimPage:
    """Return a page from the inventory, with usage as far as it can be read within one call."""
    over_at = anyio.current_time() + ANSWER_WITHIN_S
    snapshot = await inventory_of(ctx).snapshot(progress=ctx.report_progress)
    complete, notes = True, [snapshot.note]
    if query.without_usage is not None:
        unused = await unused_sims(ctx, snapshot, query.filter, query.without_usage, over_at)
        query = replace(query, filter=replace(query.filter, ids=unused.ids))
        complete, notes = unused.complete, [unused.note, snapshot.note]
    found, same = await query_snapshot(lambda: _query_page(snapshot, query))
    return SimPage(
        rows=[build_fleet_row(sim, full=query.full) for sim in found.items],
        page=found.page,
        total=found.total,
        pages=found.pages,
        has_next=found.has_next,
        as_of=format_timestamp(snapshot.taken_at),
        complete=complete,
        notes=tuple(filter(None, notes)),
        same_customer=same,
    )


def _query_page(snapshot: Snapshot, query: SimQuery) -> tuple[Page[FleetSim], bool]:
    """Return the page, and whether all that match are of the customer of this page."""
    total = snapshot.count(query.filter)
    first = (query.page - 1) * query.per_page
    sims = list(snapshot.sims(query.filter, order=query.sort, limit=query.per_page, offset=first))
    pages = max(1, -(-total // query.per_page))
    customers = {sim.customer_id for sim in sims}
    customer = customers.pop() if len(customers) == 1 else None
    same = customer is not None and snapshot.count(replace(query.filter, customers=(str(customer),))) == total
    return Page(items=sims, page=query.page, per_page=query.per_page, total=total, pages=pages), same
