"""A plan is made, and decided once: on record, in the log and in the metrics."""

import logging

from sim_mcp.changes.backend import Backend
from sim_mcp.changes.policy.agreement import BY_FORM, BY_PAGE, BY_POLICY, name_person
from sim_mcp.changes.record.entries import StoredPlan
from sim_mcp.formatting import format_quantity
from sim_mcp.observing import Observer, Route
from sim_mcp.principal import Principal

log = logging.getLogger(__name__)

_ROUTES: dict[str, Route] = {BY_FORM: "form", BY_PAGE: "page", BY_POLICY: "policy"}


def tell_made(observer: Observer, stored: StoredPlan) -> None:
    """Tell that a plan was made, and waits for a decision."""
    plan = stored.plan
    sims = "SIMs" if plan.sims_to_do is None else format_quantity(plan.sims_to_do, "SIM")
    log.info("Plan %s: %s, %s to change, asked for by %s", stored.id, plan.tool, sims, stored.caller.words)
    observer.plan(plan.tool, "made")


async def decide(
    backend: Backend, stored: StoredPlan, *, approved: bool, how: str, by: Principal | None = None
) -> bool:
    """Record a decision, by whom where they signed in for it; return False if it was decided before or has expired.

    Raises:
        JournalError: The record cannot be written.
    """
    named = name_person(how, stored.caller, by)
    if not await backend.record(backend.journal.decide, stored.id, approved=approved, how=named, by=by):
        return False
    log.info("Plan %s: %s by %s", stored.id, "approved" if approved else "rejected", named)
    backend.observer.plan(stored.plan.tool, "approved" if approved else "rejected")
    if how in _ROUTES:
        backend.observer.decided(_ROUTES[how], approved=approved)
    return True
