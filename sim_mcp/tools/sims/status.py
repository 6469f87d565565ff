"""What a SIM's status means and may become, as tools say it. Pure."""

from sim_mcp.changes import rules
from sim_mcp.emnify import SimStatus


def next_statuses(status: SimStatus | None) -> list[str]:
    """Return the statuses that may follow, in words; none if the status is final or unknown."""
    if status is None or status is rules.DELETED:
        return []
    return [*(each.label for each in rules.ALLOWED[status]), "Deleted (only without a device)"]


def service_of(status: SimStatus) -> str:
    """Return what the status means for network access."""
    return rules.SERVICE[status]


def bill_of(status: SimStatus) -> str:
    """Return what the status means for the bill."""
    return rules.BILL[status]
