"""The life of a SIM: its statuses, what each may become, and what it means for service and for the bill.

Pure. From emnify's documentation of the SIM lifecycle and of factory test mode.
"""

from sim_mcp.emnify.models import Sim
from sim_mcp.emnify.values import SimStatus
from sim_mcp.sanitize import clean

ISSUED, ACTIVATED, SUSPENDED, DELETED, FACTORY_TEST = (
    SimStatus.ISSUED,
    SimStatus.ACTIVATED,
    SimStatus.SUSPENDED,
    SimStatus.DELETED,
    SimStatus.FACTORY_TEST,
)

ALLOWED: dict[SimStatus, tuple[SimStatus, ...]] = {
    ISSUED: (ACTIVATED, FACTORY_TEST),
    ACTIVATED: (SUSPENDED,),
    SUSPENDED: (ACTIVATED,),
    FACTORY_TEST: (ACTIVATED,),
    DELETED: (),
}
"""Status changes by PATCH /api/v1/sim/{id}; deletion is an operation of its own."""

SERVICE: dict[SimStatus, str] = {
    ISSUED: "no network access",
    ACTIVATED: "full service",
    SUSPENDED: "no network access; the device stays assigned",
    DELETED: "gone for good",
    FACTORY_TEST: "limited service; becomes Activated by itself after 100 KB or 10 SMS (emnify's default)",
}

BILL: dict[SimStatus, str] = {
    ISSUED: "no charge",
    ACTIVATED: "hosting fee for any month in which it was active, even without a device or traffic",
    SUSPENDED: "this month still charged; no hosting fee from the 1st of the next, custom plans excepted",
    DELETED: "no charge afterwards; the current month is still charged",
    FACTORY_TEST: "no hosting fee while it lasts",
}
"""Hosting fees by status."""

_EFFECTS: dict[tuple[SimStatus, SimStatus], str] = {
    (ISSUED, ACTIVATED): "goes into service; this month's full hosting fee falls due, without proration",
    (ISSUED, FACTORY_TEST): (
        "goes into limited service without hosting fee, "
        "and becomes Activated (charged) by itself after about 100 KB or 10 SMS"
    ),
    (FACTORY_TEST, ACTIVATED): (
        "ends the free factory test for good; this month's full hosting fee falls due, without proration"
    ),
    (ACTIVATED, SUSPENDED): (
        "loses network access, and stays in its device if it has one; this month is still charged, "
        "no hosting fee from the 1st of the next (custom plans may differ)"
    ),
    (SUSPENDED, ACTIVATED): (
        "goes back into service; this month's full hosting fee falls due unless it was active earlier this month"
    ),
}


DELETION_EFFECT = "leaves the inventory for good and can never be used again; the current month is still charged"
"""What DELETE /api/v1/sim/{id} does."""


def refusal(current: SimStatus | None, target: SimStatus) -> str | None:
    """Return the rule that forbids going from one status to another, or None where emnify allows it."""
    if current is None or target in ALLOWED[current]:
        return None
    if target is ISSUED:
        return "no SIM can go back to Issued"
    if current is DELETED:
        return "a deleted SIM cannot be brought back"
    if target is FACTORY_TEST:
        return "factory test can only follow Issued"
    possible = " or ".join(status.label for status in ALLOWED[current])
    return f"{current.label} can only become {possible}"


def effect(current: SimStatus | None, target: SimStatus) -> str:
    """Return in one line what going from one status to another does to service and to the bill."""
    known = _EFFECTS.get((current, target)) if current is not None else None
    return known or f"{SERVICE[target]}; {BILL[target]}"


def may_become(status_id: int | None) -> list[str]:
    """Return the labels of the statuses that may follow; none for a deleted SIM or an unknown status."""
    known = SimStatus.known(status_id)
    if known is None or known is DELETED:
        return []
    return [*(status.label for status in ALLOWED[known]), "Deleted (only without a device)"]


def status_label(sim: Sim) -> str:
    """Return the status of a SIM as emnify writes it, or `unknown status`."""
    if (known := sim.known_status) is not None:
        return known.label
    return clean(sim.status.description if sim.status else None, 30) or "unknown status"
