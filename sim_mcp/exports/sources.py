"""Where the rows of an export come from: SIMs by filter or by name, and the usage or events of each."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any

import anyio.to_thread
from anyio.abc import TaskGroup

from sim_mcp.emnify import (
    MAX_EVENTS_PER_PAGE,
    EmnifyClient,
    EventFilter,
    EventPages,
    EventSort,
    InvalidValueError,
    NotFoundError,
    Page,
    SimSort,
)
from sim_mcp.exports.files import ExportRefusedError
from sim_mcp.exports.formats import Row
from sim_mcp.exports.paging import ReadAhead, every_row, gather
from sim_mcp.exports.rows import SimRow, What, event_row, owner_columns, sim_row, sim_row_of_json, usage_row
from sim_mcp.fleet.lookup.organisations import find_roles
from sim_mcp.fleet.lookup.selection import SimSelection
from sim_mcp.fleet.lookup.sims import find_sims
from sim_mcp.fleet.lookup.whole_fleet import WholeFleet

MAX_SIMS = 10_000
"""SIMs whose usage or events one file may hold: a request each, which takes 25 minutes at 2,000 in five minutes."""

_DEFAULT_DAYS, _MAX_DAYS = 30, 366
_SIMS_AT_ONCE = 20
_REQUEST_DEADLINE_S = 600.0
"""The longest one request waits for its turn: emnify's window of five minutes, with others before it."""


@dataclass(frozen=True)
class Selection:
    """Which rows to export: of SIMs by name or by filter, and for usage and events, of which days (see `period`)."""

    what: What
    names: tuple[str, ...] = ()
    sims: SimSelection = field(default_factory=SimSelection)
    """What is known of them without asking emnify: all but the organisations."""
    customers: tuple[str, ...] = ()
    """By name or id, as the two below."""
    resellers: tuple[str, ...] = ()
    issuers: tuple[str, ...] = ()
    order: tuple[SimSort, ...] = (SimSort("id"),)
    start: date | None = None
    end: date | None = None


@dataclass(frozen=True)
class Batch:
    """Some rows, and of how many SIMs they are; `of` is the number of SIMs in all, where that is known."""

    rows: Sequence[Row]
    sims: int
    of: int | None = None
    unreadable: int = 0
    gone: int = 0


def period(start: date | None, end: date | None, today: date) -> tuple[date, date]:
    """Return the first and the last day of usage or events, up to today; without a start, the last 30 of them.

    Raises:
        InvalidValueError: The days lie in the future, are swapped, or more than a year.
    """
    last = end or today
    first = start or last - timedelta(days=_DEFAULT_DAYS - 1)
    if end and first > end:
        raise InvalidValueError(f"start {first} is after end {end}; swap them")
    if first > today:
        raise InvalidValueError(f"start {first} is still to come: by emnify's clock it is {today} (UTC)")
    if (last - first).days >= _MAX_DAYS:
        raise InvalidValueError(f"{first} to {last} is longer than {_MAX_DAYS} days; export it in parts")
    return first, min(last, today)


async def rows_of(
    client: EmnifyClient, wanted: Selection, group: TaskGroup, *, fleet: Callable[[], WholeFleet] | None = None
) -> AsyncGenerator[Batch]:
    """Yield the rows of an export, a few thousand at a time; the next ones are read ahead in the task group.

    In the fleet a name is looked for that emnify's own search does not find.

    Raises:
        ExportRefusedError: Usage or events of more than MAX_SIMS SIMs, or of days that are no period.
        LookupFailedError: A name leads to no SIM, or to several.
        OrganisationNotFoundError: No organisation goes by that name, or several do.
        NotAllSeenError: Several organisations may go by that name.
        EmnifyError: emnify could not be asked.
    """
    customers, resellers, issuers = await find_roles(client, wanted.customers, wanted.resellers, wanted.issuers)
    wanted = replace(wanted, sims=replace(wanted.sims, customers=customers, resellers=resellers, issuers=issuers))
    if wanted.what == "sims":
        async for sims, page in _sims(client, wanted, group, fleet):
            yield Batch(sims, len(page.items), page.total, page.unreadable)
        return
    owners = await _owners(client, wanted, group, fleet)
    # Only now has emnify answered, and told what day it is.
    try:
        first, last = period(wanted.start, wanted.end, client.now().date())
    except InvalidValueError as error:
        raise ExportRefusedError(f"{error}. Nothing was written.") from None
    read = partial(_usage if wanted.what == "usage" else _events, client, first, last)
    for at in range(0, len(owners), _SIMS_AT_ONCE):
        some = owners[at : at + _SIMS_AT_ONCE]
        of_each = await gather([partial(read, owner) for owner in some])
        yield Batch(
            [row for batch in of_each for row in batch.rows],
            len(some),
            len(owners),
            sum(batch.unreadable for batch in of_each),
            sum(batch.gone for batch in of_each),
        )


