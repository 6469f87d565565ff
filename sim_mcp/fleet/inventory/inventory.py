"""The whole fleet, read once and kept: shared by all who ask, used again while fresh, corrected by our own writes."""

import logging
import math
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import anyio
from anyio.abc import TaskGroup
from filelock import Timeout

from sim_mcp.emnify import AuthenticationError, EmnifyClient, EmnifyError, ForbiddenError, Sim
from sim_mcp.fleet.inventory.cache import CLOCKS_DIFFER_S, OwnWrites
from sim_mcp.fleet.inventory.crawler import Fetch
from sim_mcp.fleet.inventory.database import SnapshotDatabase, StoreError
from sim_mcp.fleet.inventory.holding import Held, Holding
from sim_mcp.fleet.inventory.rows import Names, row_of_sim
from sim_mcp.fleet.inventory.snapshot import Snapshot
from sim_mcp.recorder import Recorder

log = logging.getLogger(__name__)

FRESH_S = 300.0
"""How long a snapshot is used again without asking emnify."""

WAIT_S = 44.0
"""How long one call waits for a fetch; hosts give up on a call after 60 s, and the next call picks it up."""

_TELL_EVERY_S = 1.0
_LOCK_RETRY_S = 0.2

Progress = Callable[[int, int, str], Awaitable[None]]


class StillReadingError(Exception):
    """The fleet is still being read, in the background; the message says how far it is and when to call again."""


class InventoryError(Exception):
    """The fleet was read and cannot be held; the message says why."""


class _Job:
    """One fetch under way, for all who wait for it."""

    def __init__(self) -> None:
        self.asked = time.time()
        self.done = anyio.Event()
        self.fetch: Fetch | None = None
        self.found: SnapshotDatabase | None = None
        self.elsewhere = False
        """Whether another process reads, and this one waits for what it finds."""
        self.error: Exception | None = None

    @property
    def told(self) -> str:
        """Say how far it is."""
        fetch = self.fetch
        if self.elsewhere:
            return "another server on this machine is reading it"
        if fetch is None or fetch.total is None or fetch.left_s is None:
            return "emnify has not answered yet"
        return f"{fetch.read:,} of {fetch.total:,} SIMs read, about {fetch.left_s:.0f} s left"


