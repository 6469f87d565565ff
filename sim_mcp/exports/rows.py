"""SIMs, days of usage and events as rows of an export. Pure; text of customers is kept as it is."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from sim_mcp.emnify import DayUsage, Event, FlatSim, Sim, SimStatus, Traffic, flat_sim, flatten
from sim_mcp.exports.formats import Row
from sim_mcp.fleet.events.detail import parse_detail
from sim_mcp.formatting import format_timestamp

What = Literal["sims", "usage", "events"]

_AMOUNTS = ("data_mb", "data_rx_mb", "data_tx_mb", "data_cost", "sms", "sms_rx", "sms_tx", "sms_cost", "currency")
_OWNER = ("iccid", "iccid_in_groups", "sim_id", "device", "device_id", "customer", "customer_id")
COLUMNS: Mapping[What, Sequence[str]] = {
    "sims": (
        "id",
        "iccid",
        "iccid_19",
        "iccid_in_groups",
        "imsi",
        "msisdn",
        "eid",
        "eid_in_groups",
        "status",
        "device",
        "device_id",
        "ip",
        "imei",
        "imei_in_groups",
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
    "usage": ("date", *_OWNER, *_AMOUNTS),
    "events": (
        "time",
        *_OWNER,
        "event_id",
        "event_id_in_groups",
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
IN_GROUPS = "_in_groups"
"""How the columns end that a spreadsheet leaves as they are: it keeps 15 digits of a number and rounds the rest."""


_SHORT = 8
_STATUSES = {status.value: status.label for status in SimStatus}


class SimRow(NamedTuple):
    """A row, with the SIM it is of and its id, by which pages are compared."""

    id: int
    row: Row
    sim: FlatSim


def sim_row_of_json(raw: Any) -> SimRow | None:
    """Return a SIM that emnify sent (GET /api/v1/sim) as a row; None if it has no id."""
    sim = flat_sim(raw)
    return _sim_row(sim) if sim is not None else None


def sim_row(sim: Sim) -> SimRow:
    """Return a SIM as a row."""
    return _sim_row(flatten(sim))


def owner_columns(sim: Row) -> Row:
    """Return the columns that say in a row of usage or events which SIM it is of."""
    return {column: sim.get("id" if column == "sim_id" else column) for column in _OWNER}


def usage_row(of: Row, day: DayUsage) -> Row:
    """Return one day of one SIM as a row, numbers with every digit that emnify sent."""
    data, sms = (traffic.currency if traffic else None for traffic in (day.data, day.sms))
    return {
        "date": day.date.isoformat(),
        **of,
        **_traffic("data", "_mb", day.data),
        **_traffic("sms", "", day.sms),
        "currency": f"data {data}, SMS {sms}" if data and sms and data != sms else data or sms,
    }


def event_row(of: Row, event: Event) -> Row:
    """Return an event as a row; network, country, APN and volume are from its detail (emnify docs: events)."""
    detail = parse_detail(event)
    return {
        "time": format_timestamp(event.timestamp) if event.timestamp else None,
        **of,
        "event_id": event.id,
        "event_id_in_groups": in_groups(str(event.id)),
        "severity": event.severity.text if event.severity else None,
        "type": event.type.text if event.type else None,
        "type_id": event.type.id if event.type else None,
        "source": event.source.text if event.source else None,
        "text": event.description,
        "network": detail.network,
        "country": detail.country,
        "apn": detail.apn,
        "data_mb": detail.volume,
    }


def _sim_row(sim: FlatSim) -> SimRow:
    status = sim.status if sim.status_id is None else _STATUSES.get(sim.status_id, sim.status or str(sim.status_id))
    row: Row = {
        "id": sim.id,
        "iccid": sim.iccid,
        "iccid_19": sim.iccid_19,
        "iccid_in_groups": in_groups(sim.iccid),
        "imsi": sim.imsi,
        "msisdn": sim.msisdn,
        "eid": sim.eid,
        "eid_in_groups": in_groups(sim.eid),
        "status": status,
        "device": sim.device,
        "device_id": sim.device_id,
        "ip": sim.ip,
        "imei": sim.imei,
        "imei_in_groups": in_groups(sim.imei),
        "tags": sim.tags,
        "customer": sim.customer,
        "customer_id": sim.customer_id,
        "reseller": sim.reseller,
        "reseller_id": sim.reseller_id,
        "issuer": sim.issuer,
        "model": sim.model,
        "form_factor": sim.form_factor,
        "produced": sim.produced,
        "activated": sim.activated,
    }
    return SimRow(sim.id, row, sim)


def in_groups(digits: str | None) -> str | None:
    """Return a number in groups of four as on a card, with dashes: blanks could be taken for thousands.

    Up to eight digits stay together: no spreadsheet rounds them, and 2026-11 would be a month.
    """
    if not digits or len(digits) <= _SHORT:
        return digits or None
    return "-".join(digits[start : start + 4] for start in range(0, len(digits), 4))


def _traffic(kind: str, unit: str, traffic: Traffic | None) -> Row:
    if traffic is None:
        return {}
    return {
        f"{kind}{unit}": traffic.volume,
        f"{kind}_rx{unit}": traffic.rx,
        f"{kind}_tx{unit}": traffic.tx,
        f"{kind}_cost": traffic.cost,
    }
