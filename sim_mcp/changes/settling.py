"""What was sent is settled by reading: at once, after a process died, and again as long as it is in doubt."""

from collections.abc import Mapping
from typing import NamedTuple

from sim_mcp.changes.judging import Sent, read_back, read_later, sent_before
from sim_mcp.changes.plan import Planned, Register
from sim_mcp.changes.record.entries import Outcome, Progress, StoredPlan
from sim_mcp.changes.record.journal import Journal
from sim_mcp.changes.registration import settle_registration
from sim_mcp.emnify import DeadlineExceededError, EmnifyClient, EmnifyError, RateLimitedError, Sim
from sim_mcp.fleet.inventory.inventory import Inventory
from sim_mcp.fleet.lookup.sims_by_id import read_sims
from sim_mcp.recorder import Recorder

LATER = (RateLimitedError, DeadlineExceededError)
"""Failures that pass by themselves: what is left stays open for the next run instead of being settled as failed."""


class Step(NamedTuple):
    """One item of a plan, by its place in it."""

    number: int
    item: Planned


def steps_of(stored: StoredPlan) -> list[Step]:
    """Return the items of a plan with their places in it."""
    return [Step(number, item) for number, item in enumerate(stored.plan.items)]


class Settling:
    """Settle the items of one plan by reading; nothing here writes to emnify."""

    def __init__(
        self,
        client: EmnifyClient,
        journal: Journal,
        record: Recorder,
        stored: StoredPlan,
        inventory: Inventory | None = None,
    ) -> None:
        self._client = client
        self._journal = journal
        self._record = record
        self._stored = stored
        self._change = stored.plan.change
        self._inventory = inventory
        self.held_up: str | None = None
        """Why what was sent could not be read now."""

    async def look_again(self) -> Progress:
        """Read what was sent and is not known to have happened, and record what it reads; send nothing.

        Raises:
            JournalError: The record cannot be written.
        """
        known = await self._record(self._journal.progress, self._stored.id)
        steps = steps_of(self._stored)
        interrupted = [step for step in steps if step.number in known.sent and step.number not in known.settled]
        before = {step.number: sent_before(known.answers.get(step.number)) for step in interrupted}
        self.held_up = await self.by_reading(interrupted, before)
        in_doubt = [step for step in steps if step.number in known.settled]
        in_doubt = [step for step in in_doubt if known.settled[step.number].kind == "unknown"]
        if in_doubt:
            await self._read_later(in_doubt, known)
        return known

    async def settle(self, outcomes: Mapping[int, Outcome]) -> None:
        """Record what became of items, by their place in the plan.

        Raises:
            JournalError: The record cannot be written.
        """
        if outcomes:
            await self._record(self._journal.settle, self._stored.id, outcomes)

    async def by_reading(self, steps: list[Step], sent: Mapping[int, Sent]) -> str | None:
        """Read back and record what is so now; return why it has to wait, if it has to.

        Raises:
            JournalError: The record cannot be written.
        """
        if not steps:
            return None
        if isinstance(self._change, Register):
            await self.take_in(None)
            for step in steps:
                doubt = sent[step.number].doubt
                await self.settle({step.number: await settle_registration(self._client, self._change, doubt)})
            return None
        try:
            now = await read_sims(self._client, [step.item.sim_id for step in steps])
        except LATER as later:
            # Their intents are on record: the next run settles them by reading.
            return str(later)
        except EmnifyError as error:
            await self.take_in(None)
            outcomes = {step.number: _unread(step.item, sent[step.number], error) for step in steps}
        else:
            await self.take_in(now)
            outcomes = {
                step.number: read_back(self._change, step.item, now[step.item.sim_id], sent[step.number])
                for step in steps
            }
        await self.settle(outcomes)
        return None

    async def take_in(self, now: Mapping[int, Sim | None] | None) -> None:
        """Let the inventory know what was read back, or that it has to read anew."""
        if self._inventory is None:
            return
        if now is None:
            await self._inventory.outdate()
        else:
            await self._inventory.correct(now)

    async def _read_later(self, steps: list[Step], known: Progress) -> None:
        """Read again what was in doubt, and record what is new beside the first word."""
        try:
            if isinstance(self._change, Register):
                read = {step.number: await settle_registration(self._client, self._change, None) for step in steps}
            else:
                now = await read_sims(self._client, [step.item.sim_id for step in steps])
                await self.take_in(now)
                read = {
                    step.number: read_later(self._change, step.item, now[step.item.sim_id], known.settled[step.number])
                    for step in steps
                }
        except EmnifyError:
            return  # it stays in doubt, and is read again by whoever looks next.
        fresh = {
            number: outcome
            for number, outcome in read.items()
            if number not in known.read_again or outcome.after != known.settled[number].after
        }
        if fresh:
            await self._record(self._journal.read_again, self._stored.id, fresh)


def _unread(item: Planned, sent: Sent, error: EmnifyError) -> Outcome:
    known = sent.doubt or "emnify accepted it"
    note = f"{known}, but reading back failed ({error}); it is read again by whoever looks next"
    return Outcome("unknown", item.before, "unknown", note, sent.request)
