"""Register a delivered batch of SIMs: PATCH /api/v1/sim_batch/bic/{bic}."""

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar, Literal

from sim_mcp.changes.item import PlannedItem
from sim_mcp.changes.kinds.fees import FeesDue
from sim_mcp.changes.kinds.kind import Consequences, Kind, Reading
from sim_mcp.changes.outcome import Outcome, Sent
from sim_mcp.emnify import Bic, EmnifyClient, EmnifyError, RuleError, SimStatus, lifecycle
from sim_mcp.formatting import format_quantity
from sim_mcp.sanitize import clean

READ_BACK = 20
"""How many SIMs of a new batch are read back one by one; enough to see, cheap enough to do."""

_BEFORE = "not registered"
_ALREADY_REGISTERED = 400


class Register(Kind):
    """Register a batch with a status for its SIMs; its one item is the batch."""

    tool: ClassVar = "register_sim_batch"
    operation: ClassVar = "PATCH /api/v1/sim_batch/bic/{bic}"
    statuses: ClassVar = (SimStatus.ISSUED, SimStatus.ACTIVATED, SimStatus.FACTORY_TEST)
    label_field: ClassVar = "bic"
    refusals: ClassVar = (RuleError,)

    kind: Literal["register"] = "register"
    bic: str
    size: str
    quantity: int | None = None
    """How many SIMs it holds, as far as emnify says; plans of earlier versions are without."""
    target: SimStatus

    @property
    def status(self) -> SimStatus:
        """Return the status its SIMs get."""
        return self.target

    def summarize(self, sims: str) -> str:  # noqa: ARG002  # a batch is counted by emnify, not by us.
        """Return what is asked for in a few words."""
        return f"Register batch {self.bic} ({self.size}) as {self.target.label}"

    def act(self, sims: str) -> str:  # noqa: ARG002  # as above.
        """Return that the SIMs of the batch are registered."""
        return "Register this batch" if self.quantity is None else f"Register {self.size}"

    def fees_due(self, items: Sequence[PlannedItem]) -> FeesDue | None:
        """Return that each SIM costs this month's fee if it is activated at once."""
        if self.target is not SimStatus.ACTIVATED:
            return FeesDue(0)
        sims = self.count_sims(items)
        return None if sims is None else FeesDue(sims)

    def consequences(self) -> Consequences:
        """Return what the status of its SIMs means."""
        return Consequences(lifecycle.SERVICE[self.target], lifecycle.BILL[self.target])

    def count_sims(self, items: Sequence[PlannedItem]) -> int | None:
        """Return how many SIMs the batch holds, as far as emnify says."""
        return self.quantity if items else 0

    def weigh(self, item: PlannedItem) -> int:  # noqa: ARG002  # there is one.
        """Return how many SIMs the batch holds, or 1 where emnify does not say."""
        return self.quantity or 1

    def label(self, item: PlannedItem) -> str:  # noqa: ARG002  # there is one.
        """Return the BIC."""
        return self.bic

    def describe(self, item: PlannedItem) -> str:
        """Return what registering the batch means."""
        return item.reason

    async def replan(
        self,
        client: EmnifyClient,
        items: Sequence[PlannedItem],  # noqa: ARG002  # there is one.
    ) -> tuple["Register", tuple[PlannedItem, ...]]:
        """Validate the batch once more."""
        return await validate_batch(client, Bic.parse(self.bic), self.target)

    async def find_moved(
        self,
        client: EmnifyClient,  # noqa: ARG002  # nothing of a batch can change but that it is registered.
        items: Sequence[PlannedItem],
    ) -> list[str | None]:
        """Return that no batch moved: emnify refuses one that was registered meanwhile."""
        return [None] * len(items)

    async def write(self, client: EmnifyClient, item: PlannedItem) -> Sent:  # noqa: ARG002  # there is one.
        """Register the batch."""
        registered = await client.batches.register(Bic.parse(self.bic), self.target)
        doubt = None if registered.sims else "emnify accepted it without naming its SIMs"
        return Sent(doubt, registered.request_id, sims=tuple(sim.id for sim in registered.sims))

    async def read_back(self, client: EmnifyClient, items: Sequence[PlannedItem], sent: Sequence[Sent]) -> Reading:
        """Read the first SIMs of the batch, or where none are known, ask whether it is registered."""
        del items
        outcomes = [
            await self._read_sims(client, one) if one.sims else await self._validate(client, one.doubt, one.request)
            for one in sent
        ]
        return Reading(outcomes, None)

    async def read_again(self, client: EmnifyClient, items: Sequence[PlannedItem], first: Sequence[Outcome]) -> Reading:
        """Ask whether the batch is registered now."""
        del items
        return Reading([await self._validate(client, None, None) for _ in first], {})

    async def _read_sims(self, client: EmnifyClient, sent: Sent) -> Outcome:
        statuses = Counter[str]()
        iccids: list[str] = []
        others: list[str] = []
        for sim_id in sent.sims[:READ_BACK]:
            try:
                sim = await client.get_sim(sim_id)
            except EmnifyError:
                continue
            label = lifecycle.status_label(sim)
            statuses[label] += 1
            iccids.append(sim.printed_iccid or f"id {sim.id}")
            if sim.known_status is not self.target:
                others.append(iccids[-1])
        read = ", ".join(f"{count} {label}" for label, count in statuses.items()) or "none"
        note = f"{format_quantity(len(sent.sims), 'SIM')} registered, read back: {read}"
        if iccids:
            more = len(sent.sims) - len(iccids)
            note += f": {', '.join(iccids)}{f' and {more:,} more' if more else ''}"
        if others:
            note += f"; not {self.target.label}, which may follow late: {', '.join(others)}"
        after = self._registered(len(sent.sims), len(others))
        return Outcome("changed", _BEFORE, after, note, sent.request, len(sent.sims))

    def _registered(self, sims: int, others: int) -> str:
        """Return what the batch is now, never as plainly registered where SIMs are missing or read otherwise."""
        if self.quantity is not None and sims < self.quantity:
            return f"only {sims:,} of {self.quantity:,} SIMs registered"
        if others:
            return f"registered, {others:,} of its SIMs not {self.target.label} yet"
        return f"registered as {self.target.label}"

    async def _validate(self, client: EmnifyClient, doubt: str | None, request: str | None) -> Outcome:
        """Ask emnify whether it would still register the batch, where the answer to registering it is not known."""
        why = doubt or "emnify accepted it"
        try:
            await client.batches.get(Bic.parse(self.bic))
        except RuleError as error:
            if error.status == _ALREADY_REGISTERED:
                return Outcome("changed", _BEFORE, "registered", f"{why}; it is registered now", request)
            return Outcome("unknown", _BEFORE, "unknown", f"{why}; validating it now answers: {error}", request)
        except EmnifyError as error:
            return Outcome("unknown", _BEFORE, "unknown", f"{why}; it could not be validated again: {error}", request)
        note = f"{why}; it still reads unregistered, which may follow late"
        return Outcome("unknown", _BEFORE, _BEFORE, note, request)


async def validate_batch(client: EmnifyClient, bic: Bic, target: SimStatus) -> tuple[Register, tuple[PlannedItem, ...]]:
    """Validate a batch with emnify, so that nobody is asked about one that cannot be registered.

    Raises:
        EmnifyError: emnify does not accept the batch; the message says why.
    """
    batch = await client.batches.get(bic)
    size = "an unknown number of SIMs" if batch.quantity is None else format_quantity(batch.quantity, "SIM")
    model = clean(batch.model_name) or "unknown model"
    effect = (
        f"{size} of model {model} become part of this workspace; "
        f"each SIM: {lifecycle.SERVICE[target]}; {lifecycle.BILL[target]}"
    )
    item = PlannedItem(
        sim_id=0, iccid=None, before=_BEFORE, after=f"registered as {target.label}", verdict="change", reason=effect
    )
    return Register(bic=bic.display, size=size, quantity=batch.quantity, target=target), (item,)
