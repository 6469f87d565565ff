"""A SIM as one row of a list, in either form. Pure: text of customers is cleaned here."""

from sim_mcp.emnify import Sim
from sim_mcp.emnify.lifecycle import status_label
from sim_mcp.fleet.inventory.filters import FleetSim
from sim_mcp.formatting import join_pairs
from sim_mcp.sanitize import called, clean, quoted
from sim_mcp.tools.sim_row import NAME_LIMIT, SimRow, render_sim_row


class ListedSim(SimRow):
    """One SIM of a list; all of these only with detail=full."""

    id: int | None = None
    imsi: str | None = None
    msisdn: str | None = None
    eid: str | None = None
    reseller: str | None = None
    issuer: str | None = None
    model: str | None = None
    ip: str | None = None
    produced: str | None = None
    activated: str | None = None


def build_row(sim: Sim, *, full: bool) -> ListedSim:
    """Return a SIM from emnify as a row."""
    row = ListedSim(
        iccid=sim.printed_iccid or f"id {sim.id}",
        status=status_label(sim),
        device=called(sim.device.name, sim.device.id, NAME_LIMIT) if sim.device else None,
        customer=called(sim.customer_org.name, sim.customer_org.id) if sim.customer_org else None,
    )
    if not full:
        return row
    return row.model_copy(
        update={
            "id": sim.id,
            "imsi": sim.imsi,
            "msisdn": sim.msisdn,
            "eid": sim.eid,
            "reseller": called(sim.reseller_org.name, sim.reseller_org.id) if sim.reseller_org else None,
            "issuer": called(sim.issuer_org.name, sim.issuer_org.id) if sim.issuer_org else None,
            "model": clean(sim.model.description) or None if sim.model else None,
            "ip": clean(sim.device.ip_address) or None if sim.device else None,
            "produced": f"{sim.production_date:%Y-%m-%d}" if sim.production_date else None,
            "activated": f"{sim.activation_date:%Y-%m-%d}" if sim.activation_date else None,
        }
    )


def build_fleet_row(sim: FleetSim, *, full: bool) -> ListedSim:
    """Return a SIM from the inventory as a row."""
    row = ListedSim(
        iccid=sim.iccid or f"id {sim.id}",
        status=clean(sim.status_label, 30),
        device=called(sim.device, sim.device_id, NAME_LIMIT) if sim.device_id is not None else None,
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
            "reseller": called(sim.reseller, sim.reseller_id) if sim.reseller_id is not None else None,
            "issuer": called(sim.issuer, sim.issuer_id) if sim.issuer_id is not None else None,
            "model": clean(sim.model) or None,
            "ip": clean(sim.ip) or None,
            "produced": sim.produced.isoformat() if sim.produced else None,
            "activated": sim.activated.isoformat() if sim.activated else None,
        }
    )


def render_row(row: ListedSim) -> str:
    """Return a row as one line."""
    more = join_pairs(
        ("id", row.id),
        ("IMSI", row.imsi),
        ("MSISDN", row.msisdn),
        ("EID", row.eid),
        ("reseller", quoted(row.reseller) if row.reseller else None),
        ("issuer", quoted(row.issuer) if row.issuer else None),
        ("model", row.model),
        ("IP", row.ip),
        ("produced", row.produced),
        ("activated", row.activated),
    )
    return f"{render_sim_row(row)} {more}".rstrip()
