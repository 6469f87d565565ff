"""The approval page at the public address, offered: linked to, and waited for; people sign in there."""

from datetime import UTC, datetime

import anyio

from sim_mcp.changes.approval_page.approvals import Approvals
from sim_mcp.changes.approval_page.offer import TELL_EVERY_S
from sim_mcp.changes.approval_page.waiters import Waiters
from sim_mcp.changes.record.entries import StoredPlan
from sim_mcp.changes.report import ReportProgress


class PublicOffer:
    """Offer plans by links that hold no secret: who opens one signs in, and sees it if it is theirs to see."""

    signs_in = True

    def __init__(self, address: str) -> None:
        self._address = address
        self._waiters = Waiters()
        self._approvals: Approvals | None = None
        self._offered: set[str] = set()

    async def host(self) -> None:
        """Do nothing: the server of MCP serves the page."""

    def was_offered(self, plan_id: str) -> bool:
        """Tell whether somebody was given a link to a plan."""
        return plan_id in self._offered

    def public_link(self, plan_id: str) -> str | None:
        """Return the address of a plan, which may be told to anybody."""
        return f"{self._address}/{plan_id}"

    async def link_to(self, stored: StoredPlan, approvals: Approvals) -> str:
        """Return a link for the model."""
        self._approvals = self._approvals or approvals
        self._offered.add(stored.id)
        return f"{self._address}/{stored.id}"

    async def wait(self, stored: StoredPlan, link: str, tell: ReportProgress, deadline: float) -> None:
        """Wait until the plan is decided on the page, or the moment (of the event loop's clock) has come."""
        if self._approvals is None:
            raise RuntimeError("waiting for a plan that was not offered")
        await tell(0, len(stored.plan.items), f"waiting for approval at {link}")
        while (left := deadline - anyio.current_time()) > 0:
            least = min(left, TELL_EVERY_S)
            state = await self._waiters.wait(stored.id, self._approvals.view, lambda: datetime.now(UTC), least)
            if state != "waiting":
                break
            await tell(0, len(stored.plan.items), f"waiting for approval at {link}")

    def look_again(self, plan_id: str) -> None:
        """Have whoever waits for a plan look whether it was decided."""
        self._waiters.look_again(plan_id)
