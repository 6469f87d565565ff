"""The clock of the fleet, its usage as emnify itself tells it, and a SIM of it."""

from datetime import UTC, datetime
from typing import Any

from sim_mcp.emnify import SimStatus
from sim_mcp.fleet.inventory.filters import FleetSim
from tests.support import Fleet

CLOCK = datetime(2026, 11, 22, 12, tzinfo=UTC)
RANK, WASTE = "rank_sims_by_usage", "find_waste"


async def usage_told(fleet: Fleet, month: str) -> dict[str, dict[str, float]]:
    """What emnify tells of each SIM that ever had service, by ICCID."""
    found = {}
    for sim in (await fleet.api("GET", "/sim", role="enterprise")).json():
        if sim["status"]["id"] == 0:
            continue
        told = (await fleet.api("GET", f"/sim/{sim['id']}/stats", role="enterprise")).json().get(month, {})
        found[sim["iccid_with_luhn"]] = {
            "data": float(told.get("data", {}).get("volume", 0)),
            "sms": float(told.get("sms", {}).get("volume", 0)),
            "cost": sum(float(told[kind]["cost"]) for kind in told),
        }
    return found


async def costs_told(fleet: Fleet) -> dict[str, dict[str, float]]:
    """What emnify tells that each SIM cost last month, by ICCID and currency, of those that cost anything."""
    found = {}
    for sim in (await fleet.api("GET", "/sim", role="enterprise")).json():
        told = (await fleet.api("GET", f"/sim/{sim['id']}/stats", role="enterprise")).json().get("last_month", {})
        costs = {told[kind]["currency"]["code"]: float(told[kind]["cost"]) for kind in told}
        if any(costs.values()):
            found[sim["iccid_with_luhn"]] = costs
    return found


def fleet_sim(number: int, **known: Any) -> FleetSim:
    """An activated SIM of the inventory of which little is known."""
    unknown = dict.fromkeys(FleetSim._fields)
    named = {"id": number, "iccid": f"8988303000000{number:05d}90", "status": SimStatus.ACTIVATED}
    return FleetSim(**{**unknown, "status_label": "Activated", **named, **known})
