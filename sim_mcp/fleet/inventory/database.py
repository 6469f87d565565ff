"""One snapshot in one SQLite database: a file that appears whole or not at all, or memory where none can be kept."""

import json
import os
import sqlite3
import threading
import weakref
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

from sim_mcp.fleet.inventory.rows import Names, Row
from sim_mcp.private_files import make_private_database, restrict_database

SCHEMA_VERSION = 3
_SCHEMA = f"""
PRAGMA user_version = {SCHEMA_VERSION};
CREATE TABLE sim (
    id INTEGER PRIMARY KEY, iccid TEXT, imsi TEXT, msisdn TEXT, eid TEXT, status INTEGER, device_id INTEGER,
    device TEXT, folded TEXT, ip TEXT, imei TEXT, tags TEXT, folded_tags TEXT, customer INTEGER, reseller INTEGER,
    issuer INTEGER, model INTEGER, form_factor INTEGER, produced INTEGER, activated INTEGER);
CREATE TABLE name (kind TEXT NOT NULL, id INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE TABLE facts (taken_at TEXT NOT NULL, began REAL NOT NULL, ended REAL NOT NULL, settled INTEGER NOT NULL,
    unreadable INTEGER NOT NULL);
"""
_ROWS_AT_ONCE = 100
"""SQLite releases the interpreter for each statement, and a busy event loop is slow to give it back."""

_BUSY_S = 5.0
_COPIED_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class SnapshotInfo:
    """How a snapshot was read; `began` and `ended` in seconds since 1970 by this machine's clock."""

    taken_at: datetime
    """When reading it began, by emnify's clock."""
    began: float
    ended: float
    settled: bool
    """Whether every SIM that came or went while it was read is accounted for."""
    unreadable: int
    """Number of records that emnify sent without an id."""


class SnapshotFileError(Exception):
    """A file is not a finished snapshot of this version."""


