"""list_sim_events: the events of one SIM or of the workspace, page by page."""

from dataclasses import replace
from typing import Annotated, Any, Literal

from mcp.types import CallToolResult
from pydantic import Field

from sim_mcp.emnify import Event as RawEvent
from sim_mcp.emnify import EventFilter, InvalidValueError, Sim, event_type_id
from sim_mcp.emnify import Page as EmnifyPage
from sim_mcp.fleet.events.event import RETENTION, parse_event
from sim_mcp.formatting import (
    format_counted,
    format_megabytes,
    format_next,
    format_page,
    format_timestamp,
    join_lines,
    join_pairs,
    round_volume,
)
from sim_mcp.sanitize import called, fence, quoted
from sim_mcp.tools.context import ToolContext, emnify_of
from sim_mcp.tools.events.event_query import EventFilters, parse_filters, parse_sort
from sim_mcp.tools.one_sim import find_one
from sim_mcp.tools.parameters import End, Name, Page, Start, check_order, ready_call
from sim_mcp.tools.registry import Entry
from sim_mcp.tools.result import Answer, respond
from sim_mcp.tools.sim_row import NAME_LIMIT

_PER_PAGE = 20
_SORT = "-time"
_TEXT_LIMIT = 300


class EventRow(Answer):
    """One event."""

    time: str
    severity: str | None = None
    type: str
    source: str | None = None
    text: str | None = None
    network: str | None = None
    country: str | None = None
    radio: str | None = None
    apn: str | None = None
    data_mb: float | None = None
    user: str | None = None
    iccid: str | None = None
    """Where the events are not of one SIM."""
    device: str | None = None


class EventListAnswer(Answer):
    """A page of events, of one SIM or of the whole workspace."""

    iccid: str | None = None
    total: int | None = Field(default=None, description="all that match")
    page: int
    pages: int | None = None
    events: list[EventRow]
    next: str | None = None
    hint: str | None = None


async def list_sim_events(
    ctx: ToolContext,
    sim: Annotated[Name | None, Field(description="as get_sim; without: the whole workspace")] = None,
    type: Annotated[  # noqa: A002  # the word people use.
        list[Name] | None, Field(max_length=6, description='names or ids, e.g. ["Create PDP Context", "15"]')
    ] = None,
    severity: Literal["info", "warn", "critical"] | None = None,
    source: Literal["network", "policy_control", "api"] | None = None,
    text: Annotated[Name | None, Field(description="part of the event's text")] = None,
    filters: EventFilters | None = None,
    start: Annotated[Start | None, Field(description="moment, day or month")] = None,
    end: End | None = None,
    sort: Annotated[str, Field(description='"-": descending')] = _SORT,
    page: Page = 1,
    per_page: Annotated[int, Field(ge=1, le=40)] = _PER_PAGE,
) -> Annotated[CallToolResult, EventListAnswer]:
    """List events of a SIM card, or of all, newest first: network attach, data sessions with operator, country, radio
    and MB, rejections with their cause, status changes, quota; who did it, where emnify knows. Shows why a device is
    offline, rejected or roaming.
    """  # noqa: D205  # the description is one paragraph for the model.
    client = emnify_of(ctx)
    check_order(start=start, end=end)
    order = parse_sort(sort)
    chosen = EventFilter(
        types=tuple(event_type_id(name) for name in type or ()),
        severity=severity,
        source=source,
        description=text,
        **parse_filters(filters),
    )
    str(chosen)  # what cannot be expressed is refused before anything is sent.
    found, note = (None, None) if sim is None else await find_one(ctx, sim)
    if start and found is None:
        await client.list_sims(per_page=1)  # only an answer tells emnify's time.
    until = end or (client.now() if start else None)
    if start and until and start > until:
        raise InvalidValueError(f"start {format_timestamp(start)} is still to come, by emnify's clock")
    chosen = replace(chosen, since=start or (end - RETENTION if end else None), until=until)
    if found is None:
        events = await client.reachability.list_workspace_events(chosen, sort=order, page=page, per_page=per_page)
    else:
        events = await client.list_sim_events(found.id, chosen, sort=order, page=page, per_page=per_page)
    wanted = {
        "type": type,
        "severity": severity,
        "source": source,
        "text": text,
        "filters": filters,
        "start": start,
        "end": end,
    }
    shape = {"sort": None if sort == _SORT else sort, "per_page": per_page if per_page != _PER_PAGE else None}
    answer = build(found, events, {"sim": sim} | wanted | shape, filtered=any(wanted.values()))
    return respond(answer, render(answer), note)


