"""What emnify sent, as rows with a column for each fact. Pure; text of customers is kept as it is."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from sim_mcp.emnify import DayUsage, Event, Label, Traffic
from sim_mcp.emnify.values import number_in
from sim_mcp.exports.cells import Row

What = Literal["sims", "usage", "events"]

_AMOUNTS = ("data_mb", "data_rx_mb", "data_tx_mb", "data_cost", "sms", "sms_rx", "sms_tx", "sms_cost", "currency")
_WHOSE = ("iccid", "sim_id", "device", "device_id", "customer", "customer_id")
COLUMNS: Mapping[What, Sequence[str]] = {
    "sims": (
        "id",
        "iccid",
        "iccid_19",
        "iccid_in_groups",
        "imsi",
        "msisdn",
        "eid",
        "status",
        "device",
        "device_id",
        "ip",
        "imei",
        "tags",
        "customer",
        "customer_id",
        "reseller",
        "reseller_id",
        "issuer",
        "model",
        "form_factor",
        "produced",
        "activated",
    ),
    "usage": ("date", *_WHOSE, *_AMOUNTS),
    "events": (
        "time",
        *_WHOSE,
        "event_id",
        "severity",
        "type",
        "type_id",
        "source",
        "text",
        "network",
        "country",
        "apn",
        "data_mb",
    ),
}
TELLING: Mapping[What, Sequence[str]] = {
    "sims": ("iccid", "status", "device", "customer"),
    "usage": ("date", "iccid", "data_mb", "data_cost", "sms", "sms_cost", "currency"),
    "events": ("time", "iccid", "severity", "type", "text"),
}
"""The columns a preview shows."""


def whose(sim: Row) -> Row:
    """Return what tells in each row about a SIM which one it is."""
    return {column: sim.get("id" if column == "sim_id" else column) for column in _WHOSE}


def usage_row(of: Row, day: DayUsage) -> Row:
    """Return one day of one SIM as a row, with every digit of emnify's."""
    data, sms = (traffic.currency if traffic else None for traffic in (day.data, day.sms))
    return {
        "date": day.date.isoformat(),
        **of,
        **_traffic("data", "_mb", day.data),
        **_traffic("sms", "", day.sms),
        "currency": f"data {data}, SMS {sms}" if data and sms and data != sms else data or sms,
    }


def event_row(of: Row, event: Event) -> Row:
    """Return an event as a row; network, country, APN and volume are what its detail tells (emnify docs: events)."""
    detail = event.detail or {}
    operator, volume = _dict(detail.get("operator")), _dict(detail.get("volume"))
    country = _dict(detail.get("country")) or _dict(operator.get("country"))
    return {
        "time": moment(event.timestamp),
        **of,
        "event_id": event.id,
        "severity": said(event.severity),
        "type": said(event.type),
        "type_id": event.type.id if event.type else None,
        "source": said(event.source),
        "text": event.description,
        "network": _text(detail.get("name")) or _text(operator.get("name")),
        "country": _text(country.get("name")),
        "apn": _text(_dict(detail.get("pdp_context")).get("apn")),
        "data_mb": _number(volume.get("total")),
    }


def moment(when: datetime | None) -> str | None:
    """Return a moment to the second; Z stands for UTC."""
    return None if when is None else when.isoformat(timespec="seconds").replace("+00:00", "Z")


def said(label: Label | None) -> str | None:
    """Return what a label says, or its number where it says nothing."""
    if label is None:
        return None
    return label.description or (None if label.id is None else str(label.id))


def _traffic(kind: str, unit: str, traffic: Traffic | None) -> Row:
    if traffic is None:
        return {}
    return {
        f"{kind}{unit}": traffic.volume,
        f"{kind}_rx{unit}": traffic.rx,
        f"{kind}_tx{unit}": traffic.tx,
        f"{kind}_cost": traffic.cost,
    }


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> Decimal | None:
    try:
        return number_in(value)
    except ValueError:
        return None
