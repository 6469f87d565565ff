"""Reading the timeline of one SIM, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import anyio

from sim_mcp.emnify import EmnifyClient, EmnifyError, EventFilter, EventPages, Page, Sim, iter_pages
from sim_mcp.emnify import Event as RawEvent
from sim_mcp.fleet.events.event import Event, parse_event
from sim_mcp.fleet.events.timeline import Entry, build_entries

MOST_EVENTS = 2000
"""Events read for one timeline: a month of a busy device; for older ones, ask with an earlier end."""

_PER_PAGE = 500
_MOST_PAGES = 20
"""emnify's largest page is not documented and may be smaller than asked for; then reading ends here."""

_TIME_S = 30.0


@dataclass(frozen=True)
class Totals:
    """Hold the sums over all entries of a timeline; volumes in MB."""

    events: int
    sessions: int
    mb: float
    rejections: int
    by_network: dict[str, float] = field(default_factory=dict)
    """MB by network and country, the largest first."""


@dataclass(frozen=True)
class Timeline:
    """Hold what happened between two moments, and what was left out."""

    sim: Sim
    start: datetime
    end: datetime
    entries: tuple[Entry, ...]
    totals: Totals
    left_out: int = 0
    """Events before `read_back_to` that were not read; 0 where there are none, or where emnify sent no total."""
    read_back_to: datetime | None = None
    """The oldest event that was read, where older ones were left out."""
    why: str | None = None
    unreadable: int = 0


async def read_timeline(client: EmnifyClient, sim: Sim, start: datetime, end: datetime) -> Timeline:
    """Read what happened to a SIM between two moments, the newest first (GET /api/v1/sim/{id}/event).

    Raises:
        EmnifyError: Not even the first page could be read.
    """
    found: dict[int, Event] = {}
    chosen = EventFilter(since=start, until=end)
    pages = EventPages(client, sim.id, chosen, per_page=_PER_PAGE)
    over_at = anyio.current_time() + _TIME_S
    total, unreadable = None, 0
    more, why = False, None

    async def read(number: int) -> Page[RawEvent]:
        return await pages.read(number, deadline_s=over_at - anyio.current_time())

    page: Page[RawEvent] | None = None
    try:
        async for page in iter_pages(read):
            total = page.total if page.total is not None else total
            unreadable += page.unreadable
            found |= {event.id: parse_event(event) for event in page.items}
            if page.has_next and (len(found) >= MOST_EVENTS or page.page >= _MOST_PAGES):
                more = True
                break
    except EmnifyError as error:
        if page is None:
            raise
        more, why = True, str(error)
    events = list(found.values())
    entries = build_entries(events)
    times = [event.at for event in events if event.at is not None]
    return Timeline(
        sim=sim,
        start=start,
        end=end,
        entries=entries,
        totals=sum_entries(entries),
        left_out=max(0, (total or 0) - len(events) - unreadable) if more else 0,
        read_back_to=min(times) if more and times else None,
        why=why,
        unreadable=unreadable,
    )


def sum_entries(entries: Sequence[Entry]) -> Totals:
    """Return the sums over some entries; pure."""
    sessions = [entry for entry in entries if entry.what == "data session"]
    networks: dict[str, float] = {}
    for entry in sessions:
        where = ", ".join(filter(None, [entry.network, entry.country])) or "network unknown"
        networks[where] = networks.get(where, 0.0) + (entry.mb or 0.0)
    return Totals(
        events=sum(len(entry.events) for entry in entries),
        sessions=sum(entry.count for entry in sessions),
        mb=sum(entry.mb or 0.0 for entry in sessions),
        rejections=sum(entry.count for entry in entries if entry.what.endswith("rejected")),
        by_network=dict(sorted(networks.items(), key=lambda item: -item[1])),
    )
