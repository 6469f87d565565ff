"""Carry out what was agreed: read again, leave what moved, record, write once, read back, record.

Nothing else in the project writes to emnify. A run that ends early, by its time, a cancelled call or a killed
process, is taken up again where the record says it stood: what is settled is not touched, what was sent without a
recorded outcome is settled by reading, and is never sent again.
"""

import math
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

import anyio
import anyio.lowlevel

from sim_mcp.changes.journal import Journal, Outcome, OutcomeKind, StoredPlan
from sim_mcp.changes.judging import LOST, Sent, failed, hopeless, read_back
from sim_mcp.changes.plan import (
    Assign,
    Change,
    Delete,
    Planned,
    Register,
    Role,
    SetStatus,
    fingerprint,
    state_of,
)
from sim_mcp.changes.registration import register, settle_registration
from sim_mcp.emnify import (
    CLEAR,
    ConflictError,
    DeadlineExceededError,
    EmnifyClient,
    EmnifyError,
    ForbiddenError,
    RateLimitedError,
    RuleError,
    Sim,
    SimChange,
    Target,
)
from sim_mcp.fleet.inventory import Inventory
from sim_mcp.fleet.reading import FEW, read_sims

CHUNK = 50
"""SIMs read together before and after being written: few calls, and no reading older than the chunk takes."""

Progress = Callable[[int, int, str], Awaitable[None]]


class Step(NamedTuple):
    """One item of a plan, by its place in it."""

    number: int
    item: Planned


_WRITE = "PATCH /api/v1/sim/{id}"
_LATER = (RateLimitedError, DeadlineExceededError)
"""Failures that pass by themselves: what is left stays open for the next run instead of being settled as failed."""


