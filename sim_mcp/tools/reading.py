"""The tools that read SIMs. They send nothing but GET."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from mcp.types import CallToolResult
from pydantic import BeforeValidator, Field

from sim_mcp.emnify import Event, EventFilter, InvalidValueError, event_type_id
from sim_mcp.emnify import Page as EmnifyPage
from sim_mcp.fleet.lookup.sims import find_sim
from sim_mcp.tools import answers, facts, text
from sim_mcp.tools.context import ToolContext, emnify_of
from sim_mcp.tools.parameters import Moment, Name, Page, SimName, ready_call, several
from sim_mcp.tools.result import respond

_EVENTS = 20
RETENTION = timedelta(days=30)
"""How long emnify keeps events (emnify docs: events)."""


async def get_sim(ctx: ToolContext, sim: SimName) -> Annotated[CallToolResult, answers.SimDetail]:
    """Get one SIM card in full: status with what it may become and costs, device, identifiers, organisations, dates.
    For why it is offline, list_sim_events shows rejections; for many SIMs at once, list_sims.
    """  # noqa: D205  # the description is one paragraph for the model.
    found = facts.sim_detail(await find_sim(emnify_of(ctx), sim))
    return respond(found, text.sim(found))


async def list_sim_statuses(ctx: ToolContext) -> Annotated[CallToolResult, answers.StatusList]:
    """List the statuses a SIM card can have, what each means for service and bill, and what it may become."""
    found = answers.StatusList(statuses=[facts.status_row(row) for row in await emnify_of(ctx).list_sim_statuses()])
    return respond(found, text.statuses(found))


async def list_sim_events(
    ctx: ToolContext,
    sim: SimName,
    type: Annotated[  # noqa: A002  # the word people use.
        list[Name] | None,
        Field(max_length=6, description='names or ids, e.g. ["Create PDP Context", "15"]'),
        BeforeValidator(several),
    ] = None,
    severity: Literal["info", "warn", "critical"] | None = None,
    source: Literal["network", "policy_control", "api"] | None = None,
    text_contains: Annotated[Name | None, Field(description="part of the event's text")] = None,
    since: Annotated[Moment | None, Field(description="default: 30 days ago, as far as emnify keeps them")] = None,
    until: Annotated[Moment | None, Field(description="default: now")] = None,
    newest_first: bool = True,
    page: Page = 1,
    per_page: Annotated[int, Field(ge=1, le=40)] = _EVENTS,
) -> Annotated[CallToolResult, answers.EventList]:
    """List a SIM card's events, newest first: network attach, data sessions with operator, country, radio type and MB,
    rejections with their cause, status changes, quota. Shows why a device is offline, rejected or roaming.
    """  # noqa: D205  # the description is one paragraph for the model.
    client = emnify_of(ctx)
    _check_times(since, until)
    asked = EventFilter(
        types=tuple(event_type_id(name) for name in type or ()),
        severity=severity,
        source=source,
        description=text_contains,
    )
    str(asked)  # what cannot be expressed is refused before anything is sent.
    found = await find_sim(client, sim)
    # Only an answer tells emnify's time.
    end = until or (client.now() if since else None)
    if since and end and since > end:
        raise InvalidValueError(f"since {since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} is still to come, by emnify's clock")
    chosen = replace(asked, since=since or (until - RETENTION if until else None), until=end)
    read = await client.list_sim_events(found.id, chosen, newest_first=newest_first, page=page, per_page=per_page)
    given = {
        "type": type,
        "severity": severity,
        "source": source,
        "text_contains": text_contains,
        "since": since,
        "until": until,
    }
    shape = {"newest_first": None if newest_first else False, "per_page": per_page if per_page != _EVENTS else None}
    listed = answers.EventList(
        iccid=found.printed_iccid or f"id {found.id}",
        total=read.total,
        page=read.page,
        pages=read.pages,
        events=[facts.event_row(event) for event in read.items],
        next=ready_call("list_sim_events", {"sim": sim} | given | shape, page=read.page + 1) if read.has_next else None,
        hint=None if read.items else _no_events(read, filtered=any(given.values())),
    )
    return respond(listed, text.event_list(listed))


def _no_events(read: EmnifyPage[Event], *, filtered: bool) -> str:
    if read.total:
        return f"Page {read.page} is past the last: {read.total:,} events on {read.pages or 1:,} pages match."
    if filtered:
        return "Nothing fits these filters; leave some out to see what there is. emnify keeps events for 30 days."
    return (
        "emnify keeps events for 30 days: this SIM has been silent since, or was never in use. "
        "get_sim tells whether it is activated and in a device."
    )


def _check_times(since: datetime | None, until: datetime | None) -> None:
    if since and until and since > until:
        raise InvalidValueError(
            f"since {since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} is after until "
            f"{until.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}; swap them"
        )
