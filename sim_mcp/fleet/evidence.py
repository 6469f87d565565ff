"""What a support engineer would look at before saying why a SIM behaves as it does, read side by side."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Literal, TypeVar, get_args

import anyio

from sim_mcp.emnify import (
    AuthenticationError,
    Connectivity,
    ConnectivityInfo,
    Device,
    EmnifyClient,
    EmnifyError,
    Event,
    EventFilter,
    LimitExtension,
    Network,
    NotFoundError,
    Page,
    Quota,
    Sim,
    SimStatus,
    SimUsage,
)
from sim_mcp.fleet import happenings
from sim_mcp.fleet.happenings import Happening, newest_first
from sim_mcp.fleet.sessions import Session, sessions_of

Source = Literal[
    "device",
    "connectivity",
    "network query",
    "events",
    "older events",
    "device events",
    "workspace events",
    "usage",
    "data quota",
    "SMS quota",
    "blocked operators",
    "limit extensions",
]
OF_DEVICE: tuple[Source, ...] = (
    "device",
    "connectivity",
    "network query",
    "device events",
    "data quota",
    "SMS quota",
    "blocked operators",
    "limit extensions",
)
"""Sources that are reached through the device: without one there is nothing to read."""

RETENTION = timedelta(days=30)
"""How long emnify keeps events (emnify docs: events)."""

CLOCKS_APART = timedelta(minutes=1)
"""emnify's time is known to the second and from another machine than its events: what just happened counts too."""

_NEWEST = 100
_SELECTED = 50
_FIRST_S, _SECOND_S = 15.0, 10.0
"""Seconds for each round: both together leave time to find the SIM first and to answer within a host's patience."""

_DEVICE_TYPES = (
    happenings.DEVICE_BLOCKED,
    happenings.QUOTA_LOW,
    happenings.QUOTA_USED_UP,
    happenings.DEVICE_ENABLED,
    happenings.DEVICE_DISABLED,
    happenings.QUOTA_EXPIRED,
)
_BUSY: tuple[EventFilter, ...] = (
    EventFilter(severity="warn"),
    EventFilter(types=(1, 2, 3, 5, 15, 16), severity="info"),
    EventFilter(types=(8, 9, 45, 50, 51, 68)),
)
"""What is asked for besides where the newest events are not all: refusals, the last success, changes of status."""

T = TypeVar("T")


@dataclass(frozen=True)
class Evidence:
    """Hold everything that was read of one SIM; `unread` names each source that failed, and why."""

    now: datetime
    sim: Sim
    device: Device | None = None
    connectivity: Connectivity | None = None
    network_query: ConnectivityInfo | None = None
    events: tuple[Happening, ...] = ()
    """The newest first; all of the retention where `all_events`."""
    all_events: bool = True
    workspace_blocks: tuple[Happening, ...] = ()
    usage: SimUsage | None = None
    data_quota: Quota | None = None
    sms_quota: Quota | None = None
    blocked_operators: tuple[Network, ...] = ()
    limit_extensions: tuple[LimitExtension, ...] | None = None
    """None where nothing speaks of a limit, so that nobody asked."""
    unread: dict[Source, str] = field(default_factory=dict)

    def was_read(self, *sources: Source) -> bool:
        """Tell whether all of these could be read, as far as there is anything to read."""
        return not any(source in self.unread for source in sources)

    @property
    def status(self) -> SimStatus | None:
        """Return the status of the SIM."""
        return self.sim.known_status

    @property
    def active(self) -> bool:
        """Tell whether the SIM's status lets it use networks; one not known here may (emnify docs: SIM lifecycle)."""
        return self.status not in (SimStatus.ISSUED, SimStatus.SUSPENDED, SimStatus.DELETED)

    @property
    def device_status(self) -> int | None:
        """Return 0 of an enabled device, 1 of a disabled, 2 of a deleted one (GET /api/v1/endpoint/{id})."""
        return self.device.status.id if self.device and self.device.status else None

    @property
    def may_connect(self) -> bool:
        """Tell whether SIM and device are allowed to use networks, as far as is known."""
        return self.active and self.sim.device is not None and self.device_status in (0, None)

    @property
    def state(self) -> str | None:
        """Return ONLINE, ATTACHED, OFFLINE or BLOCKED (GET /api/v1/endpoint/{id}/connectivity)."""
        known = self.connectivity.status if self.connectivity else None
        return known.description.upper() if known and known.description else None

    def last(self, fits: Callable[[Happening], bool]) -> Happening | None:
        """Return the newest event that fits."""
        return next((event for event in self.events if fits(event)), None)

    def of_types(self, *types: int) -> list[Happening]:
        """Return the events of some types, the newest first."""
        return [event for event in self.events if event.type in types]

    def since(self, mark: Happening | None, fits: Callable[[Happening], bool]) -> list[Happening]:
        """Return the events that fit and are newer than a mark; all that fit without one."""
        return [event for event in self.events if fits(event) and (mark is None or is_newer(event, mark))]

    @cached_property
    def sessions(self) -> tuple[Session, ...]:
        """Return the data sessions that the events tell of, the newest first."""
        return sessions_of(self.events)[0][::-1]

    @property
    def open_refusals(self) -> list[Happening]:
        """Return the refused data sessions that no successful one followed."""
        return self.since(self.last(lambda each: each.session_opened), lambda each: each.session_refused)

    @property
    def open_rejections(self) -> list[Happening]:
        """Return the rejected registrations that no success followed, on whichever network."""
        success = self.last(lambda each: each.attached or each.session_opened)
        return self.since(success, lambda each: each.location_refused)