class Run:
    """One attempt at carrying out a plan that was agreed to."""

    def __init__(
        self,
        client: EmnifyClient,
        journal: Journal,
        stored: StoredPlan,
        progress: Progress,
        inventory: Inventory | None = None,
    ) -> None:
        self._client = client
        self._inventory = inventory
        self._journal = journal
        self._stored = stored
        self._change = stored.plan.change
        self._progress = progress
        self._hopeless: str | None = None
        self.paused: EmnifyError | None = None
        """What made this run stop early, with nothing lost by it."""

    async def until(self, deadline: float) -> bool:
        """Go on until all is settled or the moment (of the event loop's clock) has come; tell whether all is.

        Raises:
            JournalError: The record cannot be written; nothing more was sent.
        """
        begun, settled = self._journal.progress(self._stored.id)
        steps = [Step(number, item) for number, item in enumerate(self._stored.plan.items) if number not in settled]
        for step in [step for step in steps if step.item.verdict != "change"]:
            kind: OutcomeKind = "already" if step.item.verdict == "already" else "refused"
            self._settle(step, Outcome(kind, step.item.before, step.item.before, step.item.reason))
            steps.remove(step)
        interrupted = [step for step in steps if step.number in begun]
        if interrupted:
            await self._settle_by_reading(interrupted, dict.fromkeys((step.number for step in interrupted), LOST))
        steps = [step for step in steps if step.number not in begun]
        while steps and self.paused is None and anyio.current_time() < deadline:
            chunk, steps = steps[:CHUNK], steps[CHUNK:]
            left = await self._chunk(chunk, deadline)
            steps = left + steps
        if self.paused is not None:
            await self._sit_out(deadline)
        return not steps

    async def _sit_out(self, deadline: float) -> None:
        """Wait for the limits as long as the call may: whoever is told of a wait at once can only ask again at once."""
        wait_s = self._client.pacer.wait_s(_WRITE)
        _, settled = self._journal.progress(self._stored.id)
        await self._tell(len(settled), f", waiting {math.ceil(wait_s)} s for emnify's rate limits")
        await anyio.sleep(max(0.0, min(wait_s, deadline - anyio.current_time())))

    async def _chunk(self, chunk: list[Step], deadline: float) -> list[Step]:
        """Read, write and read back some items; return those there was no time for."""
        if isinstance(self._change, Register):
            await self._register(chunk[0])
            return []
        try:
            now = await read_sims(self._client, [step.item.sim_id for step in chunk])
        except _LATER as later:
            self.paused = later
            return chunk
        except EmnifyError as error:
            for step in chunk:
                self._settle(step, failed(step.item, f"it could not be read again: {error}"))
            return []
        ready = [step for step in chunk if not self._moved(step, now[step.item.sim_id])]
        sent: dict[int, Sent] = {}
        try:
            if isinstance(self._change, Delete) and len(ready) > FEW:
                await self._delete_together(ready, sent)
                return []
            for place, step in enumerate(ready):
                # Cancellation and the end of the caller's time take effect here, between two SIMs.
                await anyio.lowlevel.checkpoint()
                self.paused = self.paused or self._held_up(deadline)
                if self.paused is not None or anyio.current_time() >= deadline:
                    return ready[place:]
                with anyio.CancelScope(shield=True):
                    await self._send(step, sent)
                await self._tell(step.number + 1)
            return []
        finally:
            with anyio.CancelScope(shield=True):
                await self._settle_by_reading([step for step in ready if step.number in sent], sent)

    def _held_up(self, deadline: float) -> EmnifyError | None:
        """Say what keeps the next write waiting beyond the deadline: what is known now need not be found out by it."""
        wait_s = self._client.pacer.wait_s(_WRITE)
        if wait_s <= deadline - anyio.current_time():
            return None
        return RateLimitedError(f"emnify's rate limits allow the next request in {math.ceil(wait_s)} s")

    def _moved(self, step: Step, now: Sim | None) -> bool:
        """Settle an item that is no longer as it was shown; tell whether it is so."""
        if now is not None and fingerprint(now) == step.item.fingerprint:
            return False
        after = "Deleted" if now is None else state_of(self._change, now)
        note = "it changed since the plan was shown, so it was left alone; nothing changed here"
        self._settle(step, Outcome("moved", step.item.before, after, note))
        return True

    async def _send(self, step: Step, sent: dict[int, Sent]) -> None:
        """Record the intent and write; what needs reading back is left in `sent`."""
        if self._hopeless is not None:
            self._settle(step, failed(step.item, f"not tried, because {self._hopeless}"))
            return
        if not self._journal.intend(self._stored.id, step.number, step.item.identity):
            sent[step.number] = LOST
            return
        try:
            sent[step.number] = Sent(request=await _write(self._client, self._change, step.item.sim_id))
        except EmnifyError as error:
            self._judge(step, error, sent)

    def _judge(self, step: Step, error: EmnifyError, sent: dict[int, Sent]) -> None:
        if error.changed == "unknown":
            sent[step.number] = Sent(str(error), error.request_id)
        elif isinstance(error, RuleError | ConflictError | ForbiddenError):
            note = f"{error}; nothing changed"
            self._settle(step, Outcome("refused", step.item.before, step.item.before, note, error.request_id))
        else:
            self._settle(step, failed(step.item, str(error), error.request_id))
            self._hopeless = hopeless(error)
            self.paused = error if isinstance(error, _LATER) else None

    async def _delete_together(self, ready: list[Step], sent: dict[int, Sent]) -> None:
        """Delete in one request (DELETE /api/v1/sim/multi); what became of each is read back."""
        fresh = [step for step in ready if self._journal.intend(self._stored.id, step.number, step.item.identity)]
        sent.update(dict.fromkeys((step.number for step in ready), LOST))
        if not fresh:
            return
        with anyio.CancelScope(shield=True):
            try:
                answered = Sent(request=await self._client.delete_sims([step.item.sim_id for step in fresh]))
            except EmnifyError as error:
                answered = Sent(str(error), error.request_id, refused=error.changed == "nothing")
        sent.update(dict.fromkeys((step.number for step in fresh), answered))

    async def _settle_by_reading(self, steps: list[Step], sent: dict[int, Sent]) -> None:
        """Read back and record what is so now; a doubt is why the write itself did not tell."""
        if not steps:
            return
        if isinstance(self._change, Register):
            self._take_in(None)
            for step in steps:
                self._settle(step, await settle_registration(self._client, self._change, sent[step.number].doubt))
            return
        try:
            now = await read_sims(self._client, [step.item.sim_id for step in steps])
        except _LATER as later:
            # Their intents are on record: the next run settles them by reading.
            self.paused = later
            return
        except EmnifyError as error:
            self._take_in(None)
            for step in steps:
                known = sent[step.number].doubt or "emnify accepted it"
                note = f"{known}, but reading back failed ({error}); look at this SIM before trying again"
                request = sent[step.number].request
                self._settle(step, Outcome("unknown", step.item.before, "unknown", note, request))
            return
        self._take_in(now)
        for step in steps:
            self._settle(step, read_back(self._change, step.item, now[step.item.sim_id], sent[step.number]))

    async def _register(self, step: Step) -> None:
        if not isinstance(self._change, Register):
            raise TypeError(self._change)
        if not self._journal.intend(self._stored.id, step.number, self._change.bic):
            await self._settle_by_reading([step], {step.number: LOST})
            return
        with anyio.CancelScope(shield=True):
            outcome = await register(self._client, self._change)
            self._take_in(None)
            self._settle(step, outcome)

    def _take_in(self, now: Mapping[int, Sim | None] | None) -> None:
        """Let the inventory know what was read back, or that it has to read anew."""
        if self._inventory is None:
            return
        if now is None:
            self._inventory.outdate()
        else:
            self._inventory.correct(now)

    def _settle(self, step: Step, outcome: Outcome) -> None:
        self._journal.settle(self._stored.id, step.number, outcome, step.item.identity)

    async def _tell(self, done: int, more: str = "") -> None:
        total = len(self._stored.plan.items)
        await self._progress(done, total, f"{done} of {total} done{more}")


async def _write(client: EmnifyClient, change: Change, sim_id: int) -> str | None:
    if isinstance(change, SetStatus):
        return await client.update_sim(sim_id, SimChange(status=change.target))
    if isinstance(change, Assign):
        held: dict[Role, Target] = {
            role: CLEAR if organisation is None else organisation.id for role, organisation in change.organisations
        }
        return await client.update_sim(
            sim_id,
            SimChange(
                issuer_org=held.get("issuer"), reseller_org=held.get("reseller"), customer_org=held.get("customer")
            ),
        )
    return await client.delete_sim(sim_id)
