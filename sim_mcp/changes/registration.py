"""Register a delivered batch of SIMs: look first, register once, read back."""

from dataclasses import replace

from sim_mcp.changes import rules
from sim_mcp.changes.plan import Plan, Planned, Register, counted
from sim_mcp.changes.record.entries import Outcome, OutcomeKind
from sim_mcp.emnify import Batch, Bic, EmnifyClient, EmnifyError, RuleError, SimRef, SimStatus
from sim_mcp.sanitize import clean

READ_BACK = 20
"""How many SIMs of a new batch are read back one by one; enough to see, cheap enough to do."""

_BEFORE = "not registered"
_ALREADY_REGISTERED = 400


async def plan_registration(tool: str, client: EmnifyClient, bic: Bic, target: SimStatus) -> Plan:
    """Validate the batch with emnify now, so that nobody is asked about one that cannot be registered.

    Raises:
        EmnifyError: emnify does not accept the batch; the message says why.
    """
    batch = await client.get_batch(bic)
    size = _size(batch)
    model = clean(batch.model_name) or "unknown model"
    effect = (
        f"{size} of model {model} become part of this workspace; "
        f"each SIM: {rules.SERVICE[target]}; {rules.BILL[target]}"
    )
    item = Planned(
        sim_id=0, iccid=None, before=_BEFORE, after=f"registered as {target.label}", verdict="change", reason=effect
    )
    return Plan(
        tool=tool, change=Register(bic=bic.display, size=size, quantity=batch.quantity, target=target), items=(item,)
    )


async def register(client: EmnifyClient, change: Register) -> Outcome:
    """Register an agreed batch once and read its SIMs back."""
    try:
        registered = await client.register_batch(Bic.parse(change.bic), change.target)
    except EmnifyError as error:
        if error.changed == "unknown":
            told = await settle_registration(client, change, str(error))
            return replace(told, request=error.request_id)
        kind: OutcomeKind = "refused" if isinstance(error, RuleError) else "failed"
        return Outcome(kind, _BEFORE, _BEFORE, f"{error}; nothing changed", error.request_id)
    if not registered.sims:
        told = await settle_registration(client, change, "emnify accepted it without naming its SIMs")
        return replace(told, request=registered.request_id)
    statuses = await _statuses(client, registered.sims)
    read = ", ".join(f"{count} {label}" for label, count in statuses.items()) or "none"
    note = f"{counted(len(registered.sims), 'SIM')} registered, read back: {read}"
    if any(label != change.target.label for label in statuses):
        note += f"; those not yet {change.target.label} may follow late, look again in a while"
    return Outcome("changed", _BEFORE, f"registered as {change.target.label}", note, registered.request_id)


async def settle_registration(client: EmnifyClient, change: Register, doubt: str | None) -> Outcome:
    """Ask emnify about the batch again, where the answer to registering it is not known."""
    why = doubt or "emnify accepted it"
    try:
        await client.get_batch(Bic.parse(change.bic))
    except RuleError as error:
        if error.status == _ALREADY_REGISTERED:
            return Outcome("changed", _BEFORE, "registered", f"{why}; it is registered now")
        return Outcome("unknown", _BEFORE, "unknown", f"{why}; validating it now answers: {error}")
    except EmnifyError as error:
        return Outcome("unknown", _BEFORE, "unknown", f"{why}; it could not be validated again: {error}")
    return Outcome("unknown", _BEFORE, _BEFORE, f"{why}; it still reads unregistered, which may follow late")


async def _statuses(client: EmnifyClient, registered: list[SimRef]) -> dict[str, int]:
    statuses: dict[str, int] = {}
    for reference in registered[:READ_BACK]:
        try:
            sim = await client.get_sim(reference.id)
        except EmnifyError:
            continue
        label = sim.known_status.label if sim.known_status is not None else "unknown"
        statuses[label] = statuses.get(label, 0) + 1
    return statuses


def _size(batch: Batch) -> str:
    return "an unknown number of SIMs" if batch.quantity is None else counted(batch.quantity, "SIM")