def is_newer(one: Happening, other: Happening) -> bool:
    """Tell whether one event came after another."""
    return (one.when, one.id) > (other.when, other.id)


async def gather(client: EmnifyClient, sim: Sim) -> Evidence:
    """Read everything about a SIM side by side; a source that fails is recorded and costs nothing but itself.

    emnify API: /endpoint/{id}, …/connectivity, …/connectivity_info, …/quota/data, …/quota/sms,
    …/operator_blacklist, …/event, /sim/{id}/event, /sim/{id}/stats, /event, and where a limit is spoken of
    …/traffic_limit_extension.

    Raises:
        AuthenticationError: The token is not accepted any more, so that nothing can be read.
    """
    now = client.now()
    kept = EventFilter(since=now - RETENTION, until=now + CLOCKS_APART)
    found = _Reader(_FIRST_S)
    device, ask = sim.device, client.reachability
    async with anyio.create_task_group() as group:

        def read(source: Source, ask: Callable[[float], Awaitable[Any]]) -> None:
            group.start_soon(found.read, source, ask)

        read("events", lambda s: client.list_sim_events(sim.id, kept, per_page=_NEWEST, deadline_s=s))
        read("usage", lambda s: client.get_sim_usage(sim.id, deadline_s=s))
        blocks = replace(kept, types=(happenings.WORKSPACE_BLOCKED,))
        read("workspace events", lambda s: ask.list_workspace_events(blocks, deadline_s=s))
        if device is not None:
            number, of_device = device.id, replace(kept, types=_DEVICE_TYPES)
            read("device", lambda s: client.get_device(number, deadline_s=s))
            read("connectivity", lambda s: client.get_connectivity(number, deadline_s=s))
            read("network query", lambda s: ask.get_connectivity_info(number, deadline_s=s))
            read("device events", lambda s: ask.list_device_events(number, of_device, deadline_s=s))
            read("data quota", lambda s: _unless_none(client.get_data_quota(number, deadline_s=s)))
            read("SMS quota", lambda s: _unless_none(ask.get_sms_quota(number, deadline_s=s)))
            read("blocked operators", lambda s: ask.list_blocked_operators(number, deadline_s=s))
    if found.locked_out is not None:
        raise found.locked_out
    newest: Page[Event] | None = found.values.get("events")
    more = await _further(client, sim, kept, newest, found)
    evidence = _evidence(now, sim, found, newest, more)
    if device is None or not any(each.limited for each in evidence.events):
        return evidence
    later = _Reader(_SECOND_S)
    await later.read("limit extensions", lambda s: ask.list_limit_extensions(device.id, deadline_s=s))
    granted = later.values.get("limit extensions")
    return replace(
        evidence,
        limit_extensions=None if granted is None else tuple(granted),
        unread=evidence.unread | later.unread,
    )


async def _further(
    client: EmnifyClient, sim: Sim, kept: EventFilter, newest: Page[Event] | None, found: "_Reader"
) -> list[Event]:
    """Read what a busy SIM's newest events may not reach back to; a failure makes the events incomplete, no more."""
    if newest is None or not newest.has_next:
        return []
    selected: list[Event] = []

    async def select(chosen: EventFilter) -> None:
        wanted = replace(chosen, since=kept.since, until=kept.until)
        try:
            page = await client.list_sim_events(sim.id, wanted, per_page=_SELECTED, deadline_s=_SECOND_S)
        except EmnifyError as error:
            found.unread["older events"] = str(error)
        else:
            selected.extend(page.items)

    async with anyio.create_task_group() as group:
        for chosen in _BUSY:
            group.start_soon(select, chosen)
    return selected


def _evidence(now: datetime, sim: Sim, found: "_Reader", newest: Page[Event] | None, more: list[Event]) -> Evidence:
    values = found.values
    if "device" in found.unread:
        # Where the device is not to be read, "no quota found" says nothing about quotas.
        unasked: tuple[Source, ...] = ("data quota", "SMS quota")
        found.unread |= {source: found.unread["device"] for source in unasked if values.get(source) is None}
    of_device: Page[Event] | None = values.get("device events")
    blocks: Page[Event] | None = values.get("workspace events")
    events = [*(newest.items if newest else ()), *more, *(of_device.items if of_device else ())]
    return Evidence(
        now=now,
        sim=sim,
        device=values.get("device") or sim.device,
        connectivity=values.get("connectivity"),
        network_query=values.get("network query"),
        events=newest_first(map(happenings.read, events)),
        all_events=newest is not None and not newest.has_next and not newest.unreadable,
        workspace_blocks=newest_first(map(happenings.read, blocks.items if blocks else ())),
        usage=values.get("usage"),
        data_quota=values.get("data quota"),
        sms_quota=values.get("SMS quota"),
        blocked_operators=tuple(values.get("blocked operators") or ()),
        unread={source: found.unread[source] for source in get_args(Source) if source in found.unread},
    )


async def _unless_none(asked: Awaitable[T]) -> T | None:
    """Take "not found" for "has none": emnify knows no other way to say that a device has no quota."""
    try:
        return await asked
    except NotFoundError:
        return None


@dataclass
class _Reader:
    """Keep what each source said, or why it said nothing."""

    deadline_s: float
    values: dict[Source, Any] = field(default_factory=dict)
    unread: dict[Source, str] = field(default_factory=dict)
    locked_out: AuthenticationError | None = None

    async def read(self, source: Source, ask: Callable[[float], Awaitable[Any]]) -> None:
        try:
            self.values[source] = await ask(self.deadline_s)
        except AuthenticationError as error:
            self.locked_out = error
        except EmnifyError as error:
            self.unread[source] = str(error)
