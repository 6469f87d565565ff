"""Carry out what was agreed: read again, leave what moved, record, write once, read back, record.

Nothing else in the project writes to emnify. A run that ends early, by its time, a cancelled call or a killed
process, is taken up again where the record says it stood: what is settled is not touched, what was sent without a
recorded outcome is settled by reading, and is never sent again.
"""

import math
from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel

from sim_mcp.changes.judging import LOST, Sent, failed, hopeless
from sim_mcp.changes.plan import Assign, Change, Delete, Register, Role, SetStatus, fingerprint, state_of
from sim_mcp.changes.record.entries import Answer, Outcome, OutcomeKind, Progress, StoredPlan
from sim_mcp.changes.record.journal import Journal
from sim_mcp.changes.registration import register
from sim_mcp.changes.settling import LATER, Settling, Step, steps_of
from sim_mcp.emnify import (
    CLEAR,
    ConflictError,
    EmnifyClient,
    EmnifyError,
    ForbiddenError,
    RuleError,
    Sim,
    SimChange,
    Target,
)
from sim_mcp.fleet.inventory.inventory import Inventory
from sim_mcp.fleet.lookup.sims_by_id import FEW, read_sims
from sim_mcp.recorder import Recorder

CHUNK = 50
"""SIMs read together before and after being written: few calls, and no reading older than the chunk takes."""

Tell = Callable[[int, int, str], Awaitable[None]]


_WRITE = "PATCH /api/v1/sim/{id}"


