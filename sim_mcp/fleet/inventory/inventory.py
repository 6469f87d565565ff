"""The whole fleet, read once and kept: shared by all callers, reused while fresh, corrected by our own writes."""

import logging
import math
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import anyio
from anyio.abc import TaskGroup

from sim_mcp.emnify import (
    AuthenticationError,
    EmnifyClient,
    EmnifyError,
    ForbiddenError,
    Sim,
    answers_from_what_is_known,
    in_background,
)
from sim_mcp.emnify.limits.rate_limit import SPENT_FROM_S
from sim_mcp.fleet.inventory.cache import CLOCKS_DIFFER_S
from sim_mcp.fleet.inventory.crawler import Crawler
from sim_mcp.fleet.inventory.database import SnapshotDatabase, SnapshotFileError
from sim_mcp.fleet.inventory.rows import Names, row_of_sim
from sim_mcp.fleet.inventory.shared_store import SharedSnapshotStore
from sim_mcp.fleet.inventory.sharing import OwnWrites, SharedFleet, TurnOverError
from sim_mcp.fleet.inventory.snapshot import Snapshot
from sim_mcp.fleet.inventory.store import Newest, SnapshotStore
from sim_mcp.recorder import Recorder

log = logging.getLogger(__name__)

FRESH_S = 300.0
"""How long a snapshot is reused without asking emnify."""

WAIT_S = 44.0
"""How long one call waits for the fleet; hosts give up on a call after 60 s, and the next call picks it up."""

LIST = "GET /api/v1/sim"
_REPORT_EVERY_S = 1.0
_LOOKS_AGAIN_IN_S = 0.2

Progress = Callable[[int, int, str], Awaitable[None]]


class StillReadingError(Exception):
    """The fleet is still being read, in the background; the message says how far it is and to call again."""


class InventoryError(Exception):
    """The fleet was read and cannot be kept; the message says why."""


class _Job:
    """One reading of the fleet under way, for all who wait for it."""

    def __init__(self) -> None:
        self.ends_after = -math.inf
        """When reading has to end to be fresh enough for all who wait for it (Unix time)."""
        self.done = anyio.Event()
        self.crawler: Crawler | None = None
        self.database: SnapshotDatabase | None = None
        self.other_reader: str | None = None
        """Who is reading the fleet, if this process waits for another."""
        self.error: Exception | None = None

    @property
    def progress(self) -> str:
        """Return how far it is, for a sentence."""
        crawler = self.crawler
        if self.other_reader is not None:
            return f"{self.other_reader} is reading it"
        if crawler is None or crawler.total is None or crawler.left_s is None:
            return "emnify has not answered yet"
        return f"{crawler.sims_read:,} of {crawler.total:,} SIMs read, about {crawler.left_s:.0f} s left"


