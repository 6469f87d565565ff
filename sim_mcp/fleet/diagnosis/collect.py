"""Reading the evidence about a SIM from all sources at once."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar, get_args

import anyio

from sim_mcp.emnify import AuthenticationError, EmnifyClient, EmnifyError, EventFilter, NotFoundError, Page, Sim
from sim_mcp.emnify import Event as RawEvent
from sim_mcp.fleet.diagnosis.evidence import Evidence, Source
from sim_mcp.fleet.diagnosis.spending import find_dear_month
from sim_mcp.fleet.events.event import kept_events, newest_first, parse_event
from sim_mcp.fleet.events.event_type import FROM_NETWORK, EventType

_NEWEST = 100
_SELECTED = 50
_LAST_ENDS = 10
"""Ends of data sessions among which a glance looks for the last that carried data."""

WITHIN_S = 35.0
"""The most seconds that reading takes: together with finding the SIM, less than hosts wait."""

BRIEF_WITHIN_S = 12.0
"""The most seconds that a glance takes: what emnify does not answer in that time is left out of it."""

_LEAST_S = 1.0
_FIRST, _LATER = 3 / 7, 2 / 7
"""The share of the first round, and of each of the two that may follow."""

_DEVICE_TYPES = (
    EventType.DEVICE_BLOCKED,
    EventType.QUOTA_LOW,
    EventType.QUOTA_USED_UP,
    EventType.DEVICE_ENABLED,
    EventType.DEVICE_DISABLED,
    EventType.QUOTA_EXPIRED,
)
_OLDER: tuple[EventFilter, ...] = (
    EventFilter(severity="warn"),
    EventFilter(types=tuple(sorted(FROM_NETWORK - {EventType.UPDATE_PDP_CONTEXT})), severity="info"),
    EventFilter(
        types=(
            EventType.ACTIVATION,
            EventType.SUSPENSION,
            EventType.FACTORY_TEST,
            EventType.RELEASED,
            EventType.ASSIGNED,
            EventType.CONNECTIVITY_RESET,
        )
    ),
)
"""What else is requested where the newest events are not all: refusals, the last success, status changes."""

T = TypeVar("T")


async def collect_evidence(client: EmnifyClient, sim: Sim, within_s: float = WITHIN_S) -> Evidence:
    """Read all evidence about a SIM concurrently; a source that fails is recorded as unread.

    At most three rounds and `within_s` seconds; a source that does not answer in time has failed.

    emnify API: /endpoint/{id}, …/connectivity, …/connectivity_info, …/quota/data, …/quota/sms,
    …/operator_blacklist, …/event, /sim/{id}/event, /sim/{id}/stats, /event,
    /organisation/my/inclusive_volume/active; where an event mentions a limit …/traffic_limit_extension, and where a
    month exceeds the other by far /sim/{id}/stats/daily.

    Raises:
        AuthenticationError: The token is not accepted any more, so that nothing can be read.
    """
    now = client.now()
    kept = kept_events(now)
    within_s = max(_LEAST_S, min(within_s, WITHIN_S))
    found = _Reader(within_s * _FIRST)
    device, ask = sim.device, client.reachability
    async with anyio.create_task_group() as group:

        def read(source: Source, ask: Callable[[float], Awaitable[Any]]) -> None:
            group.start_soon(found.read, source, ask)

        read("events", lambda s: client.list_sim_events(sim.id, kept, per_page=_NEWEST, deadline_s=s))
        read("usage", lambda s: client.get_sim_usage(sim.id, deadline_s=s))
        read("inclusive volume", lambda s: client.organisation.has_inclusive_volume(deadline_s=s))
        blocks = replace(kept, types=(EventType.WORKSPACE_BLOCKED,))
        read("workspace events", lambda s: ask.list_workspace_events(blocks, deadline_s=s))
        if device is not None:
            number, of_device = device.id, replace(kept, types=_DEVICE_TYPES)
            read("device", lambda s: client.get_device(number, deadline_s=s))
            read("connectivity", lambda s: client.get_connectivity(number, deadline_s=s))
            read("network query", lambda s: ask.get_connectivity_info(number, deadline_s=s))
            read("device events", lambda s: ask.list_device_events(number, of_device, deadline_s=s))
            read("data quota", lambda s: _none_if_not_found(client.get_data_quota(number, deadline_s=s)))
            read("SMS quota", lambda s: _none_if_not_found(ask.get_sms_quota(number, deadline_s=s)))
            read("blocked operators", lambda s: ask.list_blocked_operators(number, deadline_s=s))
    if found.token_error is not None:
        raise found.token_error
    newest: Page[RawEvent] | None = found.values.get("events")
    more = await _read_older_events(client, sim, kept, newest, found, within_s * _LATER)
    evidence = _build_evidence(client.as_of(), sim, found, newest, more)
    return await _read_what_it_calls_for(client, evidence, _Reader(within_s * _LATER))


async def collect_brief(client: EmnifyClient, sim: Sim, within_s: float) -> Evidence:
    """Read what a glance takes: whether the device is online, its last data sessions, usage and whether costs hold.

    emnify API: /endpoint/{id}/connectivity, /sim/{id}/event, /sim/{id}/stats, /organisation/my/inclusive_volume/active.

    Raises:
        AuthenticationError: The token is not accepted any more.
    """
    now, device = client.now(), sim.device
    ends = replace(kept_events(now), types=(EventType.DELETE_PDP_CONTEXT,))
    found = _Reader(max(_LEAST_S, min(within_s, BRIEF_WITHIN_S)))
    async with anyio.create_task_group() as group:

        def read(source: Source, ask: Callable[[float], Awaitable[Any]]) -> None:
            group.start_soon(found.read, source, ask)

        read("events", lambda s: client.list_sim_events(sim.id, ends, per_page=_LAST_ENDS, deadline_s=s))
        read("usage", lambda s: client.get_sim_usage(sim.id, deadline_s=s))
        read("inclusive volume", lambda s: client.organisation.has_inclusive_volume(deadline_s=s))
        if device is not None:
            number = device.id
            read("connectivity", lambda s: client.get_connectivity(number, deadline_s=s))
    if found.token_error is not None:
        raise found.token_error
    return _build_evidence(client.as_of(), sim, found, found.values.get("events"), [])


async def _read_what_it_calls_for(client: EmnifyClient, evidence: Evidence, later: "_Reader") -> Evidence:
    """Read what only some evidence calls for: limits that were extended, and the days of a dear month."""
    device = evidence.sim.device
    async with anyio.create_task_group() as group:
        if device is not None and any(each.hit_traffic_limit for each in evidence.events):
            number = device.id
            ask = client.reachability
            group.start_soon(later.read, "limit extensions", lambda s: ask.list_limit_extensions(number, deadline_s=s))
        if dear := find_dear_month(evidence):
            sim_id, first, last = evidence.sim.id, dear.first, dear.last
            group.start_soon(
                later.read, "daily usage", lambda s: client.get_sim_daily_usage(sim_id, first, last, deadline_s=s)
            )
    granted = later.values.get("limit extensions")
    return replace(
        evidence,
        limit_extensions=None if granted is None else tuple(granted),
        daily=later.values.get("daily usage"),
        unread=evidence.unread | later.unread,
    )


async def _read_older_events(
    client: EmnifyClient,
    sim: Sim,
    kept: EventFilter,
    newest: Page[RawEvent] | None,
    found: "_Reader",
    deadline_s: float,
) -> list[RawEvent]:
    """Read older events that matter where a SIM has too many; a failure only leaves the events incomplete."""
    if newest is None or not newest.has_next:
        return []
    selected: list[RawEvent] = []

    async def select(chosen: EventFilter) -> None:
        wanted = replace(chosen, since=kept.since, until=kept.until)
        try:
            page = await client.list_sim_events(sim.id, wanted, per_page=_SELECTED, deadline_s=deadline_s)
        except EmnifyError as error:
            found.unread["older events"] = str(error)
        else:
            selected.extend(page.items)

    async with anyio.create_task_group() as group:
        for chosen in _OLDER:
            group.start_soon(select, chosen)
    return selected


def _build_evidence(
    now: datetime, sim: Sim, found: "_Reader", newest: Page[RawEvent] | None, more: list[RawEvent]
) -> Evidence:
    values = found.values
    if "device" in found.unread:
        # If the device cannot be read, "not found" does not mean that it has no quota.
        unasked: tuple[Source, ...] = ("data quota", "SMS quota")
        found.unread |= {source: found.unread["device"] for source in unasked if values.get(source) is None}
    of_device: Page[RawEvent] | None = values.get("device events")
    blocks: Page[RawEvent] | None = values.get("workspace events")
    events = [*(newest.items if newest else ()), *more, *(of_device.items if of_device else ())]
    return Evidence(
        now=now,
        sim=sim,
        device=values.get("device") or sim.device,
        connectivity=values.get("connectivity"),
        network_query=values.get("network query"),
        events=newest_first(map(parse_event, events)),
        all_events=newest is not None and not newest.has_next and not newest.unreadable,
        workspace_blocks=newest_first(map(parse_event, blocks.items if blocks else ())),
        usage=values.get("usage"),
        inclusive_volume=values.get("inclusive volume"),
        data_quota=values.get("data quota"),
        sms_quota=values.get("SMS quota"),
        blocked_operators=tuple(values.get("blocked operators") or ()),
        unread={source: found.unread[source] for source in get_args(Source) if source in found.unread},
    )


async def _none_if_not_found(asked: Awaitable[T]) -> T | None:
    """Return None for "not found": that is how emnify answers for a device without quota."""
    try:
        return await asked
    except NotFoundError:
        return None


@dataclass
class _Reader:
    """Keep what each source returned, or its error."""

    deadline_s: float
    values: dict[Source, Any] = field(default_factory=dict)
    unread: dict[Source, str] = field(default_factory=dict)
    token_error: AuthenticationError | None = None

    async def read(self, source: Source, ask: Callable[[float], Awaitable[Any]]) -> None:
        try:
            self.values[source] = await ask(self.deadline_s)
        except AuthenticationError as error:
            self.token_error = error
        except EmnifyError as error:
            self.unread[source] = str(error)
