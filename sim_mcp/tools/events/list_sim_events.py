"""list_sim_events: one SIM's events, page by page."""

from dataclasses import replace
from typing import Annotated, Any, Literal

from mcp.types import CallToolResult
from pydantic import BeforeValidator, Field

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
from sim_mcp.sanitize import fence, quoted
from sim_mcp.tools.context import ToolContext, emnify_of
from sim_mcp.tools.one_sim import find_one
from sim_mcp.tools.parameters import Moment, Name, Page, SimName, check_order, ready_call, wrap_scalar
from sim_mcp.tools.registry import Entry
from sim_mcp.tools.result import Answer, respond

_PER_PAGE = 20
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


class EventListAnswer(Answer):
    """A page of one SIM's events."""

    iccid: str
    total: int | None = Field(default=None, description="all that match")
    page: int
    pages: int | None = None
    events: list[EventRow]
    next: str | None = None
    hint: str | None = None


async def list_sim_events(
    ctx: ToolContext,
    sim: SimName,
    type: Annotated[  # noqa: A002  # the word people use.
        list[Name] | None,
        Field(max_length=6, description='names or ids, e.g. ["Create PDP Context", "15"]'),
        BeforeValidator(wrap_scalar),
    ] = None,
    severity: Literal["info", "warn", "critical"] | None = None,
    source: Literal["network", "policy_control", "api"] | None = None,
    text_contains: Annotated[Name | None, Field(description="part of the event's text")] = None,
    since: Annotated[Moment | None, Field(description="default: 30 days ago, as far as emnify keeps them")] = None,
    until: Annotated[Moment | None, Field(description="default: now")] = None,
    newest_first: bool = True,
    page: Page = 1,
    per_page: Annotated[int, Field(ge=1, le=40)] = _PER_PAGE,
) -> Annotated[CallToolResult, EventListAnswer]:
    """List a SIM card's events, newest first: network attach, data sessions with operator, country, radio type and MB,
    rejections with their cause, status changes, quota. Shows why a device is offline, rejected or roaming.
    """  # noqa: D205  # the description is one paragraph for the model.
    client = emnify_of(ctx)
    check_order(since=since, until=until)
    chosen = EventFilter(
        types=tuple(event_type_id(name) for name in type or ()),
        severity=severity,
        source=source,
        description=text_contains,
    )
    str(chosen)  # what cannot be expressed is refused before anything is sent.
    found, note = await find_one(ctx, sim)
    # Only an answer tells emnify's time.
    end = until or (client.now() if since else None)
    if since and end and since > end:
        raise InvalidValueError(f"since {format_timestamp(since)} is still to come, by emnify's clock")
    chosen = replace(chosen, since=since or (until - RETENTION if until else None), until=end)
    events = await client.list_sim_events(found.id, chosen, newest_first=newest_first, page=page, per_page=per_page)
    filters = {
        "type": type,
        "severity": severity,
        "source": source,
        "text_contains": text_contains,
        "since": since,
        "until": until,
    }
    shape = {"newest_first": None if newest_first else False, "per_page": per_page if per_page != _PER_PAGE else None}
    answer = build(found, events, {"sim": sim} | filters | shape, filtered=any(filters.values()))
    return respond(answer, render(answer), note)


TOOL = Entry(list_sim_events, "List a SIM's events")


def build(sim: Sim, events: EmnifyPage[RawEvent], arguments: dict[str, Any], *, filtered: bool) -> EventListAnswer:
    """Return a page of events, in the order they were asked for; `arguments` are for the next call."""
    return EventListAnswer(
        iccid=sim.printed_iccid or f"id {sim.id}",
        total=events.total,
        page=events.page,
        pages=events.pages,
        events=[_build_row(event) for event in events.items],
        next=ready_call("list_sim_events", arguments, page=events.page + 1) if events.has_next else None,
        hint=None if events.items else _hint_nothing(events, filtered=filtered),
    )


def render(answer: EventListAnswer) -> str:
    """Return a page of events as lines inside a fence."""
    if not answer.events:
        return join_lines(f"0 events of SIM {answer.iccid} match.", answer.hint)
    counted = format_counted(len(answer.events), answer.total, "event")
    head = f"{counted} of SIM {answer.iccid}, {format_page(answer.page, answer.pages)}."
    return join_lines(head, fence("\n".join(map(_render_row, answer.events))), format_next(answer.next), answer.hint)


def _build_row(raw: RawEvent) -> EventRow:
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
    )


def _render_row(row: EventRow) -> str:
    where = join_pairs(
        ("network", row.network),
        ("country", row.country),
        ("radio", row.radio),
        ("APN", quoted(row.apn) if row.apn else None),
        ("volume", None if row.data_mb is None else format_megabytes(row.data_mb)),
    )
    text = quoted(row.text, _TEXT_LIMIT) if row.text else None
    return " ".join(
        filter(None, [row.time, row.severity, row.source, f"{row.type}:", text, f"[{where}]" if where else None])
    )


def _hint_nothing(events: EmnifyPage[RawEvent], *, filtered: bool) -> str:
    if events.total:
        return f"Page {events.page} is past the last: {events.total:,} events on {events.pages or 1:,} pages match."
    if filtered:
        return "Nothing fits these filters; leave some out to see what there is. emnify keeps events for 30 days."
    return (
        "emnify keeps events for 30 days: this SIM has been silent since, or was never in use. "
        "get_sim tells whether it is activated and in a device."
    )
