"""An event, read once: what its text and detail say of network, session and cause. Pure: foreign text is cleaned."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sim_mcp.emnify import Event, Label
from sim_mcp.emnify.event_types import EVENT_TYPES
from sim_mcp.emnify.values import number_in
from sim_mcp.sanitize import clean

TEXT_LIMIT = 300
LOCATION, GPRS_LOCATION, CREATE, UPDATE, DELETE = 1, 2, 3, 4, 5
ACTIVATION, SUSPENSION, DELETION, FACTORY_TEST = 8, 9, 10, 45
DEVICE_BLOCKED, WORKSPACE_BLOCKED = 11, 12
PURGE, GPRS_PURGE = 15, 16
QUOTA_LOW, QUOTA_USED_UP, SMS_QUOTA_LOW, SMS_QUOTA_USED_UP = 18, 19, 20, 21
DEVICE_ENABLED, DEVICE_DISABLED = 42, 43
RELEASED, ASSIGNED = 50, 51
QUOTA_ASSIGNED, SMS_QUOTA_ASSIGNED, QUOTA_EXPIRED = 56, 58, 60
RESET, MIGRATION = 68, 69
ATTACHES = frozenset({LOCATION, GPRS_LOCATION})
PURGES = frozenset({PURGE, GPRS_PURGE})
FROM_NETWORK = ATTACHES | PURGES | {CREATE, UPDATE, DELETE}
"""Types that only a device in reach of a network causes, or its absence (emnify docs: event types)."""

STATUS_CHANGES = frozenset({ACTIVATION, SUSPENSION, DELETION, FACTORY_TEST})
DEVICE_CHANGES = frozenset({DEVICE_ENABLED, DEVICE_DISABLED, RELEASED, ASSIGNED, RESET, MIGRATION})

RADIO = {1: "3G", 2: "2G", 5: "HSPA+", 6: "LTE", 8: "NB-IoT", 9: "LTE-M"}
"""Radio types of `pdp_context.rat_type`; the numbering of 3GPP's GTP, which emnify's samples follow."""

_WARN = 1
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Happening:
    """Say what happened when; volumes in MB, rx is what the device received."""

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
    session: str | None = field(default=None, repr=False)
    opened: datetime | None = field(default=None, repr=False)
    rejected: bool = False

    @property
    def when(self) -> datetime:
        """Return the time, or one before all others where there is none: made for sorting."""
        return self.at or _NEVER

    @property
    def attached(self) -> bool:
        """Tell whether a network took the device in."""
        return self.type in ATTACHES and not self.rejected

    @property
    def session_opened(self) -> bool:
        """Tell whether a data session began."""
        return self.type == CREATE and not self.rejected

    @property
    def session_refused(self) -> bool:
        """Tell whether a data session was refused."""
        return self.type == CREATE and self.rejected

    @property
    def location_refused(self) -> bool:
        """Tell whether a network would not take the device in."""
        return self.type in ATTACHES and self.rejected

    @property
    def limited(self) -> bool:
        """Tell whether it speaks of a traffic limit (emnify docs: event types 11 and 3)."""
        return self.type == DEVICE_BLOCKED or "traffic limit" in self.text.lower()


def read(event: Event) -> Happening:
    """Return what an event says (emnify docs: events reference, event types; detail by GET /api/v1/sim/{id}/event)."""
    detail: dict[str, Any] = event.detail if isinstance(event.detail, dict) else {}
    context = _dict(detail.get("pdp_context"))
    operator = _dict(detail.get("operator"))
    country = _dict(detail.get("country")) or _dict(operator.get("country"))
    volume = _dict(detail.get("volume"))
    number = event.type.id if event.type else None
    text = clean(event.description, TEXT_LIMIT)
    return Happening(
        id=event.id,
        at=event.timestamp,
        type=number,
        name=label_of(event.type) or EVENT_TYPES.get(number if number is not None else -1) or "unknown type",
        severity=label_of(event.severity),
        source=label_of(event.source),
        text=text,
        network=_text(detail.get("name")) or _text(operator.get("name")),
        country=_text(country.get("name")),
        radio=_radio(context.get("rat_type")),
        apn=_text(context.get("apn")),
        mb=number_or_none(volume.get("total")),
        rx_mb=number_or_none(volume.get("rx")),
        tx_mb=number_or_none(volume.get("tx")),
        session=_key(detail, context),
        opened=_moment(context.get("tunnel_created")),
        rejected=number in (LOCATION, GPRS_LOCATION, CREATE) and _refused(event, text),
    )


def newest_first(happenings: Iterable[Happening]) -> tuple[Happening, ...]:
    """Return each happening once, the newest first; those without a time come last."""
    unique = {happening.id: happening for happening in happenings}
    return tuple(sorted(unique.values(), key=lambda each: (each.when, each.id), reverse=True))


def label_of(label: Label | None) -> str | None:
    """Return what a label says, or its number where it says nothing."""
    if label is None:
        return None
    return clean(label.description) or (None if label.id is None else str(label.id))


def number_or_none(value: Any) -> float | None:
    """Return a number, also of a string, or None where it is none."""
    try:
        return None if value is None or isinstance(value, bool) else float(number_in(value))
    except ValueError:
        return None


def _refused(event: Event, text: str) -> bool:
    # Severity counts more than type: a "Create PDP Context" may be a refusal (emnify docs: portal troubleshooting).
    warned = event.severity is not None and (event.severity.id or 0) >= _WARN
    return warned or "rejected" in text.lower()


def _key(detail: dict[str, Any], context: dict[str, Any]) -> str | None:
    for name, value in (("session", detail.get("session_id")), ("context", context.get("pdp_context_id"))):
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
            return f"{name} {str(value)[:64]}"
    return None


def _radio(value: Any) -> str | None:
    number = number_or_none(value)
    if number is None:
        return None
    return RADIO.get(int(number), f"type {int(number)}")


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    # emnify writes it without a zone, and means UTC.
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return clean(value) or None if isinstance(value, str) else None