class SnapshotDatabase:
    """Hold one snapshot; safe to be used from several threads."""

    def __init__(self, db: sqlite3.Connection, path: Path | None) -> None:
        self._use(db)
        self._lock = threading.RLock()
        self.path = path
        """The file, or None in memory."""
        self._stored_names: set[tuple[str, int, str]] = set()
        self._names: Names | None = None
        self._names_version: int | None = None
        self._info: SnapshotInfo | None = None

    @classmethod
    def new(cls, path: Path | None) -> "SnapshotDatabase":
        """Return an empty one to be filled; in memory where the file cannot be made."""
        if path is not None:
            with suppress(sqlite3.Error, OSError):
                path.unlink(missing_ok=True)
                make_private_database(path)
                return cls._create(str(path), path)
        return cls._create(":memory:", None)

    @classmethod
    def open(cls, path: Path) -> "SnapshotDatabase":
        """Open a finished one.

        Raises:
            SnapshotFileError: It is not finished, damaged, or of another version of this program.
        """
        db = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            isolation_level=None,
            timeout=_BUSY_S,
            check_same_thread=False,
        )
        opened = cls(db, path)
        try:
            restrict_database(path)
            opened._read_info()
        except (sqlite3.Error, OSError, ValueError) as error:
            db.close()
            raise SnapshotFileError(f"{path.name} is not a snapshot of this version ({error})") from None
        return opened

    @classmethod
    def restore(cls, copy: Iterable[bytes], path: Path | None) -> "SnapshotDatabase":
        """Return the finished one that was copied; in memory without a path.

        Raises:
            SnapshotFileError: The copy is damaged, or of another version of this program.
            OSError: The file cannot be written.
        """
        if path is not None:
            make_private_database(path)
            with path.open("wb") as file:
                file.writelines(copy)
            return cls.open(path)
        restored = cls(sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False), None)
        try:
            restored._db.deserialize(b"".join(copy))
            restored._read_info()
        except (sqlite3.Error, ValueError) as error:
            restored.close()
            raise SnapshotFileError(f"the copy is not a snapshot of this version ({error})") from None
        return restored

    @property
    def info(self) -> SnapshotInfo:
        """Return how it was read.

        Raises:
            SnapshotFileError: It is not finished yet.
        """
        if self._info is None:
            raise SnapshotFileError("the snapshot is not finished yet")
        return self._info

    def close(self) -> None:
        """Close the file, or free the memory."""
        with self._lock:
            self._db.close()

    def discard(self) -> None:
        """Close it; if it is not finished, remove its file too."""
        self.close()
        if self.path is not None and self._info is None:
            with suppress(OSError):
                self.path.unlink(missing_ok=True)

    def put(self, rows: Sequence[Row], names: Names) -> None:
        """Add SIMs, or replace them; on a full disk an unfinished database continues in memory, losing nothing."""
        try:
            self._put(rows, names)
        except sqlite3.OperationalError:
            if self.path is None or self._info is not None:
                raise
            self._move_to_memory()
            self._put(rows, names)

    def remove(self, ids: Iterable[int]) -> None:
        """Remove SIMs by id."""
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("DELETE FROM sim WHERE id IN (SELECT value FROM json_each(?))", (json.dumps([*ids]),))

    def seal(self, info: SnapshotInfo) -> None:
        """Mark it finished; where its file cannot be written to, it continues in memory."""
        try:
            self._write_info(info)
            if self.path is not None:
                with self.path.open("rb+") as file:
                    os.fsync(file.fileno())
        except (sqlite3.OperationalError, OSError):
            if self.path is None:
                raise
            self._move_to_memory()
            self._write_info(info)

    def copy(self) -> Iterator[bytes]:
        """Yield it in parts, as it is now that nobody writes to it."""
        if self.path is None:
            with self._lock:
                yield self._db.serialize()
            return
        with self.path.open("rb") as file:
            while part := file.read(_COPIED_AT_ONCE):
                yield part

    def finish(self, info: SnapshotInfo, final: Path | None) -> "SnapshotDatabase":
        """Mark it finished and move its file to `final`, where others look for it; return it, opened for questions."""
        self.seal(info)
        part = self.path
        if part is None or final is None:
            return self
        self.close()
        part.replace(final)
        return SnapshotDatabase.open(final)

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows that a query selects."""
        with self._lock, closing(self._db.execute(sql, values)) as cursor:
            return cursor.fetchall()

    def ids(self, sql: str, values: tuple[object, ...]) -> "array[int]":
        """Return the ids that a query selects, in eight bytes each."""
        with self._lock, closing(self._db.execute(sql, values)) as cursor:
            return array("q", (row[0] for row in cursor))

    def names(self) -> Names:
        """Return what the numbers in rows stand for."""
        with self._lock:
            # This number changes when another process writes, which may add a name.
            version = self._db.execute("PRAGMA data_version").fetchone()[0]
            if self._names is None or self._names_version != version:
                self._names = {(kind, number): text for kind, number, text in self.rows("SELECT * FROM name")}
                self._names_version = version
            return self._names

    @classmethod
    def _create(cls, where: str, path: Path | None) -> "SnapshotDatabase":
        db = sqlite3.connect(where, isolation_level=None, timeout=_BUSY_S, check_same_thread=False)
        try:
            # Until it is finished nobody else opens it, and after a crash nothing of it is needed.
            db.executescript(f"PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; {_SCHEMA}")
        except sqlite3.Error:
            db.close()
            raise
        return cls(db, path)

    def _use(self, db: sqlite3.Connection) -> None:
        self._db = db
        # Who still counts in a snapshot that was replaced keeps it open; it is closed after the last of them.
        weakref.finalize(self, db.close)

    def _put(self, rows: Sequence[Row], names: Names) -> None:
        fresh = {(kind, number, text) for (kind, number), text in names.items()} - self._stored_names
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._insert("sim", rows)
            self._insert("name", sorted(fresh))
        self._stored_names |= fresh
        if fresh:
            self._names = None

    def _insert(self, table: str, rows: Sequence[tuple[object, ...]]) -> None:
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            some = rows[start : start + _ROWS_AT_ONCE]
            marks = ",".join([f"({','.join('?' * len(some[0]))})"] * len(some))
            self._db.execute(f"INSERT OR REPLACE INTO {table} VALUES {marks}", [*chain.from_iterable(some)])  # noqa: S608  # names of ours and question marks.

    def _write_info(self, info: SnapshotInfo) -> None:
        values = (info.taken_at.isoformat(), info.began, info.ended, info.settled, info.unreadable)
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("DELETE FROM facts")
            self._db.execute("INSERT INTO facts VALUES (?, ?, ?, ?, ?)", values)
        self._info = info

    def _read_info(self) -> None:
        if self.rows("PRAGMA user_version") != [(SCHEMA_VERSION,)]:
            raise ValueError("another version")
        ((taken_at, began, ended, settled, unreadable),) = self.rows("SELECT * FROM facts")
        self._info = SnapshotInfo(datetime.fromisoformat(taken_at), began, ended, bool(settled), unreadable)

    def _move_to_memory(self) -> None:
        """Continue in memory with all that was written so far, and remove the file."""
        memory = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        with self._lock:
            try:
                self._db.backup(memory)
            except sqlite3.Error:
                memory.close()
                raise
            self._db.close()
            self._use(memory)
        if self.path is not None:
            self.path.unlink(missing_ok=True)
        self.path = None
