"""The detail of a raw event, which has another shape for every type, as one typed record. Pure."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sim_mcp.emnify import Event as RawEvent
from sim_mcp.emnify.values import number_or_none
from sim_mcp.formatting import as_utc
from sim_mcp.sanitize import clean


@dataclass(frozen=True)
class EventDetail:
    """Hold what an event's detail says of network and session; text is as networks and customers wrote it.

    Volumes are in MB; rx is what the device received.
    """

    network: str | None = None
    country: str | None = None
    rat_type: int | None = None
    """Radio access technology, by number."""
    apn: str | None = None
    volume: Decimal | None = None
    volume_rx: Decimal | None = None
    volume_tx: Decimal | None = None
    session_key: str | None = None
    """What the events of one data session share."""
    session_created: datetime | None = None


def parse_detail(event: RawEvent) -> EventDetail:
    """Return the detail of a raw event; what is missing or malformed is None (GET /api/v1/sim/{id}/event)."""
    detail = event.detail or {}
    context, operator = _object(detail.get("pdp_context")), _object(detail.get("operator"))
    country = _object(detail.get("country")) or _object(operator.get("country"))
    volume, rat_type = _object(detail.get("volume")), number_or_none(context.get("rat_type"))
    return EventDetail(
        network=_text(detail.get("name")) or _text(operator.get("name")),
        country=_text(country.get("name")),
        rat_type=None if rat_type is None else int(rat_type),
        apn=_text(context.get("apn")),
        volume=number_or_none(volume.get("total")),
        volume_rx=number_or_none(volume.get("rx")),
        volume_tx=number_or_none(volume.get("tx")),
        session_key=_key("session", detail.get("session_id")) or _key("context", context.get("pdp_context_id")),
        session_created=_moment(context.get("tunnel_created")),
    )


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and clean(value) else None


def _key(kind: str, value: Any) -> str | None:
    is_key = isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip()
    return f"{kind} {str(value)[:64]}" if is_key else None


def _moment(value: Any) -> datetime | None:
    try:
        # emnify writes it without a zone.
        return as_utc(datetime.fromisoformat(value)) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None
