"""Changes that were begun before: find them again, and read again what is in doubt about them."""

import logging
from datetime import UTC, datetime

import anyio
import anyio.to_thread

from sim_mcp.changes.backend import Backend
from sim_mcp.changes.item import PlannedItem
from sim_mcp.changes.record.entries import Caller, StoredPlan
from sim_mcp.changes.record.history import OPEN_FOR, Change, changes
from sim_mcp.changes.record.last_change import LastChange, last_change
from sim_mcp.changes.record.storage import JournalError, UnreadablePlanError
from sim_mcp.changes.refusals import NotConfirmedError, which_one
from sim_mcp.changes.report import Report
from sim_mcp.changes.settlement import Settlement
from sim_mcp.emnify import EmnifyError, Sim

log = logging.getLogger(__name__)

_WAITS_S = 2.0
"""How long reading doubts again waits for a run that is under way: that settles them by itself."""


class Recovery:
    """Look at what is on record; it reads from emnify and writes nothing to it."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def recent(self) -> list[Change]:
        """Return the changes that may still be open, newest first.

        Raises:
            JournalError: The record cannot be read.
        """
        return await self._backend.record(changes, self._backend.journal, start=datetime.now(UTC) - OPEN_FOR)

    async def unfinished(self, caller: Caller) -> list[Change]:
        """Return the waiting and open changes of one caller, newest first.

        Raises:
            JournalError: The record cannot be read.
        """
        return [
            change
            for change in await self.recent()
            if change.caller.owner == caller.owner and change.standing in ("waiting", "open")
        ]

    async def plan_of(self, plan_id: str, caller: Caller) -> StoredPlan:
        """Return a plan of a caller.

        Raises:
            NotConfirmedError: That caller has no such plan.
            JournalError: The record cannot be read.
        """
        stored = await self._plan(plan_id) if self._backend.journal.record.exists else None
        if stored is None or stored.caller.owner != caller.owner:
            raise NotConfirmedError(f"There is no plan {plan_id[:20]!r} of this client. Nothing changed.")
        return stored

    async def only_open_one(self, caller: Caller) -> str:
        """Return the id of the only change of a caller that waits or is open.

        Raises:
            NotConfirmedError: There is none, or several are.
            JournalError: The record cannot be read.
        """
        mine = await self.unfinished(caller)
        if len(mine) != 1:
            raise NotConfirmedError(which_one(mine))
        return mine[0].plan

    async def report(self, plan_id: str, *, link: str | None = None, paused: str | None = None) -> Report:
        """Return how a plan stands.

        Raises:
            NotConfirmedError: There is no such plan.
            JournalError: The record cannot be read.
        """
        stored = await self._plan(plan_id)
        if stored is None:
            raise NotConfirmedError(f"There is no plan {plan_id}. Nothing changed.")
        known = await self._backend.record(self._backend.journal.progress, plan_id)
        outcomes = tuple((item, known.settled[n]) for n, item in enumerate(stored.plan.items) if n in known.settled)
        others = [change for change in await self.unfinished(stored.caller) if change.plan != plan_id]
        return Report(stored, outcomes, link=link, paused=paused, besides=len(others))

    async def last_change(self, sim: Sim) -> LastChange | None:
        """Return the last change that was sent for a SIM.

        Raises:
            JournalError: The record cannot be read.
        """
        # Not in turn with what writes, which may wait for another process.
        return await anyio.to_thread.run_sync(last_change, self._backend.journal, sim.id, sim.iccid)

    async def never_sent(self, stored: StoredPlan) -> list[PlannedItem]:
        """Return the items that were agreed to and never sent.

        Raises:
            JournalError: The record cannot be read.
        """
        known = await self._backend.record(self._backend.journal.progress, stored.id)
        begun = known.sent | set(known.settled)
        return [
            item for number, item in enumerate(stored.plan.items) if number not in begun and item.verdict == "change"
        ]

    async def reread_doubts(self) -> list[Change]:
        """Read again what was sent and is not known to have happened; return the changes that are open.

        Raises:
            JournalError: The record cannot be read or written.
        """
        found = [
            change
            for change in await self.recent()
            if change.standing == "open" and self._backend.may_ask_for(change.caller)
        ]
        if not any(change.in_doubt for change in found):
            return found
        until = anyio.current_time() + _WAITS_S
        for change in found:
            if change.in_doubt:
                await self._reread(change.plan, until)
        return found

    async def at_start(self) -> None:
        """Log which changes are not finished, after reading again what was left in doubt."""
        try:
            for change in await self.reread_doubts():
                log.warning(
                    "Change %s is not finished: %d SIMs to go, %d in doubt. list_changes and sim-mcp audit tell more.",
                    change.plan,
                    change.left,
                    change.in_doubt,
                )
        except (JournalError, EmnifyError) as error:
            log.warning("What was changed before cannot be looked into now: %s", error)

    async def _reread(self, plan_id: str, until: float) -> None:
        # A run that is at it now would be taken for one that died.
        async with self._backend.turn(plan_id, until, only_looks=True) as backend:
            try:
                stored = await self._plan(plan_id) if backend is not None else None
            except UnreadablePlanError as error:
                log.warning("%s", error)
                return
            if backend is not None and stored is not None:
                await Settlement(backend, stored).catch_up()

    async def _plan(self, plan_id: str) -> StoredPlan | None:
        return await self._backend.record(self._backend.journal.plan, plan_id)
