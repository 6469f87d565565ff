"""The evidence: everything a support engineer would look at before explaining a SIM."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Literal

from sim_mcp.emnify import (
    Connectivity,
    ConnectivityInfo,
    DailyUsage,
    Device,
    LimitExtension,
    Network,
    Quota,
    Sim,
    SimStatus,
    SimUsage,
)
from sim_mcp.fleet.events.event import Event
from sim_mcp.fleet.events.sessions import Session, last_data, pair_sessions

Source = Literal[
    "device",
    "connectivity",
    "network query",
    "events",
    "older events",
    "device events",
    "workspace events",
    "usage",
    "daily usage",
    "inclusive volume",
    "data quota",
    "SMS quota",
    "blocked operators",
    "limit extensions",
]
DEVICE_SOURCES: tuple[Source, ...] = (
    "device",
    "connectivity",
    "network query",
    "device events",
    "data quota",
    "SMS quota",
    "blocked operators",
    "limit extensions",
)
"""Sources that belong to the device: a SIM without one has none of them."""


@dataclass(frozen=True)
class Evidence:
    """Hold everything that was read about one SIM; `unread` maps each source that failed to its error."""

    now: datetime
    sim: Sim
    device: Device | None = None
    connectivity: Connectivity | None = None
    network_query: ConnectivityInfo | None = None
    events: tuple[Event, ...] = ()
    """The newest first; all that emnify keeps if `all_events`."""
    all_events: bool = True
    workspace_blocks: tuple[Event, ...] = ()
    usage: SimUsage | None = None
    daily: DailyUsage | None = None
    """The dear month by day; None where neither month is dearer than the other, so that it was not requested."""
    inclusive_volume: bool | None = None
    """Whether the workspace has inclusive volume, so that costs say nothing; None where that was not read."""
    data_quota: Quota | None = None
    sms_quota: Quota | None = None
    blocked_operators: tuple[Network, ...] = ()
    limit_extensions: tuple[LimitExtension, ...] | None = None
    """None where no event mentions a limit, so that they were not requested."""
    unread: dict[Source, str] = field(default_factory=dict)

    def was_read(self, *sources: Source) -> bool:
        """Tell whether none of these sources failed."""
        return not any(source in self.unread for source in sources)

    @property
    def status(self) -> SimStatus | None:
        """Return the status of the SIM."""
        return self.sim.known_status

    @property
    def active(self) -> bool:
        """Tell whether the SIM's status permits network access; an unknown status does (emnify docs: SIM lifecycle)."""
        return self.status not in (SimStatus.ISSUED, SimStatus.SUSPENDED, SimStatus.DELETED)

    @property
    def device_status(self) -> int | None:
        """Return 0 for an enabled device, 1 for a disabled, 2 for a deleted one (GET /api/v1/endpoint/{id})."""
        return self.device.status.id if self.device and self.device.status else None

    @property
    def may_connect(self) -> bool:
        """Tell whether SIM and device may use networks, as far as is known."""
        return self.active and self.sim.device is not None and self.device_status in (0, None)

    @property
    def state(self) -> str | None:
        """Return ONLINE, ATTACHED, OFFLINE or BLOCKED (GET /api/v1/endpoint/{id}/connectivity)."""
        known = self.connectivity.status if self.connectivity else None
        return known.description.upper() if known and known.description else None

    def last(self, fits: Callable[[Event], bool]) -> Event | None:
        """Return the newest event that fits."""
        return next((event for event in self.events if fits(event)), None)

    def of_types(self, *types: int) -> list[Event]:
        """Return the events of some types, the newest first."""
        return [event for event in self.events if event.type in types]

    def since(self, mark: Event | None, fits: Callable[[Event], bool]) -> list[Event]:
        """Return the events that fit and are newer than a mark, or all that fit if there is none."""
        return [event for event in self.events if fits(event) and (mark is None or is_newer(event, mark))]

    @cached_property
    def sessions(self) -> tuple[Session, ...]:
        """Return the data sessions in the events, the newest first."""
        return pair_sessions(self.events)[0][::-1]

    @property
    def last_data(self) -> datetime | None:
        """Return when the newest data session that carried anything ended: the last time data is known to be sent."""
        return last_data(self.sessions)

    @property
    def open_refusals(self) -> list[Event]:
        """Return the refused data sessions that no successful one followed."""
        return self.since(self.last(lambda each: each.session_opened), lambda each: each.session_refused)

    @property
    def open_rejections(self) -> list[Event]:
        """Return the rejected registrations that no success followed, on whichever network."""
        success = self.last(lambda each: each.attached or each.session_opened)
        return self.since(success, lambda each: each.location_refused)


def is_newer(one: Event, other: Event) -> bool:
    """Tell whether one event came after another."""
    return (one.when, one.id) > (other.when, other.id)
