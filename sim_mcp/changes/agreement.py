"""How a change was agreed to, and whether that is enough by the policy in force when it is acted upon."""

from sim_mcp.changes.policy import Decision
from sim_mcp.changes.record.entries import Caller, StoredPlan

BY_FORM = "a person, by form"
BY_PAGE = "a person, on the approval page"
BY_POLICY = "the operator's policy"


def name_person(how: str, caller: Caller) -> str:
    """Say also who answered a form, where people sign in: who asked, since it was shown to them."""
    return f"{how}: {caller.principal}" if how == BY_FORM and caller.signed_in else how


def _route(agreed: str | None) -> str | None:
    """Return how a change was agreed to, without by whom."""
    return next((how for how in (BY_FORM, BY_PAGE) if agreed and agreed.startswith(f"{how}: ")), agreed)


def why_not_enough(stored: StoredPlan, decision: Decision) -> str | None:
    """Say why what is left of a change that was agreed to wants a new yes, or None where it does not."""
    if stored.state == "lapsed":
        return "its yes is older than 24 hours"
    enough = {
        "allow": {BY_POLICY, BY_FORM, BY_PAGE},
        "ask": {BY_FORM, BY_PAGE},
        "page": {BY_PAGE},
        "never": set[str](),
    }[decision]
    if _route(stored.agreed) in enough:
        return None
    return f"the operator's policy wants more now than {stored.agreed}"