class Run:
    """One attempt at carrying out a plan that was agreed to."""

    def __init__(
        self,
        client: EmnifyClient,
        journal: Journal,
        record: Recorder,
        stored: StoredPlan,
        tell: Tell,
        *,
        hourly: int,
        inventory: Inventory | None = None,
    ) -> None:
        self._client = client
        self._journal = journal
        self._record = record
        self._stored = stored
        self._change = stored.plan.change
        self._tell_person = tell
        self._hourly = hourly
        self._settling = Settling(client, journal, record, stored, inventory)
        self._hopeless: str | None = None
        self.paused: str | None = None
        """What made this run stop early, with nothing lost by it."""

    async def until(self, deadline: float) -> bool:
        """Go on until all is settled or the moment (of the event loop's clock) has come; tell whether all is.

        Raises:
            JournalError: The record cannot be written; nothing more was sent.
        """
        known = await self._settling.look_again()
        self.paused = self._settling.held_up
        steps = self._untouched(known)
        await self._settle_what_needs_no_write([step for step in steps if step.item.verdict != "change"])
        steps = [step for step in steps if step.item.verdict == "change"]
        while steps and self.paused is None and anyio.current_time() < deadline:
            chunk, steps = steps[:CHUNK], steps[CHUNK:]
            left = await self._chunk(chunk, deadline)
            steps = left + steps
        if self.paused is not None:
            await self._sit_out(deadline)
        return not steps

    async def drop(self, why: str) -> None:
        """Give up what was never sent, because its yes no longer holds.

        Raises:
            JournalError: The record cannot be written.
        """
        known = await self._settling.look_again()
        note = f"not sent, because {why}; nothing changed"
        dropped = {
            step.number: Outcome("dropped", step.item.before, step.item.before, note) for step in self._untouched(known)
        }
        await self._settling.settle(dropped)

    def _untouched(self, known: Progress) -> list[Step]:
        begun = known.sent | set(known.settled)
        return [step for step in steps_of(self._stored) if step.number not in begun]

    async def _settle_what_needs_no_write(self, steps: list[Step]) -> None:
        kinds: dict[str, OutcomeKind] = {"already": "already", "refused": "refused"}
        outcomes = {
            step.number: Outcome(kinds[step.item.verdict], step.item.before, step.item.before, step.item.reason)
            for step in steps
        }
        if outcomes:
            await self._settling.settle(outcomes)

    async def _sit_out(self, deadline: float) -> None:
        """Wait for the limits as long as the call may: whoever is told of a wait at once can only ask again at once."""
        wait_s = self._client.pacer.wait_s(_WRITE)
        if wait_s <= 0:
            return
        known = await self._record(self._journal.progress, self._stored.id)
        await self._tell(len(known.settled), f", waiting {math.ceil(wait_s)} s for emnify's rate limits")
        await anyio.sleep(max(0.0, min(wait_s, deadline - anyio.current_time())))

    async def _chunk(self, chunk: list[Step], deadline: float) -> list[Step]:
        """Read, write and read back some items; return those there was no time for."""
        if isinstance(self._change, Register):
            return await self._register(self._change, chunk[0])
        try:
            now = await read_sims(self._client, [step.item.sim_id for step in chunk])
        except LATER as later:
            self.paused = str(later)
            return chunk
        except EmnifyError as error:
            unread = {step.number: failed(step.item, f"it could not be read again: {error}") for step in chunk}
            await self._settling.settle(unread)
            return []
        ready = [step for step in chunk if not await self._moved(step, now[step.item.sim_id])]
        sent: dict[int, Sent] = {}
        try:
            if isinstance(self._change, Delete) and len(ready) > FEW:
                return await self._delete_together(ready, sent)
            return await self._write_one_by_one(ready, sent, deadline)
        finally:
            with anyio.CancelScope(shield=True):
                await self._read_back([step for step in ready if step.number in sent], sent)

    async def _write_one_by_one(self, ready: list[Step], sent: dict[int, Sent], deadline: float) -> list[Step]:
        for place, step in enumerate(ready):
            # Cancellation and the end of the caller's time take effect here, between two SIMs.
            await anyio.lowlevel.checkpoint()
            self.paused = self.paused or self._held_up(deadline)
            if self.paused is not None or anyio.current_time() >= deadline:
                return ready[place:]
            with anyio.CancelScope(shield=True):
                if not await self._send(step, sent):
                    return ready[place:]
            await self._tell(step.number + 1)
        return []

    def _held_up(self, deadline: float) -> str | None:
        """Say what keeps the next write waiting beyond the deadline: what is known now need not be found out by it."""
        wait_s = self._client.pacer.wait_s(_WRITE)
        if wait_s <= deadline - anyio.current_time():
            return None
        return f"emnify's rate limits allow the next request in {math.ceil(wait_s)} s"

    async def _moved(self, step: Step, now: Sim | None) -> bool:
        """Settle an item that is no longer as it was shown; tell whether it is so."""
        if now is not None and fingerprint(now) == step.item.fingerprint:
            return False
        after = "Deleted" if now is None else state_of(self._change, now)
        note = "it changed since the plan was shown, so it was left alone; nothing changed here"
        await self._settle(step, Outcome("moved", step.item.before, after, note))
        return True

    async def _send(self, step: Step, sent: dict[int, Sent]) -> bool:
        """Record the intent and write; what needs reading back is left in `sent`. Return False if it has to wait."""
        if self._hopeless is not None:
            await self._settle(step, failed(step.item, f"not tried, because {self._hopeless}"))
            return True
        if not await self._may_send(step, sent):
            return step.number in sent
        try:
            request = await _write(self._client, self._change, step.item.sim_id)
        except EmnifyError as error:
            await self._judge(step, error, sent)
            return True
        await self._answered([step], Sent(request=request), sent)
        return True

    async def _may_send(self, step: Step, sent: dict[int, Sent], sims: int = 1) -> bool:
        """Record the intent; what was sent before is left in `sent`, what is over the hour's limit pauses the run."""
        intended = await self._record(
            self._journal.intend, self._stored.id, step.number, step.item.identity, sims=sims, hourly=self._hourly
        )
        if intended == "before":
            sent[step.number] = LOST
        elif intended == "over the limit":
            again = await self._record(self._journal.hour_frees_up_at)
            when = f" until {again:%H:%M} UTC" if again else ""
            self.paused = f"the {self._hourly:,} SIMs an hour (SIM_MCP_MAX_SIMS_PER_HOUR) are used up{when}"
        return intended == "now"

    async def _answered(self, steps: list[Step], answered: Sent, sent: dict[int, Sent]) -> None:
        """Record at once what emnify said; what then is so is read back."""
        sent.update(dict.fromkeys((step.number for step in steps), answered))
        answers = {step.number: Answer(answered.request, answered.doubt) for step in steps}
        await self._record(self._journal.answered, self._stored.id, answers)

    async def _judge(self, step: Step, error: EmnifyError, sent: dict[int, Sent]) -> None:
        if error.changed == "unknown":
            await self._answered([step], Sent(str(error), error.request_id), sent)
        elif isinstance(error, RuleError | ConflictError | ForbiddenError):
            note = f"{error}; nothing changed"
            await self._settle(step, Outcome("refused", step.item.before, step.item.before, note, error.request_id))
        else:
            await self._settle(step, failed(step.item, str(error), error.request_id))
            self._hopeless = hopeless(error)
            self.paused = str(error) if isinstance(error, LATER) else None

    async def _delete_together(self, ready: list[Step], sent: dict[int, Sent]) -> list[Step]:
        """Delete in one request (DELETE /api/v1/sim/multi); what became of each is read back."""
        fresh = [step for step in ready if self.paused is None and await self._may_send(step, sent)]
        left = [step for step in ready if step not in fresh and step.number not in sent]
        if not fresh:
            return left
        with anyio.CancelScope(shield=True):
            sent.update(dict.fromkeys((step.number for step in fresh), LOST))
            try:
                answered = Sent(request=await self._client.delete_sims([step.item.sim_id for step in fresh]))
            except EmnifyError as error:
                answered = Sent(str(error), error.request_id, refused=error.changed == "nothing")
            await self._answered(fresh, answered, sent)
        return left

    async def _register(self, change: Register, step: Step) -> list[Step]:
        sent: dict[int, Sent] = {}
        if not await self._may_send(step, sent, sims=change.quantity or 1):
            await self._read_back([step] if sent else [], sent)
            return [] if sent else [step]
        with anyio.CancelScope(shield=True):
            outcome = await register(self._client, change)
            await self._settling.take_in(None)
            await self._settle(step, outcome)
        return []

    async def _read_back(self, steps: list[Step], sent: dict[int, Sent]) -> None:
        self.paused = await self._settling.by_reading(steps, sent) or self.paused

    async def _settle(self, step: Step, outcome: Outcome) -> None:
        await self._settling.settle({step.number: outcome})

    async def _tell(self, done: int, more: str = "") -> None:
        total = len(self._stored.plan.items)
        await self._tell_person(done, total, f"{done} of {total} done{more}")


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