async def _sims(
    client: EmnifyClient, wanted: Selection, group: TaskGroup, fleet: Callable[[], WholeFleet] | None
) -> AsyncIterator[tuple[Sequence[Row], Page[SimRow]]]:
    """Yield the selected SIMs, with the page they were found on."""
    if wanted.names:
        sims = [sim_row(sim) for sim in await find_sims(client, wanted.names, fleet() if fleet else None)]
        yield [sim.row for sim in sims], Page(items=sims, page=1, per_page=len(sims), total=len(sims), pages=1)
        return

    async def read(number: int) -> Page[SimRow]:
        page = await client.list_raw_sims(
            wanted.sims.filter, sort=wanted.order, page=number, deadline_s=_REQUEST_DEADLINE_S
        )
        # In a thread, so that questions asked meanwhile are answered in between.
        return await anyio.to_thread.run_sync(_parse_page, page)

    async for fresh, page in every_row(ReadAhead(read, group)):
        yield [each.row for each in fresh if wanted.sims.fits(each.sim)], page


def _parse_page(page: Page[Any]) -> Page[SimRow]:
    sims = [sim for raw in page.items if (sim := sim_row_of_json(raw)) is not None]
    return page.model_copy(update={"items": sims, "unreadable": len(page.items) - len(sims)})


async def _owners(
    client: EmnifyClient, wanted: Selection, group: TaskGroup, fleet: Callable[[], WholeFleet] | None
) -> list[Row]:
    """Return the SIMs whose usage or events are wanted, as the columns that identify them."""
    owners: list[Row] = []
    async for sims, page in _sims(client, wanted, group, fleet):
        owners += [owner_columns(sim) for sim in sims]
        many = max(len(owners), page.total or 0) if wanted.sims.is_filter else len(owners)
        if many > MAX_SIMS:
            raise ExportRefusedError(
                f"{many:,} SIMs or more match; {wanted.what} of up to {MAX_SIMS:,} fit into one export, for emnify "
                "tells them SIM by SIM. Filter by status, customer or model. Nothing was written."
            )
    return owners


async def _usage(client: EmnifyClient, first: date, last: date, owner: Row) -> Batch:
    try:
        read = await client.get_sim_daily_usage(_id(owner), first, last, deadline_s=_REQUEST_DEADLINE_S)
    except NotFoundError:
        return Batch([], 1, gone=1)
    return Batch([usage_row(owner, day) for day in read.days], 1, unreadable=read.unreadable)


async def _events(client: EmnifyClient, first: date, last: date, owner: Row) -> Batch:
    """Read a SIM's events, the oldest first: what happens meanwhile comes last."""
    chosen = EventFilter(
        since=datetime.combine(first, time.min, UTC),
        until=min(datetime.combine(last, time.max, UTC), client.now()),
    )

    pages = EventPages(client, _id(owner), chosen, sort=EventSort("timestamp"), per_page=MAX_EVENTS_PER_PAGE)

    rows: list[Row] = []
    unreadable = 0
    try:
        async for fresh, page in every_row(partial(pages.read, deadline_s=_REQUEST_DEADLINE_S)):
            rows += [event_row(owner, event) for event in fresh]
            unreadable += page.unreadable
    except NotFoundError:
        return Batch(rows, 1, unreadable=unreadable, gone=1)
    return Batch(rows, 1, unreadable=unreadable)


def _id(owner: Row) -> int:
    return int(str(owner["sim_id"]))
