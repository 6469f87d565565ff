"""The newest snapshot of one fleet, and the one that is being read. Methods block: call them off the event loop."""

import time
from pathlib import Path
from typing import NamedTuple

from filelock import AsyncFileLock

from sim_mcp.fleet.inventory.cache import OwnWrites, SnapshotCache
from sim_mcp.fleet.inventory.database import SnapshotDatabase, SnapshotInfo


class Newest(NamedTuple):
    """The newest snapshot, and when a write of unknown effect last outdated all before it (seconds since 1970)."""

    database: SnapshotDatabase | None
    outdated_at: float


class SnapshotStore:
    """Find, correct and replace the snapshot of one fleet; not to be called from several threads at once."""

    def __init__(self, directory: Path | None, identity: str) -> None:
        self._directory, self._identity = directory, identity
        self._opened_cache: SnapshotCache | None = None
        self._database: SnapshotDatabase | None = None

    @property
    def problem(self) -> str | None:
        """Return why nothing is kept on disk, if so."""
        return self._opened_cache.problem if self._opened_cache is not None else None

    def newest(self) -> Newest:
        """Return the newest snapshot, whichever process read it.

        Raises:
            sqlite3.Error: What is kept cannot be read.
        """
        return Newest(self._newest(), self._cache.outdated_at())

    def correct(self, writes: OwnWrites) -> None:
        """Apply writes of our own to the newest snapshot, and record them for the one being read.

        Raises:
            sqlite3.Error: They cannot be kept.
            SnapshotFileError: As above.
        """
        # In this order: whoever publishes a snapshot now looks for recorded writes after publishing it.
        self._cache.record_writes(time.time(), writes)
        database = self._newest()
        if database is not None:
            _apply(database, writes)

    def outdate(self, at: float) -> None:
        """Record that something changed of which nothing more is known.

        Raises:
            sqlite3.Error: It cannot be recorded.
        """
        self._cache.outdate(at)

    def lock(self) -> AsyncFileLock | None:
        """Return the lock held by the one process that reads the fleet; None where no other process can know."""
        return self._cache.lock()

    def new_database(self) -> SnapshotDatabase:
        """Return an empty database to be filled."""
        return SnapshotDatabase.new(self._cache.partial_path())

    def publish(self, filled: SnapshotDatabase, info: SnapshotInfo) -> SnapshotDatabase:
        """Make what was filled the newest snapshot, with the writes of our own since reading it began.

        Raises:
            sqlite3.Error: It cannot be kept.
            OSError: As above.
            SnapshotFileError: As above.
        """
        cache = self._cache
        _apply(filled, cache.writes_since(info.began))
        self._database = database = filled.finish(info, cache.next_path())
        # Writes between looking for them and publishing: whoever writes from now on sees the new snapshot.
        _apply(database, cache.writes_since(info.began))
        cache.tidy(database.path)
        return database

    def close(self) -> None:
        """Close every database."""
        if self._database is not None:
            self._database.close()
        if self._opened_cache is not None:
            self._opened_cache.close()

    @property
    def _cache(self) -> SnapshotCache:
        # Opened when first needed: who only looks at single SIMs needs no inventory.
        if self._opened_cache is None:
            self._opened_cache = SnapshotCache(self._directory, self._identity)
        return self._opened_cache

    def _newest(self) -> SnapshotDatabase | None:
        self._database = self._cache.newest(self._database)
        return self._database


def _apply(database: SnapshotDatabase, writes: OwnWrites) -> None:
    database.put(writes.rows, writes.names)
    database.remove(writes.gone)