class Inventory:
    """Keep a snapshot of every SIM of the workspace. An async context manager: its end ends what is being read."""

    def __init__(
        self,
        client: EmnifyClient,
        directory: Path | None,
        *,
        shared: SharedFleet | None = None,
        now: Callable[[], float] = time.time,
        wait_s: float = WAIT_S,
    ) -> None:
        self._client = client
        self._wait_s = wait_s
        self._now = now
        self._is_shared = shared is not None
        self._in_thread = Recorder()
        self._store = (
            SnapshotStore(directory, client.identity, self._in_thread)
            if shared is None
            else SharedSnapshotStore(directory, client.identity, self._in_thread, shared)
        )
        self._partial: Crawler | None = None
        self._job: _Job | None = None
        self._promised_since: float | None = None
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
            await self._store.close()

    async def snapshot(
        self, *, fresh: bool = False, progress: Progress | None = None, wait_s: float | None = None
    ) -> Snapshot:
        """Return the fleet as of now or the last five minutes; with `fresh`, as of now.

        Where there is not enough time, or emnify cannot be asked, this is an older snapshot whose note says so.

        Raises:
            StillReadingError: There was not enough time and no older snapshot; reading goes on in the background.
            InventoryError: What was read cannot be kept.
            EmnifyError: emnify could not be asked, and there is no older one, or the token is not accepted.
        """
        newest = await self._store.newest()
        known = newest.database
        if known is not None and (self._was_promised(newest) if fresh else self._is_fresh(newest)):
            return Snapshot(known, self._note(known))
        if known is not None and not fresh and (spent_s := await self._spent_s()) > SPENT_FROM_S:
            self._job_for(ends_after=-math.inf)
            answers_from_what_is_known(known.info.taken_at, self._client.now() + timedelta(seconds=spent_s))
            return Snapshot(known, self._note(known))
        job = self._job_for(ends_after=self._now() if fresh else -math.inf)
        finished = await self._wait(job, progress, self._wait_s if wait_s is None else wait_s)
        if finished and job.error is None and job.database is not None:
            return Snapshot(job.database, self._note(job.database))
        if finished and isinstance(job.error, AuthenticationError | ForbiddenError | InventoryError):
            raise job.error
        known = known or (await self._store.newest()).database
        if known is None or fresh:
            if job.error is not None:
                raise job.error
            self._promised_since = self._now()
            raise StillReadingError(
                f"The fleet is being read: {job.progress}. It goes on in the background; the same call again picks it "
                "up."
            )
        why = f"it is being read anew: {job.progress}" if job.error is None else f"reading it anew failed: {job.error}"
        return Snapshot(known, " ".join(filter(None, [f"An older snapshot, for {why}.", self._note(known)])))

    async def held(self) -> Snapshot | None:
        """Return the newest snapshot there is, however old, without asking emnify; None where there is none."""
        known = (await self._store.newest(fresh_s=FRESH_S)).database
        return None if known is None else Snapshot(known, self._note(known))

    async def correct(self, sims: Mapping[int, Sim | None]) -> None:
        """Correct SIMs, as read back after a write of our own; None is one that is gone."""
        names: Names = {}
        rows = [row for sim in sims.values() if sim is not None and (row := row_of_sim(sim, names)) is not None]
        writes = OwnWrites(rows, names, [sim_id for sim_id, sim in sims.items() if sim is None])
        try:
            # The write has happened, whether or not the caller still waits.
            with anyio.CancelScope(shield=True):
                await self._store.correct(writes)
        except (sqlite3.Error, SnapshotFileError) as error:
            log.warning("The inventory could not be corrected and will be read again: %s", error)
            await self.outdate()

    async def outdate(self) -> None:
        """Have the next call read the fleet again, after a write whose effect is not known SIM by SIM."""
        self._outdated_at = time.time()
        try:
            with anyio.CancelScope(shield=True):
                await self._store.outdate(self._outdated_at)
        except sqlite3.Error as error:
            log.warning("The inventory could not be outdated: %s", error)

    def _is_fresh(self, newest: Newest) -> bool:
        if newest.database is None:
            return False
        now, info = self._now(), newest.database.info
        # A moment in the future is from before this machine's clock was put back; so is the snapshot it outdated.
        own = self._outdated_at if self._outdated_at <= now + CLOCKS_DIFFER_S else 0.0
        outdated_at = max(own, newest.outdated_at)
        return -CLOCKS_DIFFER_S <= now - info.ended < FRESH_S and outdated_at < info.began

    def _was_promised(self, newest: Newest) -> bool:
        """Tell whether this is what an earlier call with `fresh` was promised when it ran out of time."""
        ended = newest.database.info.ended if newest.database is not None else -math.inf
        promised = self._promised_since is not None and self._job is None and ended >= self._promised_since
        if promised:
            self._promised_since = None
        return promised and self._is_fresh(newest)

    def _note(self, database: SnapshotDatabase) -> str | None:
        notes = []
        if not database.info.settled:
            notes.append("SIMs came and went while they were read: a few may be missing or gone.")
        if database.info.unreadable:
            notes.append(f"{database.info.unreadable:,} records could not be read and are not counted.")
        if database.path is None:
            problem = self._store.problem or "the disk is full or failed"
            notes.append(f"It is kept in memory only: {problem}.")
        if self._store.note is not None:
            notes.append(self._store.note)
        return " ".join(notes) or None

    async def _spent_s(self) -> float:
        """Return in how many seconds the fleet may be read, by this server or another."""
        here_s = self._client.pacer.background_wait_s(LIST)
        if here_s > SPENT_FROM_S or not self._is_shared:
            return here_s
        with in_background():
            return await self._client.wait_s(LIST)

    def _job_for(self, *, ends_after: float) -> _Job:
        """Return the job under way, or a new one."""
        job = self._job or self._start()
        job.ends_after = max(job.ends_after, ends_after)
        return job

    def _start(self) -> _Job:
        if self._background is None:
            raise RuntimeError("the inventory is not open")
        self._job = _Job()
        # Whoever asks for single SIMs meanwhile goes first.
        with in_background():
            self._background.start_soon(self._run, self._job)
        return self._job

    async def _wait(self, job: _Job, progress: Progress | None, wait_s: float) -> bool:
        """Wait for a job, reporting its progress; return whether it is done."""
        deadline = anyio.current_time() + wait_s
        while not job.done.is_set() and (left := deadline - anyio.current_time()) > 0:
            with anyio.move_on_after(min(left, _REPORT_EVERY_S)):
                await job.done.wait()
            if progress is not None and job.crawler is not None and job.crawler.total is not None:
                # Pages read again count twice.
                so_far = min(job.crawler.sims_read, job.crawler.total)
                await progress(so_far, job.crawler.total, f"{job.progress}{self._client.pacer.giving_way}")
        return job.done.is_set()

    async def _run(self, job: _Job) -> None:
        try:
            job.database = await self._obtain(job)
        except (EmnifyError, InventoryError) as error:
            job.error = error
        except (sqlite3.Error, OSError, SnapshotFileError) as error:
            log.warning("The inventory cannot be kept: %s", error)
            await self._drop_partial()
            job.error = InventoryError(f"The fleet was read but cannot be held: {error}. Nothing changed.")
        except Exception as error:
            # It must not end the server; whoever waits gets the error.
            log.exception("Reading the fleet crashed")
            job.error = error
        finally:
            self._job = None
            job.done.set()

    async def _obtain(self, job: _Job) -> SnapshotDatabase:
        """Return a fresh snapshot: one that another process has read, or else is waited for, or read here."""
        while True:
            if (found := await self._found(job)) is not None:
                return found
            try:
                async with self._store.reading() as is_ours:
                    if is_ours:
                        job.other_reader = None
                        # Another process may have finished reading meanwhile.
                        return await self._found(job) or await self._read(job)
            except TurnOverError:
                log.warning("This server was out of reach for so long that another may read the fleet")
            job.other_reader = self._store.other_reader
            await anyio.sleep(_LOOKS_AGAIN_IN_S)

    async def _found(self, job: _Job) -> SnapshotDatabase | None:
        newest = await self._store.newest(fresh_s=min(FRESH_S, self._now() - job.ends_after))
        database = newest.database
        is_enough = database is not None and database.info.ended >= job.ends_after and self._is_fresh(newest)
        return database if is_enough else None

    async def _read(self, job: _Job) -> SnapshotDatabase:
        crawler = self._partial
        if crawler is None or self._now() - crawler.began > FRESH_S:
            await self._drop_partial()
            crawler = Crawler(self._client, await self._store.new_database(), self._in_thread)
        self._partial = job.crawler = crawler
        info = await crawler.run()
        database = await self._store.publish(crawler.database, info)
        self._partial = None
        return database

    async def _drop_partial(self) -> None:
        partial, self._partial = self._partial, None
        if partial is not None:
            await self._in_thread(partial.database.discard)
