"""The files of one workspace's snapshots: the newest, the writes of our own since, and the lock of who is reading."""

import os
import re
import shutil
import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from filelock import AsyncFileLock

from sim_mcp.fleet.inventory.database import SCHEMA_VERSION, SnapshotDatabase, SnapshotFileError
from sim_mcp.fleet.inventory.sharing import OwnWrites, WrittenSim, dump_writes, load_writes
from sim_mcp.private_files import OWNER_READS_WRITES, make_private_database, make_private_directory, private_async_lock

_SNAPSHOT = re.compile(r"fleet-\d{20}\.sqlite3")
_DIRECTORY = re.compile(r"fleet-[0-9a-f]{24}")
_WRITES = f"own-writes-{SCHEMA_VERSION}.sqlite3"
"""A file for each version: its rows are those of a snapshot."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS written (
    n INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, id INTEGER, row TEXT, names TEXT);
"""
_WRITES_KEPT_S = 86_400.0
_UNUSED_KEPT_S = 7 * 86_400.0
_BUSY_S = 5.0
CLOCKS_DIFFER_S = 5.0
"""What is further in the future than this was written before this machine's clock was put back."""


class SnapshotCache:
    """Keep snapshots in a directory that several processes share; in memory where it cannot be written to."""

    def __init__(self, directory: Path | None, identity: str) -> None:
        self.problem: str | None = None
        """Why nothing is kept on disk, if so."""
        self._place = directory, identity
        self._directory = self._make_directory(directory, identity)
        self._writes = self._open_writes()

    def recreate_if_removed(self) -> None:
        """Make the directory again where somebody removed it: no other process sees what is open there any more."""
        if self._directory is not None and not (self._directory / _WRITES).exists():
            self._writes.close()
            self._directory = self._make_directory(*self._place)
            self._writes = self._open_writes()

    def close(self) -> None:
        """Close the record of own writes."""
        self._writes.close()

    def lock(self) -> AsyncFileLock | None:
        """Return the lock held by the one process that reads the fleet; None where no other process can know."""
        self.recreate_if_removed()
        return None if self._directory is None else private_async_lock(self._directory / "reading.lock")

    def partial_path(self) -> Path | None:
        """Return the path of a snapshot that is being read."""
        return None if self._directory is None else self._directory / f"part-{os.getpid()}-{time.time_ns()}.sqlite3"

    def finished_path(self, number: int | None = None) -> Path | None:
        """Return the path of a finished snapshot, by number or of the next; later ones sort after earlier ones."""
        number = time.time_ns() if number is None else number
        return None if self._directory is None else self._directory / f"fleet-{number:020}.sqlite3"

    def newest(self, known: SnapshotDatabase | None) -> SnapshotDatabase | None:
        """Return the newest finished snapshot, which may be the known one."""
        if self._directory is None:
            return known
        for path in sorted(self._snapshots(), reverse=True):
            if known is not None and known.path == path:
                return known
            # It may have been replaced just now, or be of another version: then the next one is the best there is.
            with suppress(SnapshotFileError, sqlite3.Error):
                return SnapshotDatabase.open(path)
        return known if known is not None and known.path is None else None

    def tidy(self, kept: Path | None, *, parts_after_s: float = 0.0) -> None:
        """Remove every snapshot but one, and what is left of others.

        Args:
            kept: the one.
            parts_after_s: how long others may take to fill one; whoever holds the lock knows that nobody does.
        """
        with suppress(sqlite3.Error):
            self._writes.execute("DELETE FROM written WHERE at < ?", (time.time() - _WRITES_KEPT_S,))
        if self._directory is None:
            return
        outdated = [path for path in self._snapshots() if path != kept]
        older = [path for path in self._directory.glob("own-writes*.sqlite3") if path.name != _WRITES]
        for path in [*outdated, *older]:
            with suppress(OSError):  # another process on Windows may have it open.
                path.unlink()
        for path in self._directory.glob("part-*"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime < parts_after_s:
                    continue
                path.unlink()
        self._remove_unused(self._directory.parent)

    def record_writes(self, at: float, writes: OwnWrites) -> None:
        """Record own writes for whoever is reading the fleet meanwhile, in this process or another.

        Raises:
            sqlite3.Error: It cannot be recorded.
        """
        self._record(at, dump_writes(writes))

    def outdate(self, at: float) -> None:
        """Record that something changed of which nothing more is known.

        Raises:
            sqlite3.Error: It cannot be recorded.
        """
        self._record(at, [(None, None, None)])

    def writes_since(self, moment: float) -> OwnWrites:
        """Return the own writes since a moment; of each SIM the last."""
        sql = "SELECT id, row, names FROM written WHERE at BETWEEN ? AND ? AND id IS NOT NULL ORDER BY n"
        return load_writes(self._writes.execute(sql, (moment, _latest())).fetchall())

    def outdated_at(self) -> float:
        """Return when the fleet was last outdated by a write of unknown effect, in seconds since 1970; else 0."""
        sql = "SELECT max(at) FROM written WHERE id IS NULL AND at <= ?"
        found = self._writes.execute(sql, (_latest(),)).fetchone()[0]
        return float(found or 0.0)

    def _record(self, at: float, entries: Sequence[WrittenSim | tuple[None, None, None]]) -> None:
        self.recreate_if_removed()
        timed = [(at, *each) for each in entries]
        with self._writes:
            self._writes.execute("BEGIN IMMEDIATE")
            self._writes.executemany("INSERT INTO written (at, id, row, names) VALUES (?, ?, ?, ?)", timed)

    def _snapshots(self) -> list[Path]:
        if self._directory is None:
            return []
        with suppress(OSError):
            return [path for path in self._directory.iterdir() if _SNAPSHOT.fullmatch(path.name)]
        return []

    def _make_directory(self, directory: Path | None, identity: str) -> Path | None:
        if directory is None:
            self.problem = "there is no state directory"
            return None
        made = directory / f"fleet-{identity}"
        try:
            # It holds a customer's SIMs and devices: nobody else's business.
            make_private_directory(made)
            probe = made / f"part-{os.getpid()}"
            probe.touch(OWNER_READS_WRITES)
            # Another process of the same number, in a container, may have been quicker.
            probe.unlink(missing_ok=True)
        except OSError as error:
            self.problem = f"the state directory cannot be written to ({error.strerror or type(error).__name__})"
            return None
        return made

    def _open_writes(self) -> sqlite3.Connection:
        if self._directory is not None:
            try:
                make_private_database(self._directory / _WRITES)
                return _connect(str(self._directory / _WRITES))
            except (sqlite3.Error, OSError) as error:
                self.problem = f"the state directory cannot be written to ({error})"
                self._directory = None
        return _connect(":memory:")

    def _remove_unused(self, directory: Path) -> None:
        """Remove the snapshots of tokens that are no longer in use."""
        for path in directory.glob("fleet-*"):
            with suppress(OSError):
                newest = max((each.stat().st_mtime for each in path.iterdir()), default=0.0)
                if _DIRECTORY.fullmatch(path.name) and time.time() - newest > _UNUSED_KEPT_S:
                    shutil.rmtree(path, ignore_errors=True)


def _latest() -> float:
    """Return the moment from which on entries do not count: they were written before this clock was put back."""
    return time.time() + CLOCKS_DIFFER_S


def _connect(where: str) -> sqlite3.Connection:
    db = sqlite3.connect(where, isolation_level=None, timeout=_BUSY_S, check_same_thread=False)
    try:
        db.executescript(_SCHEMA)
    except sqlite3.Error:
        db.close()
        raise
    return db
