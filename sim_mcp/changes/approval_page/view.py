"""What the approval page shows of a plan, and what it asks whoever keeps the plans."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

State = Literal["waiting", "approved", "rejected", "expired", "lapsed"]
Verdict = Literal["change", "already", "refused"]


@dataclass(frozen=True)
class Row:
    """Show one SIM of a plan; every text but the verdict may be a customer's."""

    iccid: str
    device: str
    organisation: str
    before: str
    after: str
    verdict: Verdict
    effect: str


@dataclass(frozen=True)
class View:
    """Hold all that a person needs to decide on a plan."""

    plan_id: str
    summary: str
    rows: tuple[Row, ...]
    service: str
    bill: str
    client: str
    expires_at: datetime
    """In UTC."""
    typing_request: str
    """What to type so as to confirm, as a sentence; empty if nothing is to be typed."""
    irreversible: bool
    state: State


class Decisions(Protocol):
    """Keep plans and what was decided on them; each plan is decided at most once."""

    async def view(self, plan_id: str) -> View | None:
        """Return the plan as it stands, or None if there is none."""

    async def approve(self, plan_id: str, typed: str) -> Literal["approved", "mistyped", "expired", "decided"]:
        """Approve the plan, unless what was typed does not confirm it, it has expired, or it is decided already."""

    async def reject(self, plan_id: str) -> Literal["rejected", "expired", "decided"]:
        """Reject the plan, unless it has expired or is decided already."""
