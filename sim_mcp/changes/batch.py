"""Register a delivered batch of SIMs: look first, agree, register, read back."""

from dataclasses import dataclass

import anyio

from sim_mcp.changes import rules
from sim_mcp.changes.plan import counted
from sim_mcp.emnify import Batch, Bic, EmnifyClient, EmnifyError, OutcomeUnknownError, SimRef, SimStatus
from sim_mcp.untrusted import clean

READ_BACK = 20
"""How many SIMs of a new batch are read back one by one; enough to see, cheap enough to do."""


@dataclass(frozen=True)
class BatchPlan:
    """Hold what registering one batch would do, as validated just now."""

    bic: Bic
    batch: Batch
    target: SimStatus
    anything_to_do: bool = True
    expected_words: tuple[str, ...] = ()
    typing_request: str = ""

    @property
    def size(self) -> str:
        """Say how many SIMs the batch holds, or that emnify did not tell."""
        return "an unknown number of SIMs" if self.batch.quantity is None else counted(self.batch.quantity, "SIM")

    @property
    def summary(self) -> str:
        """Say what would be done, in a few words."""
        return f"Register batch {self.bic.display} ({self.size}) as {self.target.label}"

    @property
    def lines(self) -> tuple[str, ...]:
        """Say what registering means for service and for the bill."""
        model = clean(self.batch.model_name) or "unknown model"
        each = f"each SIM: {rules.SERVICE[self.target]}; {rules.BILL[self.target]}"
        return (f"{self.size} of model {model} become part of this workspace", each)


@dataclass(frozen=True)
class BatchOutcome:
    """Tell what registering did, with the statuses the SIMs really read afterwards."""

    registered: tuple[SimRef, ...]
    statuses: dict[str, int]
    certain: bool
    note: str


async def plan_batch(client: EmnifyClient, bic: Bic, target: SimStatus) -> BatchPlan:
    """Validate the batch with emnify now, so that nobody is asked about one that cannot be registered."""
    return BatchPlan(bic, await client.get_batch(bic), target)


async def register(client: EmnifyClient, plan: BatchPlan) -> BatchOutcome:
    """Register an agreed batch once and read its SIMs back.

    Raises:
        EmnifyError: emnify refused; nothing changed.
    """
    with anyio.CancelScope(shield=True):
        try:
            registered = tuple(await client.register_batch(plan.bic, plan.target))
        except OutcomeUnknownError as error:
            return await _doubtful(client, plan, error)
        statuses = await _statuses(client, registered)
    late = sum(count for label, count in statuses.items() if label != plan.target.label)
    note = f"{len(registered):,} registered; {sum(statuses.values()):,} read back"
    if late:
        note += f"; {late:,} not yet {plan.target.label}: emnify may follow late, look again in a while"
    return BatchOutcome(registered, statuses, certain=True, note=note)


async def _statuses(client: EmnifyClient, registered: tuple[SimRef, ...]) -> dict[str, int]:
    statuses: dict[str, int] = {}
    for reference in registered[:READ_BACK]:
        try:
            sim = await client.get_sim(reference.id)
        except EmnifyError:
            continue
        label = sim.known_status.label if sim.known_status is not None else "unknown"
        statuses[label] = statuses.get(label, 0) + 1
    return statuses


async def _doubtful(client: EmnifyClient, plan: BatchPlan, doubt: EmnifyError) -> BatchOutcome:
    """Ask emnify about the batch again, after the answer to its registration got lost."""
    try:
        await client.get_batch(plan.bic)
    except EmnifyError as now:
        told = f"validating it now answers: {now}"
    else:
        told = "validating it now still finds it unregistered, though that may follow late"
    return BatchOutcome((), {}, certain=False, note=f"the answer got lost ({doubt}); {told}")
