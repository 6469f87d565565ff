"""What is held of one fleet: the newest that is whole, and the one being read. It blocks."""

import time
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock

from sim_mcp.fleet.inventory.cache import OwnWrites, SnapshotCache
from sim_mcp.fleet.inventory.database import Facts, SnapshotDatabase


class Held(NamedTuple):
    """The newest fleet, and when a write of unknown effect last made all before it old."""

    store: SnapshotDatabase | None
    outdated_at: float


class Holding:
    """Hold a fleet for one process. Call it off the event loop, and not from several threads at once."""

    def __init__(self, directory: Path | None, identity: str) -> None:
        self._place = directory, identity
        self._opened: SnapshotCache | None = None
        self._store: SnapshotDatabase | None = None

    @property
    def problem(self) -> str | None:
        """Return why nothing is kept, if so."""
        return self._opened.problem if self._opened is not None else None

    def look(self) -> Held:
        """Return the newest fleet there is, whoever read it.

        Raises:
            sqlite3.Error: What is kept cannot be read.
        """
        return Held(self._newest(), self._cache.outdated_at())

    def correct(self, written: OwnWrites) -> None:
        """Take own writes in.

        Raises:
            sqlite3.Error: They cannot be kept.
            StoreError: As above.
        """
        # In this order: whoever finishes reading now looks at the record after showing the new fleet.
        self._cache.write_down(time.time(), written)
        store = self._newest()
        if store is not None:
            _apply(store, written)

    def outdate(self, at: float) -> None:
        """Record that something changed of which nothing more is known.

        Raises:
            sqlite3.Error: It cannot be recorded.
        """
        self._cache.outdate(at)

    def lock(self) -> FileLock | None:
        """Return what one process at a time holds while it reads the fleet; None where nobody else can know."""
        return self._cache.lock()

    def begin(self) -> SnapshotDatabase:
        """Return an empty one to be filled."""
        return SnapshotDatabase.new(self._cache.part())

    def show(self, filled: SnapshotDatabase, facts: Facts) -> SnapshotDatabase:
        """Take what was filled for the newest from now on, with what was written while it was read.

        Raises:
            sqlite3.Error: It cannot be kept.
            OSError: As above.
            StoreError: As above.
        """
        cache = self._cache
        _apply(filled, cache.written_since(facts.began))
        self._store = store = filled.finish(facts, cache.place())
        # What was written between looking and showing: whoever writes from now on sees the new fleet.
        _apply(store, cache.written_since(facts.began))
        cache.tidy(store.path)
        return store

    def close(self) -> None:
        """Let go of the files."""
        if self._store is not None:
            self._store.close()
        if self._opened is not None:
            self._opened.close()

    @property
    def _cache(self) -> SnapshotCache:
        # Opened when first needed: who only looks at single SIMs needs no inventory.
        if self._opened is None:
            self._opened = SnapshotCache(*self._place)
        return self._opened

    def _newest(self) -> SnapshotDatabase | None:
        self._store = self._cache.newest(self._store)
        return self._store


def _apply(store: SnapshotDatabase, written: OwnWrites) -> None:
    store.put(written.rows, written.names)
    store.remove(written.gone)
