"""Why a change was not made, in words for the model: what it would have been, what to do, that nothing changed."""

from sim_mcp.changes.plan import Plan
from sim_mcp.changes.record.entries import StoredPlan
from sim_mcp.changes.record.history import Change
from sim_mcp.sanitize import fence


class NotConfirmedError(Exception):
    """Nobody agreed, so nothing changed; the message says why and what can be done."""


def not_confirmed(plan: Plan) -> str:
    """Word that a form came back without a yes; who, if anybody, saw it is not known."""
    return (
        "Not confirmed. Nothing changed. The form came back without a clear yes; perhaps nobody saw it, and the "
        "approval page is switched off. If a person wants this change, call again. It would have been:\n"
        f"{fence(f'{plan.summary}.')}"
    )


def no_way_to_ask(plan: Plan) -> str:
    """Word the refusal where a person can be asked neither by form nor by page."""
    lines = "\n".join(f"- {group.heading}" for group in plan.outline(0)[0])
    return (
        "Not done. Nothing changed. A person has to agree first, and this client cannot show a form and the approval "
        f"page is switched off. It would have been:\n{fence(f'{plan.summary}.{chr(10)}{lines}')}\n"
        "What the operator can do: leave SIM_MCP_APPROVAL_PAGE on, use a client that shows forms (sim-mcp call at a "
        "terminal is one), or set SIM_MCP_CONFIRM=host where the host asks a person before each call."
    )


def nobody_signs_in(plan: Plan) -> str:
    """Word the refusal where somebody else than who asks has to agree, and nobody can sign in for that."""
    return (
        "Not done. Nothing changed. The operator's policy (SIM_MCP_POLICY) wants somebody's yes who signs in for it, "
        "and nobody can sign in on this server. It would have been:\n"
        f"{fence(f'{plan.summary}.')}\n"
        "What the operator can do: serve over HTTP with SIM_MCP_ISSUER, SIM_MCP_PUBLIC_URL and SIM_MCP_CLIENT_ID, or "
        'leave approver = "requester" to the policy.'
    )


def not_agreed(plan_id: str, stored: StoredPlan | None) -> str:
    """Word that a plan cannot be carried out, because it was rejected, has lapsed or was never agreed to."""
    state = stored.state if stored else ""
    if stored is not None and state == "rejected":
        how = (stored.agreed or "").removeprefix("a person, ")
        return (
            f"Not done: plan {plan_id} was rejected {how}. Nothing changed. That no stands: tell the user, and do "
            "not ask for the same again unless they want it."
        )
    expired = "expired: plans, and approvals not acted on, lapse"
    why = expired if state == "expired" else "was not agreed to"
    return f"Not done: plan {plan_id} {why}. Nothing changed. If the user still wants it, a new call makes a new plan."


def no_too_late(plan_id: str) -> str:
    """Word that a plan was approved before somebody said no to it."""
    return (
        f"The no came too late: plan {plan_id} had been approved before. Nothing was changed by this call; "
        f'continue_change(plan="{plan_id}") tells how it stands, and carries out what is left of it.'
    )


def which_one(found: list[Change]) -> str:
    """Ask which of several open changes is meant, or say that there is none."""
    if not found:
        return (
            "No change of this client waits or is open. Nothing changed. list_changes tells what was changed, "
            "and which changes of other clients are open."
        )
    lines = "\n".join(f"plan {change.plan} {change.standing}: {change.summary}" for change in found)
    calls = " or ".join(f'continue_change(plan="{change.plan}")' for change in found)
    return (
        f"Which one? {len(found)} changes of this client are not finished. Nothing changed by this call.\n"
        f"{fence(lines)}\nNext: {calls}"
    )


def stopped(plan_id: str, error: Exception) -> str:
    """Say that the record failed in the middle of a change, and how it goes on."""
    return (
        f"{error} Plan {plan_id} was stopped there; SIMs before that point may have been changed. Once the record can "
        f'be written again, continue_change(plan="{plan_id}") reads how each SIM stands and goes on.'
    )
