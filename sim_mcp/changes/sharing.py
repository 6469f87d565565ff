"""What servers that share a record do for each other: tell plans, decisions and writes, go on with what one left.

Once for all workspaces of a server: one connection listens, and one look finds what was left.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Protocol

import anyio

from sim_mcp.changes.bell import Bell
from sim_mcp.changes.record.entries import Caller
from sim_mcp.changes.record.history import OPEN_FOR, changes
from sim_mcp.changes.record.journal import Journal
from sim_mcp.changes.record.storage import JournalError, Record, SharedRecord
from sim_mcp.emnify import EmnifyError
from sim_mcp.logs import logging_with
from sim_mcp.recorder import Recorder

log = logging.getLogger(__name__)

_LOOKS_EVERY_S = 2.0
_NEWEST = "SELECT max(n) FROM entries WHERE kind IN ('planned', 'decided')"


TakeUp = Callable[[str, Caller, str | None], Awaitable[None]]
"""Has a workspace, by the operator's name of it, take up what is left of somebody's changes: all, or one plan."""


class Worker(Protocol):
    """What carries out the changes of one workspace, or of somebody in it."""

    def look_again(self, plan_id: str) -> None:
        """Have whoever waits for a plan look whether it was decided."""

    def forget(self, sim_id: int | None) -> None:
        """Have a SIM read anew, which somebody else wrote to; without one, all."""


class Sharing:
    """Work with the other servers that share a record, and with the other processes of this machine."""

    def __init__(
        self,
        record: Record,
        workers: Iterable[Worker],
        bell: Bell,
        take_up: TakeUp,
        *,
        looks_first: bool,
    ) -> None:
        """Share what the workers do, who may come and go; one that `looks_first` looks for changes to be finished."""
        self._record = record
        self._journal = Journal(record, workspace=None)
        self._recorder = Recorder()
        self._workers = workers
        self._bell = bell
        self._take_up = take_up
        self._looks_first = looks_first
        self._under_way: set[str] = set()

    async def run(self) -> None:
        """Hear of plans and decisions made elsewhere, and go on with what was left, until cancelled."""
        if self._looks_first:
            await self._wake_those_with_work()
        async with anyio.create_task_group() as group:
            if not isinstance(self._record, SharedRecord):
                await self._watch()
                return
            group.start_soon(self._hear, self._record)
            while True:
                try:
                    left = await self._recorder(self._record.abandoned)
                except JournalError as error:
                    log.info("What other servers left cannot be looked for now: %s", error)
                    left = []
                for plan_id in left:
                    if plan_id not in self._under_way:
                        self._under_way.add(plan_id)
                        group.start_soon(self._go_on, plan_id)
                await anyio.sleep(_LOOKS_EVERY_S)

    async def _hear(self, record: SharedRecord) -> None:
        async with aclosing(record.news()) as news:
            async for told in news:
                for worker in list(self._workers):
                    if told.what == "decided":
                        worker.look_again(told.of)
                    elif told.what == "written":
                        worker.forget(int(told.of) if told.of else None)
                if told.what != "written":
                    self._bell.ring()

    async def _go_on(self, plan_id: str) -> None:
        try:
            stored = await self._recorder(self._journal.plan, plan_id)
            if stored is not None:
                name = stored.plan.workspace_name
                with logging_with({"workspace": name} if name else {}):
                    await self._take_up(name, stored.caller, plan_id)
        except (JournalError, EmnifyError) as error:
            log.info("What other servers left cannot be gone on with now: %s", error)
        finally:
            self._under_way.discard(plan_id)

    async def _watch(self) -> None:
        """Ring for what other processes write into the file, as long as somebody listens."""
        before: int | None = None
        while True:
            await self._bell.wanted()
            try:
                newest = await self._recorder(self._newest)
            except JournalError:  # who shows what waits is told by what they read.
                newest = None
            if newest != before:
                self._bell.ring()
            before = newest
            await anyio.sleep(_LOOKS_EVERY_S)

    def _newest(self) -> int | None:
        if not self._record.exists:
            return None
        with self._record.reading() as db:
            (newest,) = db.execute(_NEWEST).fetchone()
            return newest if isinstance(newest, int) else None

    async def _wake_those_with_work(self) -> None:
        """Start the workspaces that have a change which is not finished."""
        try:
            found = await self._recorder(changes, self._journal, start=datetime.now(UTC) - OPEN_FOR)
        except JournalError as error:
            log.warning("Which changes are not finished cannot be told now: %s", error)
            return
        left = {(each.workspace, each.caller.owner): each.caller for each in found if each.standing == "open"}
        for (name, _), caller in left.items():
            await self._take_up(name, caller, None)
