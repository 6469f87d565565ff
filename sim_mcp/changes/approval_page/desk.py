"""The plans as people see and decide them who signed in for that: each those that are theirs to see."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from sim_mcp.changes.approval_page.approvals import Approvals
from sim_mcp.changes.approval_page.view import View
from sim_mcp.changes.backend import Backend
from sim_mcp.changes.policy.approver import may_approve, may_reject, may_see
from sim_mcp.changes.policy.rules import Approver
from sim_mcp.changes.record.entries import StoredPlan
from sim_mcp.changes.record.history import changes
from sim_mcp.changes.record.journal import PLANS_LIVE
from sim_mcp.changes.record.storage import UnreadablePlanError
from sim_mcp.principal import Principal


class Shown(NamedTuple):
    """A plan, and what who looks at it may do."""

    view: View
    may_approve: bool
    may_reject: bool


class Desk:
    """Let people who signed in see and decide plans. To who may not see a plan it is as if there were none."""

    def __init__(self, backend: Backend, approver_of: Callable[[StoredPlan], Approver]) -> None:
        self._backend = backend
        self._approver_of = approver_of
        self._approvals = Approvals(backend)

    async def waiting(self, who: Principal) -> list[Shown]:
        """Return the plans that wait and that somebody may see, newest first.

        Raises:
            JournalError: The record cannot be read.
        """
        journal = self._backend.journal
        recent = await self._backend.record(changes, journal, start=datetime.now(UTC) - PLANS_LIVE)
        found = [await self.plan(change.plan, who) for change in recent if change.standing == "waiting"]
        return [shown for shown in found if shown is not None and shown.view.state == "waiting"]

    async def plan(self, plan_id: str, who: Principal) -> Shown | None:
        """Return a plan with what came of it, or None where there is none that somebody may see.

        Raises:
            JournalError: The record cannot be read.
        """
        stored = await self._visible(plan_id, who)
        view = await self._approvals.view(plan_id) if stored is not None else None
        if stored is None or view is None:
            return None
        approver = self._approver_of(stored)
        return Shown(view, may_approve(who, stored, approver), may_reject(who, stored, approver))

    async def approve(
        self, plan_id: str, typed: str, who: Principal
    ) -> Literal["approved", "mistyped", "expired", "decided", "not theirs"]:
        """Record somebody's yes, if it is the one that the plan takes.

        Raises:
            JournalError: The record cannot be written.
        """
        stored = await self._visible(plan_id, who)
        if stored is None or not may_approve(who, stored, self._approver_of(stored)):
            return "not theirs"
        return await self._approvals.approve(plan_id, typed, who)

    async def reject(self, plan_id: str, who: Principal) -> Literal["rejected", "expired", "decided", "not theirs"]:
        """Record somebody's no, if it is theirs to say.

        Raises:
            JournalError: The record cannot be written.
        """
        stored = await self._visible(plan_id, who)
        if stored is None or not may_reject(who, stored, self._approver_of(stored)):
            return "not theirs"
        return await self._approvals.reject(plan_id, who)

    async def _visible(self, plan_id: str, who: Principal) -> StoredPlan | None:
        journal = self._backend.journal
        try:
            stored = await self._backend.record(journal.plan, plan_id) if journal.record.exists else None
        except UnreadablePlanError:
            return None
        return stored if stored is not None and may_see(who, stored, self._approver_of(stored)) else None
