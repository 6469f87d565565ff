"""The clock of the fleet, and its usage as emnify itself tells it."""

from datetime import UTC, datetime

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
