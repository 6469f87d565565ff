"""get_sim_timeline: what happened to one SIM, condensed from its events."""

from typing import Annotated

from mcp.types import CallToolResult
from pydantic import ConfigDict, Field, WithJsonSchema

from sim_mcp.emnify import InvalidValueError
from sim_mcp.fleet.events.event import CLOCK_TOLERANCE, RETENTION
from sim_mcp.fleet.events.reader import Timeline, Totals, read_timeline
from sim_mcp.fleet.events.timeline import Entry as TimelineEntry
from sim_mcp.formatting import format_minute, format_next, format_number, format_timestamp, join_lines, round_volume
from sim_mcp.sanitize import clean, fence, quoted
from sim_mcp.tools.context import ToolContext, emnify_of
from sim_mcp.tools.one_sim import find_one
from sim_mcp.tools.parameters import End, Page, SimName, Start, check_order, ready_call
from sim_mcp.tools.registry import Entry
from sim_mcp.tools.result import Answer, join_hints, keep_properties, respond

ENTRIES_PER_PAGE = 15
_MOST_NETWORKS = 5
_TEXT_LIMIT = 300
_WHOLE_MINUTES = 10
"""From so many minutes on, fractions of one say nothing."""


class TimelineTotals(Answer):
    """The sums over the whole timeline, whatever the page."""

    events: int
    data_sessions: int
    data_mb: float
    rejections: int
    data_mb_by_network: dict[str, float]


class TimelineRow(Answer):
    """One entry: `count` events or sessions of a kind, where there are several."""

    model_config = ConfigDict(populate_by_name=True)

    what: str
    start: str = Field(alias="from")
    end: str | None = Field(default=None, alias="to")
    count: int | None = None
    data_mb: float | None = None
    rx_mb: float | None = None
    tx_mb: float | None = None
    minutes: int | float | None = None
    network: str | None = None
    country: str | None = None
    radio: str | None = None
    apn: str | None = None
    text: str | None = None
    note: str | None = None


class TimelineAnswer(Answer):
    """One page of what happened to one SIM."""

    model_config = ConfigDict(json_schema_extra=keep_properties("iccid", "entries"))

    iccid: str
    start: str
    end: str
    totals: TimelineTotals
    page: int
    pages: int
    entries: Annotated[list[TimelineRow], WithJsonSchema({"type": "array"})]
    next: str | None = None
    hint: str | None = None


async def get_sim_timeline(
    ctx: ToolContext,
    sim: SimName,
    start: Annotated[Start | None, Field(description="moment, day or month; default: 30 days before end")] = None,
    end: Annotated[End | None, Field(description="default: now")] = None,
    page: Page = 1,
) -> Annotated[CallToolResult, TimelineAnswer]:
    """Show what happened to a SIM card, newest first, condensed from its events: data sessions with network, country,
    MB and minutes; attaches; rejections counted; status changes; totals. For single events, list_sim_events.
    """  # noqa: D205  # the description is one paragraph for the model.
    client = emnify_of(ctx)
    check_order(start=start, end=end)
    found, note = await find_one(ctx, sim)
    last = end or client.now() + CLOCK_TOLERANCE
    if start and start > last:
        raise InvalidValueError(f"start {format_timestamp(start)} is still to come, by emnify's clock")
    timeline = await read_timeline(client, found, start or last - RETENTION, last)
    following = ready_call("get_sim_timeline", {"sim": sim, "start": start, "end": last, "page": page + 1})
    answer = build(timeline, page, following)
    return respond(answer, render(answer), note)


TOOL = Entry(get_sim_timeline, "Get a SIM's timeline")


