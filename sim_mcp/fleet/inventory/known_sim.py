"""A SIM as the inventory has it, for questions while emnify's rate limits let it not be read."""

from typing import Any

from sim_mcp.emnify import Sim
from sim_mcp.fleet.inventory.filters import FleetSim
from sim_mcp.fleet.inventory.snapshot import Snapshot


def find_known_sim(snapshot: Snapshot, name: str) -> Sim | None:
    """Return the only SIM that has just this number or name, or None where there is none, or several have.

    Blocks: call it in a thread.

    Raises:
        InvalidValueError: A spreadsheet has shortened the number, so that digits of it are lost.
    """
    exact = [match.sim for match in snapshot.search(name).matches if match.fit == "exact"]
    return build_sim(exact[0]) if len(exact) == 1 else None


def build_sim(known: FleetSim) -> Sim:
    """Return a SIM of the inventory as emnify would send it, as far as it is known."""
    device: dict[str, Any] | None = None
    if known.device_id is not None:
        device = {
            "id": known.device_id,
            "name": known.device,
            "ip_address": known.ip,
            "imei": known.imei,
            "tags": known.tags,
        }
    return Sim.model_validate(
        {
            "id": known.id,
            "iccid_with_luhn": known.iccid,
            "imsi": known.imsi,
            "msisdn": known.msisdn,
            "eid": known.eid,
            "status": {"id": known.status.value if known.status else None, "description": known.status_label},
            "endpoint": device,
            "customer_org": _organisation(known.customer_id, known.customer),
            "reseller_org": _organisation(known.reseller_id, known.reseller),
            "issuer_org": _organisation(known.issuer_id, known.issuer),
            "production_date": None if known.produced is None else f"{known.produced}T00:00:00Z",
            "activation_date": None if known.activated is None else f"{known.activated}T00:00:00Z",
            "model": {"description": known.model} if known.model else None,
        }
    )


def _organisation(number: int | None, name: str | None) -> dict[str, Any] | None:
    return None if number is None else {"id": number, "name": name}
