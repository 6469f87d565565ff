"""Carry out what was agreed to: read again, leave what moved, record, write once, read back, record.

Nothing else in the project writes to emnify. A run that ends early, by its time, a cancelled call or a killed
process, is taken up again where the journal says it stood: what is settled is not touched, what was sent without a
recorded outcome is settled by reading, and is never sent again.
"""

import math
from collections.abc import Sequence
from datetime import datetime

import anyio
import anyio.lowlevel

from sim_mcp.changes.backend import Backend
from sim_mcp.changes.outcome import UNCONFIRMED, Answer, Outcome, OutcomeKind, Sent, failed, fatal_reason
from sim_mcp.changes.record.entries import Progress, StoredPlan
from sim_mcp.changes.record.quota import Quota
from sim_mcp.changes.report import ReportProgress
from sim_mcp.changes.settlement import PASSING, Settlement, Step, steps_of, why_paused
from sim_mcp.emnify import EmnifyError, RateLimitedError, for_a_change
from sim_mcp.fleet.lookup.sims_by_id import FEW

CHUNK = 50
"""SIMs read together before and after being written: few calls, and no reading older than the chunk takes."""


class Run:
    """One attempt at carrying out a plan that was agreed to."""

    def __init__(
        self, backend: Backend, stored: StoredPlan, report_progress: ReportProgress, *, quotas: Sequence[Quota]
    ) -> None:
        self._backend = backend
        self._stored = stored
        self._change = stored.plan.change
        self._report_progress = report_progress
        self._quotas = quotas
        self._settlement = Settlement(backend, stored)
        self._done = 0
        self._fatal_reason: str | None = None
        self.paused: str | None = None
        """What made this run stop early, with nothing lost by it."""

    async def until(self, deadline: float) -> bool:
        """Go on until all is settled or a moment of the event loop's clock has come; return whether all is settled.

        Raises:
            JournalError: The journal cannot be written; nothing more was sent.
        """
        with for_a_change():
            return await self._until(deadline)

    async def _until(self, deadline: float) -> bool:
        known = await self._settlement.catch_up()
        self.paused = self._settlement.held_up
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
        """Give up what was never sent, because its approval no longer holds.

        Raises:
            JournalError: The journal cannot be written.
        """
        known = await self._settlement.catch_up()
        note = f"not sent, because {why}; nothing changed"
        dropped = {
            step.number: Outcome("dropped", step.item.before, step.item.before, note) for step in self._untouched(known)
        }
        await self._settlement.settle(dropped)

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
            await self._settlement.settle(outcomes)

    async def _sit_out(self, deadline: float) -> None:
        """Wait for the limits as long as the call may: a caller that is told to wait can only call again at once."""
        wait_s = await self._backend.client.wait_s(self._change.operation)
        if wait_s <= 0:
            return
        known = await self._backend.record(self._backend.journal.progress, self._stored.id)
        await self._report_done(len(known.settled), f", waiting {math.ceil(wait_s)} s for emnify's rate limits")
        await anyio.sleep(max(0.0, min(wait_s, deadline - anyio.current_time())))

    async def _chunk(self, chunk: list[Step], deadline: float) -> list[Step]:
        """Read, write and read back some items; return those there was no time for."""
        try:
            moved = await self._change.find_moved(self._backend.client, [step.item for step in chunk])
        except PASSING as error:
            self.paused = why_paused(self._backend.client, error)
            return chunk
        except EmnifyError as error:
            unread = {step.number: failed(step.item, f"it could not be read again: {error}") for step in chunk}
            await self._settlement.settle(unread)
            return []
        for step, now in zip(chunk, moved, strict=True):
            if now is not None:
                note = "it changed since the plan was shown, so it was left alone; nothing changed here"
                await self._settle(step, Outcome("moved", step.item.before, now, note))
        ready = [step for step, now in zip(chunk, moved, strict=True) if now is None]
        sent: dict[int, Sent] = {}
        try:
            if self._change.together and len(ready) > FEW:
                return await self._write_together(ready, sent)
            return await self._write_one_by_one(ready, sent, deadline)
        finally:
            with anyio.CancelScope(shield=True):
                await self._read_back([step for step in ready if step.number in sent], sent)

    async def _write_one_by_one(self, ready: list[Step], sent: dict[int, Sent], deadline: float) -> list[Step]:
        for place, step in enumerate(ready):
            # Cancellation and the end of the caller's time take effect here, between two SIMs.
            await anyio.lowlevel.checkpoint()
            self.paused = self.paused or await self._held_up(deadline)
            if self.paused is not None or anyio.current_time() >= deadline:
                return ready[place:]
            with anyio.CancelScope(shield=True):
                if not await self._send(step, sent):
                    return ready[place:]
            await self._report_done(step.number + 1)
        return []

    async def _held_up(self, deadline: float) -> str | None:
        """Return why the next write would have to wait beyond the deadline, if it would."""
        wait_s = await self._backend.client.wait_s(self._change.operation)
        if wait_s <= deadline - anyio.current_time():
            return None
        allowed = f"emnify's rate limits allow the next request in {math.ceil(wait_s)} s"
        return why_paused(self._backend.client, RateLimitedError(allowed, retry_after_s=wait_s))

    async def _send(self, step: Step, sent: dict[int, Sent]) -> bool:
        """Record the intent and write; what needs reading back is left in `sent`. Return False if it has to wait."""
        if self._fatal_reason is not None:
            await self._settle(step, failed(step.item, f"not tried, because {self._fatal_reason}"))
            return True
        if not await self._may_send(step, sent):
            return step.number in sent
        try:
            written = await self._change.write(self._backend.client, step.item)
        except EmnifyError as error:
            await self._settle_error(step, error, sent)
            return True
        await self._record_answers([step], written, sent)
        return True

    async def _may_send(self, step: Step, sent: dict[int, Sent]) -> bool:
        """Record the intent; what was sent before is left in `sent`, what exceeds a limit pauses the run."""
        weight = self._change.weigh(step.item)
        intended = await self._backend.record(
            self._backend.journal.intend,
            self._stored.id,
            step.number,
            step.item.identity,
            sims=weight,
            quotas=self._quotas,
        )
        if intended == "before":
            sent[step.number] = UNCONFIRMED
        elif intended == "over the limit":
            used_up = await self._backend.record(self._backend.journal.first_used_up, self._quotas, weight)
            self.paused = _used_up(*used_up) if used_up else "a limit of the operator was used up a moment ago"
        return intended == "now"

    async def _record_answers(self, steps: list[Step], written: Sent, sent: dict[int, Sent]) -> None:
        """Record at once how emnify answered; the effect is read back later."""
        sent.update(dict.fromkeys((step.number for step in steps), written))
        answers = {step.number: Answer(written.request, written.doubt) for step in steps}
        await self._backend.record(self._backend.journal.answered, self._stored.id, answers)

    async def _settle_error(self, step: Step, error: EmnifyError, sent: dict[int, Sent]) -> None:
        if error.changed == "unknown":
            await self._record_answers([step], Sent(str(error), error.request_id), sent)
        elif isinstance(error, self._change.refusals):
            note = f"{error}; nothing changed"
            await self._settle(step, Outcome("refused", step.item.before, step.item.before, note, error.request_id))
        else:
            await self._settle(step, failed(step.item, str(error), error.request_id))
            self._fatal_reason = fatal_reason(error)
            self.paused = why_paused(self._backend.client, error) if isinstance(error, PASSING) else None

    async def _write_together(self, ready: list[Step], sent: dict[int, Sent]) -> list[Step]:
        """Write many items in one request; what became of each is read back."""
        fresh = [step for step in ready if self.paused is None and await self._may_send(step, sent)]
        left = [step for step in ready if step not in fresh and step.number not in sent]
        if not fresh:
            return left
        with anyio.CancelScope(shield=True):
            sent.update(dict.fromkeys((step.number for step in fresh), UNCONFIRMED))
            try:
                written = await self._change.write_together(self._backend.client, [step.item for step in fresh])
            except EmnifyError as error:
                written = Sent(str(error), error.request_id, refused=error.changed == "nothing")
            await self._record_answers(fresh, written, sent)
        return left

    async def _read_back(self, steps: list[Step], sent: dict[int, Sent]) -> None:
        self.paused = await self._settlement.read_back(steps, sent) or self.paused

    async def _settle(self, step: Step, outcome: Outcome) -> None:
        await self._settlement.settle({step.number: outcome})

    async def _report_done(self, done: int, more: str = "") -> None:
        # What is settled last may stand first in the plan.
        self._done = max(self._done, done)
        total = len(self._stored.plan.items)
        await self._report_progress(self._done, total, f"{self._done} of {total} done{more}")


def _used_up(quota: Quota, again: datetime | None) -> str:
    when = f" until {again:%H:%M} UTC" if again else ""
    return f"the {quota.words} are used up{when}"
