"""The newest snapshot of one fleet, and the one that is being read, off the event loop."""

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import anyio
from filelock import AsyncFileLock, Timeout

from sim_mcp.fleet.inventory.cache import SnapshotCache
from sim_mcp.fleet.inventory.database import SnapshotDatabase, SnapshotInfo
from sim_mcp.fleet.inventory.sharing import OwnWrites
from sim_mcp.recorder import Recorder

log = logging.getLogger(__name__)


class Newest(NamedTuple):
    """The newest snapshot, and when a write of unknown effect last outdated all before it (seconds since 1970)."""

    database: SnapshotDatabase | None
    outdated_at: float


class SnapshotStore:
    """Find, correct and replace the snapshot of one fleet."""

    other_reader = "another server on this machine"
    note: str | None = None
    """What is to be told of answers from here."""

    def __init__(self, directory: Path | None, identity: str, in_thread: Recorder) -> None:
        self._directory, self._identity = directory, identity
        self._in_thread = in_thread
        self._opened_cache: SnapshotCache | None = None
        self._database: SnapshotDatabase | None = None

    @property
    def problem(self) -> str | None:
        """Return why nothing is kept on disk, if so."""
        return self._opened_cache.problem if self._opened_cache is not None else None

    async def newest(self, *, fresh_s: float = 0.0) -> Newest:
        """Return the newest snapshot, whichever process read it.

        Args:
            fresh_s: where servers keep one that is not older, it is fetched first.

        Raises:
            sqlite3.Error: What is kept cannot be read.
        """
        del fresh_s
        return await self._in_thread(self._look)

    async def correct(self, writes: OwnWrites) -> None:
        """Apply writes of our own to the newest snapshot, and record them for the one being read.

        Raises:
            sqlite3.Error: They cannot be kept.
            SnapshotFileError: As above.
        """
        await self._in_thread(self._correct, writes)

    async def outdate(self, at: float) -> None:
        """Record that something changed of which nothing more is known.

        Raises:
            sqlite3.Error: It cannot be recorded.
        """
        await self._in_thread(self._outdate, at)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[bool]:
        """Keep others from reading the fleet within the block; yield False where another reads it now.

        Raises:
            TurnOverError: Another may read it by now: the block was ended.
        """
        lock = None
        try:
            lock = await self._in_thread(self._make_lock)
            if lock is not None:
                await lock.acquire(blocking=False)
        except Timeout:
            yield False
            return
        except OSError as error:
            log.warning("Whether another process reads the fleet is unknown: %s", error)
            lock = None
        try:
            yield True
        finally:
            if lock is not None:
                with anyio.CancelScope(shield=True):
                    await lock.release()

    async def new_database(self) -> SnapshotDatabase:
        """Return an empty database to be filled."""
        return await self._in_thread(self._new_database)

    async def publish(self, filled: SnapshotDatabase, info: SnapshotInfo) -> SnapshotDatabase:
        """Make what was filled the newest snapshot, with the writes of our own since reading it began.

        Raises:
            TurnOverError: Another may have read the fleet meanwhile.
            sqlite3.Error: It cannot be kept.
            OSError: As above.
            SnapshotFileError: As above.
        """
        return await self._in_thread(self._publish, filled, info)

    async def close(self) -> None:
        """Close every database."""
        await self._in_thread(self._close)

    @property
    def _cache(self) -> SnapshotCache:
        # Opened when first needed: who only looks at single SIMs needs no inventory.
        if self._opened_cache is None:
            self._opened_cache = SnapshotCache(self._directory, self._identity)
        return self._opened_cache

    def _look(self) -> Newest:
        return Newest(self._newest(), self._cache.outdated_at())

    def _newest(self) -> SnapshotDatabase | None:
        self._database = self._cache.newest(self._database)
        return self._database

    def _correct(self, writes: OwnWrites) -> None:
        # In this order: whoever publishes a snapshot now looks for recorded writes after publishing it.
        self._cache.record_writes(time.time(), writes)
        database = self._newest()
        if database is not None:
            apply_writes(database, writes)

    def _outdate(self, at: float) -> None:
        self._cache.outdate(at)

    def _make_lock(self) -> AsyncFileLock | None:
        return self._cache.lock()

    def _new_database(self) -> SnapshotDatabase:
        return SnapshotDatabase.new(self._cache.partial_path())

    def _publish(self, filled: SnapshotDatabase, info: SnapshotInfo) -> SnapshotDatabase:
        apply_writes(filled, self._cache.writes_since(info.began))
        database = self._adopt(filled, info)
        # Writes between looking for them and publishing: whoever writes from now on sees the new snapshot.
        apply_writes(database, self._cache.writes_since(info.began))
        self._cache.tidy(database.path)
        return database

    def _adopt(self, filled: SnapshotDatabase, info: SnapshotInfo, number: int | None = None) -> SnapshotDatabase:
        self._database = database = filled.finish(info, self._cache.finished_path(number))
        return database

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
        if self._opened_cache is not None:
            self._opened_cache.close()


def apply_writes(database: SnapshotDatabase, writes: OwnWrites) -> None:
    """Correct a snapshot by writes of our own."""
    database.put(writes.rows, writes.names)
    database.remove(writes.gone)