class Inventory:
    """Keep a snapshot of every SIM of the workspace. An async context: fetches live no longer than it does."""

    def __init__(
        self,
        client: EmnifyClient,
        directory: Path | None,
        *,
        now: Callable[[], float] = time.time,
        wait_s: float = WAIT_S,
    ) -> None:
        self._client = client
        self._wait_s = wait_s
        self._now = now
        self._holding = Holding(directory, client.identity)
        self._record = Recorder()
        self._partial: Fetch | None = None
        self._job: _Job | None = None
        self._owed_since: float | None = None
        self._outdated_at = 0.0
        self._background: TaskGroup | None = None

    async def __aenter__(self) -> Self:
        self._background = await anyio.create_task_group().__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._background is not None:
            self._background.cancel_scope.cancel()
            # Without the error: a task group would wrap it.
            await self._background.__aexit__(None, None, None)
        with anyio.CancelScope(shield=True):
            await self._drop_partial()
            await self._record(self._holding.close)

    async def snapshot(
        self, *, fresh: bool = False, progress: Progress | None = None, wait_s: float | None = None
    ) -> Snapshot:
        """Return the fleet as it is, or was within the last five minutes; `fresh` insists on reading it now.

        Where there is not time enough, or emnify cannot be asked, the answer is an older snapshot that says so.

        Raises:
            StillReadingError: There was not time enough and no older one to answer from; the fetch goes on.
            InventoryError: What was read cannot be held.
            EmnifyError: emnify could not be asked, and there is no older one, or the token is not accepted.
        """
        held = await self._record(self._holding.look)
        known = held.store
        if known is not None and (self._was_owed(held) if fresh else self._is_fresh(held)):
            return Snapshot(known, self._note(known))
        job = self._job or self._start()
        finished = await self._wait(job, progress, self._wait_s if wait_s is None else wait_s)
        if finished and job.error is None and job.found is not None:
            return Snapshot(job.found, self._note(job.found))
        if finished and isinstance(job.error, AuthenticationError | ForbiddenError | InventoryError):
            raise job.error
        if known is None or fresh:
            if job.error is not None:
                raise job.error
            self._owed_since = self._now()
            raise StillReadingError(
                f"The fleet is being read: {job.told}. It goes on in the background; the same call again picks it up."
            )
        why = f"it is being read anew: {job.told}" if job.error is None else f"reading it anew failed: {job.error}"
        return Snapshot(known, " ".join(filter(None, [f"An older snapshot, for {why}.", self._note(known)])))

    async def correct(self, sims: Mapping[int, Sim | None]) -> None:
        """Take in SIMs as read back after a write of our own; None is one that is gone."""
        names: Names = {}
        rows = [row for sim in sims.values() if sim is not None and (row := row_of_sim(sim, names)) is not None]
        written = OwnWrites(rows, names, [sim_id for sim_id, sim in sims.items() if sim is None])
        try:
            # What was written is so, whether or not the caller still waits.
            with anyio.CancelScope(shield=True):
                await self._record(self._holding.correct, written)
        except (sqlite3.Error, StoreError) as error:
            log.warning("The inventory could not be corrected and will be read anew: %s", error)
            await self.outdate()

    async def outdate(self) -> None:
        """Have the next call read anew, after a write whose effect is not known SIM by SIM."""
        self._outdated_at = time.time()
        try:
            with anyio.CancelScope(shield=True):
                await self._record(self._holding.outdate, self._outdated_at)
        except sqlite3.Error as error:
            log.warning("The inventory could not be outdated: %s", error)

    def _is_fresh(self, held: Held) -> bool:
        if held.store is None:
            return False
        now, facts = self._now(), held.store.facts
        # A moment to come is one before this machine's clock was put back; the fleet of then is as old.
        own = self._outdated_at if self._outdated_at <= now + CLOCKS_DIFFER_S else 0.0
        outdated_at = max(own, held.outdated_at)
        return -CLOCKS_DIFFER_S <= now - facts.ended < FRESH_S and outdated_at < facts.began

    def _was_owed(self, held: Held) -> bool:
        """Tell whether this is what a call that insisted was told to come back for."""
        ended = held.store.facts.ended if held.store is not None else -math.inf
        owed = self._owed_since is not None and self._job is None and ended >= self._owed_since
        if owed:
            self._owed_since = None
        return owed and self._is_fresh(held)

    def _note(self, store: SnapshotDatabase) -> str | None:
        notes = []
        if not store.facts.settled:
            notes.append("SIMs came and went while they were read: a few may be missing or gone.")
        if store.facts.unreadable:
            notes.append(f"{store.facts.unreadable:,} records could not be read and are not counted.")
        if store.path is None:
            problem = self._holding.problem or "the disk is full or failed"
            notes.append(f"It is kept in memory only: {problem}.")
        return " ".join(notes) or None

    def _start(self) -> _Job:
        if self._background is None:
            raise RuntimeError("the inventory is not open")
        self._job = _Job()
        self._background.start_soon(self._run, self._job)
        return self._job

    async def _wait(self, job: _Job, progress: Progress | None, wait_s: float) -> bool:
        """Wait for a job, telling how far it is; return whether it is done."""
        deadline = anyio.current_time() + wait_s
        while not job.done.is_set() and (left := deadline - anyio.current_time()) > 0:
            with anyio.move_on_after(min(left, _TELL_EVERY_S)):
                await job.done.wait()
            if progress is not None and job.fetch is not None and job.fetch.total is not None:
                # What is read again is not more than there is.
                await progress(min(job.fetch.read, job.fetch.total), job.fetch.total, job.told)
        return job.done.is_set()

    async def _run(self, job: _Job) -> None:
        try:
            async with self._alone(job):
                held = await self._record(self._holding.look)
                # Whoever else was reading may have finished meanwhile.
                if held.store is not None and held.store.facts.ended >= job.asked and self._is_fresh(held):
                    job.found = held.store
                else:
                    job.found = await self._fetch(job)
        except (EmnifyError, InventoryError) as error:
            job.error = error
        except (sqlite3.Error, OSError, StoreError) as error:
            log.warning("The inventory cannot be held: %s", error)
            await self._drop_partial()
            job.error = InventoryError(f"The fleet was read but cannot be held: {error}. Nothing changed.")
        except Exception as error:
            # It must not end the server; whoever waits is told as of any crash.
            log.exception("Reading the fleet crashed")
            job.error = error
        finally:
            self._job = None
            job.done.set()

    async def _fetch(self, job: _Job) -> SnapshotDatabase:
        fetch = self._partial
        if fetch is None or self._now() - fetch.began > FRESH_S:
            await self._drop_partial()
            fetch = Fetch(self._client, await self._record(self._holding.begin), self._record)
        self._partial = job.fetch = fetch
        facts = await fetch.run()
        found = await self._record(self._holding.show, fetch.store, facts)
        self._partial = None
        return found

    async def _drop_partial(self) -> None:
        partial, self._partial = self._partial, None
        if partial is not None:
            await self._record(partial.store.discard)

    @asynccontextmanager
    async def _alone(self, job: _Job) -> AsyncIterator[None]:
        """Wait until no other process reads this fleet."""
        lock = await self._record(self._holding.lock)
        if lock is None:
            yield
            return
        while True:
            try:
                lock.acquire(timeout=0)
                break
            except Timeout:
                job.elsewhere = True
                await anyio.sleep(_LOCK_RETRY_S)
            except OSError as error:
                log.warning("Whether another process reads the fleet cannot be told: %s", error)
                break
        job.elsewhere = False
        try:
            yield
        finally:
            lock.release()
