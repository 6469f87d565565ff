"""A SIM of the fleet as a row of an answer. Pure: text of customers is cleaned here."""

from collections.abc import Sequence

from sim_mcp.fleet.inventory.filters import FleetSim
from sim_mcp.sanitize import called, quoted
from sim_mcp.tools.result import Answer

NAME_LIMIT = 60
"""Characters of a name that a row shows."""


class SimRow(Answer):
    """What identifies a SIM, and its status unless all rows share one; tools add what else they tell of it."""

    iccid: str
    status: str | None = None
    device: str | None = None
    customer: str | None = None


def build_sim_row(sim: FleetSim, *, status: bool = True) -> SimRow:
    """Return a SIM as a row, with its status if asked for."""
    return SimRow(
        iccid=sim.iccid or f"id {sim.id}",
        status=sim.status_label if status else None,
        device=called(sim.device, sim.device_id, NAME_LIMIT) if sim.device_id is not None else None,
        customer=called(sim.customer, sim.customer_id, NAME_LIMIT) if sim.customer_id is not None else None,
    )


def extract_customer(rows: Sequence[SimRow]) -> str | None:
    """Return the customer that all rows share and take it out of them, or None where they differ."""
    customers = {row.customer for row in rows}
    shared = customers.pop() if len(customers) == 1 else None
    if shared is not None:
        for row in rows:
            row.customer = None
    return shared


def note_cut_names(rows: Sequence[SimRow]) -> str | None:
    """Return where a device's name stands whole, if a row has only the beginning of one."""
    cut = any(row.device is not None and row.device.endswith("…") for row in rows)
    return "Device names that end in … are cut; get_sim has them whole." if cut else None


def render_sim_row(row: SimRow) -> str:
    """Return a row as text; it may only stand inside a fence."""
    device = quoted(row.device) if row.device else "no device"
    return " ".join(filter(None, [row.iccid, row.status, device, quoted(row.customer) if row.customer else None]))
