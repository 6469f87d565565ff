"""Carry out what was agreed: read again, leave what moved, write once, read back, report."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

import anyio

from sim_mcp.changes.plan import (
    Assign,
    Change,
    Delete,
    Plan,
    PlannedSim,
    Role,
    SetStatus,
    fingerprint,
    organisation_in,
    same_organisation,
    state_of,
)
from sim_mcp.emnify import (
    CLEAR,
    AuthenticationError,
    ConflictError,
    EmnifyClient,
    EmnifyError,
    ForbiddenError,
    NotFoundError,
    RuleError,
    Sim,
    SimChange,
    SimStatus,
    Target,
    UnreachableError,
)

OutcomeKind = Literal["changed", "already", "refused", "moved", "failed", "unknown"]
Progress = Callable[[int, int, str], Awaitable[None]]


@dataclass(frozen=True)
class Outcome:
    """Tell what became of one SIM."""

    sim: Sim
    kind: OutcomeKind
    before: str
    after: str
    note: str


async def run(client: EmnifyClient, plan: Plan, progress: Progress) -> list[Outcome]:
    """Carry out an agreed plan, one SIM at a time, and return one outcome per SIM, in the plan's order.

    Cancellation takes effect between SIMs: a write that was begun is read back and reported first.
    """
    outcomes: list[Outcome] = []
    stopped: str | None = None
    for number, planned in enumerate(plan.sims, start=1):
        if planned.verdict != "change":
            kind: OutcomeKind = "already" if planned.verdict == "already" else "refused"
            outcomes.append(Outcome(planned.sim, kind, planned.before, planned.before, planned.reason))
        elif stopped is not None:
            note = f"not tried, because {stopped}; nothing changed"
            outcomes.append(Outcome(planned.sim, "failed", planned.before, planned.before, note))
        else:
            # What has begun is finished and read back: a half-known state helps nobody.
            with anyio.CancelScope(shield=True):
                outcome, stopped = await _change(client, plan.change, planned)
            outcomes.append(outcome)
        await progress(number, len(plan.sims), f"{number} of {len(plan.sims)} SIMs")
    return outcomes


async def _change(client: EmnifyClient, change: Change, planned: PlannedSim) -> tuple[Outcome, str | None]:
    """Return the outcome for one SIM, and why the rest should not be tried, if so."""
    try:
        now = await client.get_sim(planned.sim.id)
    except EmnifyError as error:
        return _failed(planned, f"it could not be read again: {error}"), _hopeless(error)
    if fingerprint(now) != fingerprint(planned.sim):
        note = "it changed since the plan was shown, so it was left alone; nothing changed here"
        return Outcome(now, "moved", planned.before, state_of(change, now), note), None
    try:
        await _write(client, change, now.id)
    except EmnifyError as error:
        if error.changed == "unknown":
            return await _settle(client, change, planned, str(error)), None
        if isinstance(error, RuleError | ConflictError | ForbiddenError):
            return Outcome(now, "refused", planned.before, planned.before, f"{error}; nothing changed"), None
        return _failed(planned, str(error)), _hopeless(error)
    return await _settle(client, change, planned, None), None


async def _write(client: EmnifyClient, change: Change, sim_id: int) -> None:
    if isinstance(change, SetStatus):
        await client.update_sim(sim_id, SimChange(status=change.target))
    elif isinstance(change, Delete):
        await client.delete_sim(sim_id)
    else:
        held: dict[Role, Target] = {
            role: CLEAR if organisation is None else organisation.id for role, organisation in change.organisations
        }
        await client.update_sim(
            sim_id,
            SimChange(
                issuer_org=held.get("issuer"), reseller_org=held.get("reseller"), customer_org=held.get("customer")
            ),
        )


async def _settle(client: EmnifyClient, change: Change, planned: PlannedSim, doubt: str | None) -> Outcome:
    """Read back and say what is so now; `doubt` is why the write itself did not tell."""
    try:
        now: Sim | None = await client.get_sim(planned.sim.id)
    except NotFoundError:
        now = None
    except EmnifyError as error:
        known = doubt or "emnify accepted it"
        note = f"{known}, but reading back failed ({error}); look at this SIM before trying again"
        return Outcome(planned.sim, "unknown", planned.before, "unknown", note)
    after = "Deleted" if now is None else state_of(change, now)
    if _is_done(change, now):
        note = "read back: done" if doubt is None else f"{doubt}; read back: it was done"
        return Outcome(now or planned.sim, "changed", planned.before, after, note)
    lag = doubt or "emnify accepted it"
    note = f"{lag}, but it still reads {after}; it may follow late, so look again before repeating"
    return Outcome(now or planned.sim, "unknown", planned.before, after, note)


def _is_done(change: Change, now: Sim | None) -> bool:
    if isinstance(change, Delete):
        return now is None or now.known_status is SimStatus.DELETED
    if now is None:
        return False
    if isinstance(change, SetStatus):
        return now.known_status is change.target
    return _assigned(change, now)


def _assigned(change: Assign, now: Sim) -> bool:
    return all(same_organisation(organisation_in(now, role), target) for role, target in change.organisations)


def _failed(planned: PlannedSim, note: str) -> Outcome:
    return Outcome(planned.sim, "failed", planned.before, planned.before, f"{note}; nothing changed")


def _hopeless(error: EmnifyError) -> str | None:
    """Say why the remaining SIMs would fail alike, if they would."""
    if isinstance(error, AuthenticationError):
        return "emnify no longer accepts the token"
    if isinstance(error, UnreachableError):
        return "emnify cannot be reached"
    return None