def build(timeline: Timeline, page: int, following: str) -> TimelineAnswer:
    """Return one page of a timeline, with the totals of all of it and what was not read.

    Args:
        timeline: what was read.
        page: which page, from 1.
        following: the call for the next page, if there is one.
    """
    entries = timeline.entries[(page - 1) * ENTRIES_PER_PAGE : page * ENTRIES_PER_PAGE]
    pages = max(1, -(-len(timeline.entries) // ENTRIES_PER_PAGE))
    return TimelineAnswer(
        iccid=timeline.sim.printed_iccid or f"id {timeline.sim.id}",
        start=format_timestamp(timeline.start),
        end=format_timestamp(timeline.end),
        totals=_build_totals(timeline.totals),
        page=page,
        pages=pages,
        entries=[_build_row(entry) for entry in entries],
        next=following if page < pages else None,
        hint=join_hints(_hint_left_out(timeline), None if entries else _hint_nothing(timeline, page, pages)),
    )


def render(answer: TimelineAnswer) -> str:
    """Return one page as lines: the totals, the entries inside a fence, the next call, what was left out."""
    totals = answer.totals
    by_network = [f"{name} {format_number(mb)} MB" for name, mb in totals.data_mb_by_network.items()]
    head = (
        f"Timeline of SIM {answer.iccid} from {answer.start} to {answer.end}, newest first, "
        f"page {answer.page} of {answer.pages:,}: {totals.events:,} events, {totals.data_sessions:,} data "
        f"sessions with {format_number(totals.data_mb)} MB, {totals.rejections:,} rejections."
    )
    rows = [f"data by network: {'; '.join(by_network)}"] if by_network else []
    rows += [_render_row(row) for row in answer.entries]
    return join_lines(head, fence("\n".join(rows)) if rows else None, format_next(answer.next), answer.hint)


def _build_totals(totals: Totals) -> TimelineTotals:
    by_network = list(totals.by_network.items())
    largest = {network: round_volume(mb) for network, mb in by_network[:_MOST_NETWORKS]}
    if len(by_network) > _MOST_NETWORKS:
        largest["other networks"] = round_volume(sum(mb for _, mb in by_network[_MOST_NETWORKS:]))
    return TimelineTotals(
        events=totals.events,
        data_sessions=totals.sessions,
        data_mb=round_volume(totals.mb),
        rejections=totals.rejections,
        data_mb_by_network=largest,
    )


def _build_row(entry: TimelineEntry) -> TimelineRow:
    first, last = format_minute(entry.first), format_minute(entry.last)
    return TimelineRow(
        what=entry.what,
        start=first,
        end=last if last != first else None,
        count=entry.count if entry.count > 1 else None,
        data_mb=_round(entry.mb),
        rx_mb=_round(entry.rx_mb) if entry.mb else None,
        tx_mb=_round(entry.tx_mb) if entry.mb else None,
        minutes=_round_minutes(entry.minutes),
        network=entry.network,
        country=entry.country,
        radio=entry.radio,
        apn=entry.apn,
        text=entry.text or None,
        note=entry.note,
    )


def _render_row(row: TimelineRow) -> str:
    time = row.start + (f" to {row.end}" if row.end else "")
    times = f" {row.count} times" if row.count else ""
    facts = [
        _format_volume("", row.data_mb, " MB"),
        _format_volume("rx ", row.rx_mb),
        _format_volume("tx ", row.tx_mb),
        None if row.minutes is None else f"{row.minutes} min",
        f"network {row.network}" if row.network else None,
        f"country {row.country}" if row.country else None,
        f"radio {row.radio}" if row.radio else None,
        f"APN {quoted(row.apn)}" if row.apn else None,
        quoted(row.text, _TEXT_LIMIT) if row.text else None,
        row.note,
    ]
    details = ", ".join(filter(None, facts))
    return f"{time} {row.what}{times}{f': {details}' if details else ''}"


def _format_volume(name: str, volume: float | None, unit: str = "") -> str | None:
    return None if volume is None else f"{name}{format_number(volume)}{unit}"


def _hint_left_out(timeline: Timeline) -> str | None:
    if timeline.read_back_to is None:
        return f"{timeline.unreadable:,} events could not be read." if timeline.unreadable else None
    events = f"{timeline.left_out:,} events" if timeline.left_out else "events"
    why = f" ({clean(timeline.why, 200)})" if timeline.why else ""
    # emnify filters to the second, so the next part begins with the second that this one ended in.
    before = format_timestamp(timeline.read_back_to)
    return f"{events} before {before} were not read{why}; ask again with that as end."


def _hint_nothing(timeline: Timeline, page: int, pages: int) -> str:
    if timeline.entries:
        return f"Page {page} is past the last: there are {pages:,}."
    return (
        "No events in this time. emnify keeps them for 30 days: the SIM was silent or not in use. "
        "diagnose_sim looks at the rest."
    )


def _round(volume: float | None) -> float | None:
    return None if volume is None else round_volume(volume)


def _round_minutes(minutes: float | None) -> int | float | None:
    if minutes is None:
        return None
    return round(minutes) if minutes >= _WHOLE_MINUTES else round(minutes, 1)
