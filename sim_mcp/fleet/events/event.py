"""An event as the timeline and the diagnosis read it. Pure: foreign text is cleaned here."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sim_mcp.emnify import Event as RawEvent
from sim_mcp.emnify import EventFilter, Label
from sim_mcp.emnify.event_types import EVENT_TYPES
from sim_mcp.fleet.events.detail import parse_detail
from sim_mcp.fleet.events.event_type import ATTACHES, EventType
from sim_mcp.sanitize import clean

RETENTION = timedelta(days=30)
"""How long emnify keeps events (emnify docs: events)."""

CLOCK_TOLERANCE = timedelta(minutes=1)
"""emnify's time is known to the second and from another machine than its events: what just happened counts too."""

_HOUR = timedelta(hours=1)

TEXT_LIMIT = 300
RADIO = {1: "3G", 2: "2G", 5: "HSPA+", 6: "LTE", 8: "NB-IoT", 9: "LTE-M"}
"""Radio types of `pdp_context.rat_type`; the numbering of 3GPP's GTP, which emnify's samples follow."""

_WARN = 1
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Event:
    """Hold one event of a SIM; volumes in MB, rx is what the device received."""

    id: int
    at: datetime | None
    type: int | None
    name: str
    severity: str | None = None
    source: str | None = None
    text: str = ""
    network: str | None = None
    country: str | None = None
    radio: str | None = None
    apn: str | None = None
    mb: float | None = None
    rx_mb: float | None = None
    tx_mb: float | None = None
    user: str | None = None
    """Who did it; emnify knows only those who sign in with a password (emnify docs: events)."""
    session: str | None = field(default=None, repr=False)
    """What the events of one data session share."""
    opened: datetime | None = field(default=None, repr=False)
    """When the data session began that this event belongs to."""
    rejected: bool = False

    @property
    def when(self) -> datetime:
        """Return the time to sort by: that of the event, or one before all others where it is unknown."""
        return self.at or _NEVER

    @property
    def attached(self) -> bool:
        """Tell whether a network accepted the device."""
        return self.type in ATTACHES and not self.rejected

    @property
    def session_opened(self) -> bool:
        """Tell whether a data session began."""
        return self.type == EventType.CREATE_PDP_CONTEXT and not self.rejected

    @property
    def session_refused(self) -> bool:
        """Tell whether a data session was refused."""
        return self.type == EventType.CREATE_PDP_CONTEXT and self.rejected

    @property
    def location_refused(self) -> bool:
        """Tell whether a network rejected the registration of the device."""
        return self.type in ATTACHES and self.rejected

    @property
    def hit_traffic_limit(self) -> bool:
        """Tell whether the event is about a traffic limit (emnify docs: event types 11 and 3)."""
        return self.type == EventType.DEVICE_BLOCKED or "traffic limit" in self.text.lower()


def parse_event(raw: RawEvent) -> Event:
    """Return a raw event with its text cleaned (emnify docs: events reference, event types)."""
    detail = parse_detail(raw)
    type_id = raw.type.id if raw.type else None
    text = clean(raw.description, TEXT_LIMIT)
    return Event(
        id=raw.id,
        at=raw.timestamp,
        type=type_id,
        name=format_label(raw.type) or EVENT_TYPES.get(type_id if type_id is not None else -1) or "unknown type",
        severity=format_label(raw.severity),
        source=format_label(raw.source),
        text=text,
        network=clean(detail.network) or None,
        country=clean(detail.country) or None,
        radio=None if detail.rat_type is None else RADIO.get(detail.rat_type, f"type {detail.rat_type}"),
        apn=clean(detail.apn) or None,
        mb=_megabytes(detail.volume),
        rx_mb=_megabytes(detail.volume_rx),
        tx_mb=_megabytes(detail.volume_tx),
        user=format_label(raw.user),
        session=detail.session_key,
        opened=detail.session_created,
        rejected=type_id in ATTACHES | {EventType.CREATE_PDP_CONTEXT} and _is_rejection(raw, text),
    )


def kept_events(now: datetime) -> EventFilter:
    """Return the filter for all events that emnify keeps; within an hour it stays the same, and so does the answer."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    return EventFilter(since=hour + _HOUR - RETENTION, until=hour + _HOUR + CLOCK_TOLERANCE)


def newest_first(events: Iterable[Event]) -> tuple[Event, ...]:
    """Return each event once, the newest first; those without a time come last."""
    unique = {event.id: event for event in events}
    return tuple(sorted(unique.values(), key=lambda event: (event.when, event.id), reverse=True))


def format_label(label: Label | None) -> str | None:
    """Return the description of a label, cleaned, or its id where it has none."""
    if label is None:
        return None
    return clean(label.description) or (None if label.id is None else str(label.id))


def _is_rejection(raw: RawEvent, text: str) -> bool:
    # Severity counts more than type: a "Create PDP Context" may be a refusal (emnify docs: portal troubleshooting).
    is_warning = raw.severity is not None and (raw.severity.id or 0) >= _WARN
    return is_warning or "rejected" in text.lower()


def _megabytes(volume: Decimal | None) -> float | None:
    return None if volume is None else float(volume)
