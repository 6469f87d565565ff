"""Who may see a plan and decide on it, of those who signed in to do so."""

from sim_mcp.changes.policy.rules import Approver
from sim_mcp.changes.record.entries import StoredPlan
from sim_mcp.principal import Principal

WHOSE_YES: dict[Approver, str | None] = {
    "requester": None,
    "another": "By the operator's policy somebody else than who asked has to approve it: send the link to a colleague.",
    "sims:approve": "By the operator's policy somebody with the scope sims:approve has to approve it.",
}
"""What who asks has to know of who may approve."""


def may_see(who: Principal, stored: StoredPlan, approver: Approver) -> bool:
    """Tell whether somebody may see a plan: who asked, who may approve it, who may approve at all."""
    return _is_let_in(who, stored) and (asked_for(who, stored) or who.sees_all or may_approve(who, stored, approver))


def may_approve(who: Principal, stored: StoredPlan, approver: Approver) -> bool:
    """Tell whether somebody's yes is the one that a plan takes."""
    if not _is_let_in(who, stored):
        return False
    if approver == "another":
        return not asked_for(who, stored) and (who.sees_all or _may_make(who, stored))
    if approver == "requester" and stored.caller.issuer == who.issuer:
        return asked_for(who, stored)
    # A program with a key asked, which signs in nowhere.
    return who.sees_all


def may_reject(who: Principal, stored: StoredPlan, approver: Approver) -> bool:
    """Tell whether somebody's no ends a plan: who asked may always take it back."""
    return _is_let_in(who, stored) and (asked_for(who, stored) or may_approve(who, stored, approver))


def asked_for(who: Principal, stored: StoredPlan) -> bool:
    """Tell whether a plan is somebody's own."""
    return (stored.caller.issuer, stored.caller.subject) == (who.issuer, who.subject)


def _may_make(who: Principal, stored: StoredPlan) -> bool:
    return ("sims:delete" if stored.plan.change.irreversible else "sims:write") in who.scopes


def _is_let_in(who: Principal, stored: StoredPlan) -> bool:
    return who.signed_in and (who.workspaces is None or stored.plan.workspace_name in who.workspaces)
