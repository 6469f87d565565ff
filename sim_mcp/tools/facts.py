"""What emnify sent, as the facts an answer holds. Pure: text of customers is cleaned here."""

from datetime import datetime
from typing import Any

from sim_mcp.changes import rules
from sim_mcp.changes.plan import status_label
from sim_mcp.emnify import (
    Device,
    Event,
    Label,
    Organisation,
    Sim,
    SimStatus,
)
from sim_mcp.fleet.events import event as happenings
from sim_mcp.fleet.inventory.filters import FleetSim
from sim_mcp.sanitize import called, clean
from sim_mcp.tools import answers

ROW_NAME_LIMIT = 60
_TINY = 0.01


def sim_row(sim: Sim, *, full: bool) -> answers.SimRow:
    """Return a SIM as a row of a list."""
    row = answers.SimRow(
        iccid=sim.printed_iccid or f"id {sim.id}",
        status=status_label(sim),
        device=called(sim.device.name, sim.device.id, ROW_NAME_LIMIT) if sim.device else None,
        customer=_name(sim.customer_org),
    )
    if not full:
        return row
    return row.model_copy(
        update={
            "id": sim.id,
            "imsi": sim.imsi,
            "msisdn": sim.msisdn,
            "eid": sim.eid,
            "model": clean(sim.model.description) or None if sim.model else None,
            "ip": clean(sim.device.ip_address) or None if sim.device else None,
            "produced": day(sim.production_date),
            "activated": day(sim.activation_date),
        }
    )


def fleet_row(sim: FleetSim, *, full: bool) -> answers.SimRow:
    """Return a SIM of the inventory as a row of a list."""
    row = answers.SimRow(
        iccid=sim.iccid or f"id {sim.id}",
        status=clean(sim.status_label, 30),
        device=called(sim.device, sim.device_id, ROW_NAME_LIMIT) if sim.device_id is not None else None,
        customer=called(sim.customer, sim.customer_id) if sim.customer_id is not None else None,
    )
    if not full:
        return row
    return row.model_copy(
        update={
            "id": sim.id,
            "imsi": sim.imsi,
            "msisdn": sim.msisdn,
            "eid": sim.eid,
            "model": clean(sim.model) or None,
            "ip": clean(sim.ip) or None,
            "produced": sim.produced.isoformat() if sim.produced else None,
            "activated": sim.activated.isoformat() if sim.activated else None,
        }
    )


def sim_detail(sim: Sim) -> answers.SimDetail:
    """Return everything known of one SIM, with what its status means and may become."""
    known = sim.known_status
    device = sim.device
    return answers.SimDetail(
        iccid=sim.printed_iccid or f"id {sim.id}",
        iccid_19=sim.iccid,
        id=sim.id,
        imsi=sim.imsi,
        msisdn=sim.msisdn,
        eid=sim.eid,
        status=status_label(sim),
        status_means=f"{rules.SERVICE[known]}; {rules.BILL[known]}" if known is not None else "not known here",
        may_become=may_become(known.value if known is not None else None),
        device=_name(device),
        device_id=device.id if device else None,
        ip=clean(device.ip_address) or None if device else None,
        imei=clean(device.printed_imei) or None if device else None,
        tags=clean(device.tags) or None if device else None,
        customer=_organisation(sim.customer_org),
        reseller=_organisation(sim.reseller_org),
        issuer=_organisation(sim.issuer_org),
        model=clean(sim.model.description) or None if sim.model else None,
        produced=day(sim.production_date),
        first_activated=day(sim.activation_date),
    )


def status_row(label: Label) -> answers.StatusRow:
    """Return a status with what it means for service and bill, as far as it is a known one."""
    known = SimStatus.known(label.id)
    return answers.StatusRow(
        id=label.id,
        status=known.label if known is not None else clean(label.description, 30) or "unknown",
        service=rules.SERVICE[known] if known is not None else None,
        bill=rules.BILL[known] if known is not None else None,
        may_become=may_become(label.id),
    )


def may_become(status_id: int | None) -> list[str]:
    """Return the statuses that may follow, as a person may ask for them."""
    known = SimStatus.known(status_id)
    if known is None or known is rules.DELETED:
        return []
    return [*(status.label for status in rules.ALLOWED[known]), "Deleted (only without a device)"]


def event_row(event: Event) -> answers.EventRow:
    """Return an event with what its detail says of network, country, radio type, APN and volume."""
    happening = happenings.read(event)
    return answers.EventRow(
        time=f"{event.timestamp:%Y-%m-%dT%H:%M:%SZ}" if event.timestamp else "time unknown",
        severity=happening.severity,
        type=happening.name,
        source=happening.source,
        text=happening.text or None,
        network=happening.network,
        country=happening.country,
        radio=happening.radio,
        apn=happening.apn,
        data_mb=_number(happening.mb),
    )


def day(moment: datetime | None) -> str | None:
    """Return the day of a moment."""
    return None if moment is None else f"{moment:%Y-%m-%d}"


def _number(value: Any) -> float | None:
    try:
        return None if value is None else _rounded(float(value))
    except (TypeError, ValueError):
        return None


def _rounded(value: float) -> float:
    # A thousandth is finer than any bill; only what would vanish keeps all of emnify's digits.
    return round(value, 3) if abs(value) >= _TINY else round(value, 6)


def _name(thing: Device | Organisation | None) -> str | None:
    return called(thing.name, thing.id) if thing else None


def _organisation(organisation: Organisation | None) -> str | None:
    if organisation is None:
        return None
    return f"{clean(organisation.name) or 'unnamed'} (id {organisation.id})"
