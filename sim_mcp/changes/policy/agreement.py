"""How a change was agreed to, and whether that is enough by the policy in force when it is acted upon."""

from sim_mcp.changes.policy.approver import may_approve
from sim_mcp.changes.policy.rules import Approver, Decision
from sim_mcp.changes.record.entries import Caller, StoredPlan
from sim_mcp.principal import Principal

BY_FORM = "a person, by form"
BY_PAGE = "a person, on the approval page"
BY_POLICY = "the operator's policy"


def name_person(how: str, caller: Caller, by: Principal | None = None) -> str:
    """Say also who agreed, where people sign in; a form is answered by who asked, since it was shown to them."""
    if by is not None:
        return f"{how}: {by.name}"
    return f"{how}: {caller.principal}" if how == BY_FORM and caller.signed_in else how


def _route(agreed: str | None) -> str | None:
    """Return how a change was agreed to, without by whom."""
    return next((how for how in (BY_FORM, BY_PAGE) if agreed and agreed.startswith(f"{how}: ")), agreed)


def why_not_enough(stored: StoredPlan, decision: Decision, approver: Approver) -> str | None:
    """Say why what is left of a change that was agreed to wants a new yes, or None where it does not."""
    if stored.state == "lapsed":
        return "its yes is older than 24 hours"
    if is_enough(stored, decision) and (decision == "allow" or _agreed_who_may(stored, approver)):
        return None
    return f"the operator's policy wants more now than {stored.agreed}"


def is_enough(stored: StoredPlan, decision: Decision) -> bool:
    """Tell whether a plan was agreed to by a route that a decision takes; by whom, is another matter."""
    return (
        _route(stored.agreed)
        in {
            "allow": {BY_POLICY, BY_FORM, BY_PAGE},
            "ask": {BY_FORM, BY_PAGE},
            "page": {BY_PAGE},
            "never": set[str](),
        }[decision]
    )


def _agreed_who_may(stored: StoredPlan, approver: Approver) -> bool:
    """Tell whether who agreed is one whose yes it takes; without a sign-in it is the requester's."""
    by = stored.decided_by
    return approver == "requester" if by is None else may_approve(by, stored, approver)
