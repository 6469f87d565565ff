"""Plans as the approval page shows and decides them: the record behind the page."""

from collections.abc import Mapping
from typing import Literal

from sim_mcp.changes.approval_page.view import Row, View
from sim_mcp.changes.backend import Backend
from sim_mcp.changes.decision import decide
from sim_mcp.changes.outcome import Outcome
from sim_mcp.changes.policy.agreement import BY_PAGE
from sim_mcp.changes.record.entries import StoredPlan
from sim_mcp.principal import Principal


class Approvals:
    """Let a person see and decide plans, each once."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._journal = backend.journal
        self._record = backend.record

    async def view(self, plan_id: str) -> View | None:
        """Return what the page shows of a plan."""
        stored = await self._record(self._journal.plan, plan_id)
        if stored is None:
            return None
        begun = stored.state in ("approved", "lapsed")
        known = (await self._record(self._journal.progress, plan_id)).settled if begun else {}
        return _view(stored, known)

    async def approve(
        self, plan_id: str, typed: str, by: Principal | None = None
    ) -> Literal["approved", "mistyped", "expired", "decided"]:
        """Record a yes, if what was typed shows that the plan was read; `by` is who signed in to give it."""
        stored = await self._record(self._journal.plan, plan_id)
        if stored is None or stored.state == "expired":
            return "expired"
        if stored.state != "waiting":
            return "decided"
        if not stored.plan.is_confirmed_by(typed):
            return "mistyped"
        decided = await decide(self._backend, stored, approved=True, how=BY_PAGE, by=by)
        return "approved" if decided else "decided"

    async def reject(self, plan_id: str, by: Principal | None = None) -> Literal["rejected", "expired", "decided"]:
        """Record a no."""
        stored = await self._record(self._journal.plan, plan_id)
        if stored is None or stored.state == "expired":
            return "expired"
        decided = await decide(self._backend, stored, approved=False, how=BY_PAGE, by=by)
        return "rejected" if decided else "decided"


def _view(stored: StoredPlan, known: Mapping[int, Outcome]) -> View:
    plan, change = stored.plan, stored.plan.change
    rows = tuple(
        Row(
            iccid=change.label(item),
            device=item.device or "",
            organisation=item.organisation or "",
            before=item.before,
            after=item.after,
            verdict=item.verdict,
            effect=item.reason,
            outcome=known[number].kind if number in known else "",
            now=known[number].after if number in known else "",
            note=known[number].note if number in known else "",
        )
        for number, item in enumerate(plan.items)
    )
    service, bill = change.consequences()
    return View(
        plan_id=stored.id,
        place=plan.place,
        workspace=plan.workspace_label,
        act=plan.act,
        summary=plan.summary,
        rows=rows,
        sims=plan.sims_to_do,
        service=service,
        bill=bill,
        due=plan.due,
        client=stored.caller.client,
        expires_at=stored.expires_at,
        typing_request=plan.confirmation_request,
        irreversible=change.irreversible,
        state=stored.state,
        requester=stored.caller.principal if stored.caller.signed_in else "",
        agreed=stored.agreed or "",
    )
