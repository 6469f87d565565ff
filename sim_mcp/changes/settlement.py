"""Settle what was sent by reading: at once, after a process died, and again as long as it is in doubt."""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from sim_mcp.changes.backend import Backend
from sim_mcp.changes.item import PlannedItem
from sim_mcp.changes.outcome import Outcome, Sent, sent_before, unread
from sim_mcp.changes.record.entries import Progress, StoredPlan
from sim_mcp.emnify import DeadlineExceededError, EmnifyClient, EmnifyError, RateLimitedError, Sim, for_a_change

PASSING = (RateLimitedError, DeadlineExceededError)
"""Failures that pass by themselves: what is left stays open for the next run instead of being settled as failed."""


class Step(NamedTuple):
    """One item of a plan, by its place in it."""

    number: int
    item: PlannedItem


def why_paused(client: EmnifyClient, error: EmnifyError) -> str:
    """Return why a run waits, as the end of a sentence, and when it goes on, where the limits tell that."""
    if isinstance(error, RateLimitedError) and error.retry_after_s is not None:
        return f"{error}; it can go on at {client.now() + timedelta(seconds=error.retry_after_s):%H:%M:%S} UTC"
    return str(error)


def steps_of(stored: StoredPlan) -> list[Step]:
    """Return the items of a plan with their places in it."""
    return [Step(number, item) for number, item in enumerate(stored.plan.items)]


class Settlement:
    """Settle the items of one plan by reading; nothing here writes to emnify."""

    def __init__(self, backend: Backend, stored: StoredPlan) -> None:
        self._backend = backend
        self._stored = stored
        self._change = stored.plan.change
        self.held_up: str | None = None
        """Why what was sent could not be read now."""

    async def catch_up(self) -> Progress:
        """Read what was sent and is not known to have happened, and record what it reads; send nothing.

        Raises:
            JournalError: The journal cannot be written.
        """
        known = await self._backend.record(self._backend.journal.progress, self._stored.id)
        steps = steps_of(self._stored)
        interrupted = [step for step in steps if step.number in known.sent and step.number not in known.settled]
        before = {step.number: sent_before(known.answers.get(step.number)) for step in interrupted}
        self.held_up = await self.read_back(interrupted, before)
        in_doubt = [step for step in steps if step.number in known.settled]
        in_doubt = [step for step in in_doubt if known.settled[step.number].kind == "unknown"]
        if in_doubt:
            await self._read_again(in_doubt, known)
        return known

    async def settle(self, outcomes: Mapping[int, Outcome]) -> None:
        """Record what became of items, by their place in the plan.

        Raises:
            JournalError: The journal cannot be written.
        """
        if outcomes:
            await self._backend.record(self._backend.journal.settle, self._stored.id, outcomes)
            kinds: Counter[str] = Counter(outcome.kind for outcome in outcomes.values())
            self._backend.observer.settled(self._stored.plan.tool, kinds)

    async def read_back(self, steps: list[Step], sent: Mapping[int, Sent]) -> str | None:
        """Read what was sent and record what it is now; return why it has to wait, if it has to.

        Raises:
            JournalError: The journal cannot be written.
        """
        if not steps:
            return None
        items, answers = [step.item for step in steps], [sent[step.number] for step in steps]
        try:
            with for_a_change():
                outcomes, sims = await self._change.read_back(self._backend.client, items, answers)
        except PASSING as error:
            # Their intents are on record: the next run settles them by reading.
            return why_paused(self._backend.client, error)
        except EmnifyError as error:
            outcomes, sims = [unread(*pair, error) for pair in zip(items, answers, strict=True)], None
        await self._correct_inventory(sims)
        await self.settle({step.number: outcome for step, outcome in zip(steps, outcomes, strict=True)})
        return None

    async def _read_again(self, steps: list[Step], known: Progress) -> None:
        """Read again what was in doubt, and record what is new beside the first outcome."""
        items, first = [step.item for step in steps], [known.settled[step.number] for step in steps]
        try:
            with for_a_change():
                outcomes, sims = await self._change.read_again(self._backend.client, items, first)
        except EmnifyError:
            return  # it stays in doubt, and is read again by whoever looks next.
        await self._correct_inventory(sims)
        fresh = {
            step.number: outcome
            for step, before, outcome in zip(steps, first, outcomes, strict=True)
            if step.number not in known.read_again or outcome.after != before.after
        }
        if fresh:
            await self._backend.record(self._backend.journal.read_again, self._stored.id, fresh)

    async def _correct_inventory(self, sims: Mapping[int, Sim | None] | None) -> None:
        """Take into the inventory what was read back; where that is not known SIM by SIM, have it read anew."""
        inventory = self._backend.inventory
        if inventory is None:
            return
        if sims is None:
            await inventory.outdate()
        elif sims:
            await inventory.correct(sims)