TOOL = Entry(list_sim_events, "List a SIM's events")


def build(
    sim: Sim | None, events: EmnifyPage[RawEvent], arguments: dict[str, Any], *, filtered: bool
) -> EventListAnswer:
    """Return a page of events, in the order they were asked for; `arguments` are for the next call."""
    return EventListAnswer(
        iccid=None if sim is None else sim.printed_iccid or f"id {sim.id}",
        total=events.total,
        page=events.page,
        pages=events.pages,
        events=[_build_row(event, of_one=sim is not None) for event in events.items],
        next=ready_call("list_sim_events", arguments, page=events.page + 1) if events.has_next else None,
        hint=None if events.items else _hint_nothing(events, arguments, filtered=filtered),
    )


def render(answer: EventListAnswer) -> str:
    """Return a page of events as lines inside a fence."""
    owner = f"SIM {answer.iccid}" if answer.iccid else "the workspace"
    if not answer.events:
        return join_lines(f"0 events of {owner} match.", answer.hint)
    counted = format_counted(len(answer.events), answer.total, "event")
    head = f"{counted} of {owner}, {format_page(answer.page, answer.pages)}."
    return join_lines(head, fence("\n".join(map(_render_row, answer.events))), format_next(answer.next), answer.hint)


def _build_row(raw: RawEvent, *, of_one: bool) -> EventRow:
    event = parse_event(raw)
    return EventRow(
        time=format_timestamp(event.at) if event.at else "time unknown",
        severity=event.severity,
        type=event.name,
        source=event.source,
        text=event.text or None,
        network=event.network,
        country=event.country,
        radio=event.radio,
        apn=event.apn,
        data_mb=None if event.mb is None else round_volume(event.mb),
        user=event.user,
        iccid=None if of_one or raw.sim is None else raw.sim.printed_iccid,
        device=None if of_one or raw.device is None else called(raw.device.name, raw.device.id, NAME_LIMIT),
    )


def _render_row(row: EventRow) -> str:
    where = join_pairs(
        ("network", row.network),
        ("country", row.country),
        ("radio", row.radio),
        ("APN", quoted(row.apn) if row.apn else None),
        ("volume", None if row.data_mb is None else format_megabytes(row.data_mb)),
        ("by", quoted(row.user) if row.user else None),
        ("SIM", row.iccid),
        ("device", quoted(row.device) if row.device else None),
    )
    text = quoted(row.text, _TEXT_LIMIT) if row.text else None
    return " ".join(
        filter(None, [row.time, row.severity, row.source, f"{row.type}:", text, f"[{where}]" if where else None])
    )


def _hint_nothing(events: EmnifyPage[RawEvent], arguments: dict[str, Any], *, filtered: bool) -> str:
    if events.total:
        return f"Page {events.page} is past the last: {events.total:,} events on {events.pages or 1:,} pages match."
    if any(text.lower().startswith("user") for text in arguments["filters"] or ()):
        return (
            "emnify names the user of what people did in its portal, not of what an application token did; "
            "list_changes tells who changed something through this server. Events are kept for 30 days."
        )
    if filtered:
        return "Nothing fits these filters; leave some out to see what there is. emnify keeps events for 30 days."
    if arguments["sim"] is None:
        return "emnify keeps events for 30 days, and has none of this workspace."
    return (
        "emnify keeps events for 30 days: this SIM has been silent since, or was never in use. "
        "get_sim tells whether it is activated and in a device."
    )
