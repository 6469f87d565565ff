"""A change of a SIM's status or organisations."""

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from sim_mcp.emnify.values import SimStatus


class _Clear(Enum):
    CLEAR = "clear"


CLEAR = _Clear.CLEAR
"""Take the organisation away; None means to leave it as it is."""

Target = int | Literal[_Clear.CLEAR] | None


@dataclass(frozen=True)
class SimChange:
    """What to change with PATCH /api/v1/sim/{id}: None leaves a field as it is, CLEAR empties it."""

    status: SimStatus | None = None
    issuer_org: Target = None
    reseller_org: Target = None
    customer_org: Target = None

    def body(self) -> dict[str, dict[str, int | None]]:
        """Return the JSON body, which names only what changes."""
        targets: dict[str, Target] = {
            "status": None if self.status is None else self.status.value,
            "issuer_org": self.issuer_org,
            "reseller_org": self.reseller_org,
            "customer_org": self.customer_org,
        }
        return {
            name: {"id": None if target is CLEAR else target} for name, target in targets.items() if target is not None
        }
