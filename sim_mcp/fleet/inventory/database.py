"""One fleet in one SQLite database: a file that appears whole or not at all, or memory where no file can be kept."""

import json
import os
import sqlite3
import threading
from array import array
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

from sim_mcp.fleet.inventory.rows import Names, Row
from sim_mcp.private_files import make_private_database, restrict_database

SCHEMA_VERSION = 2
_SCHEMA = f"""
PRAGMA user_version = {SCHEMA_VERSION};
CREATE TABLE sim (
    id INTEGER PRIMARY KEY, iccid TEXT, imsi TEXT, msisdn TEXT, eid TEXT, status INTEGER, device_id INTEGER,
    device TEXT, folded TEXT, ip TEXT, customer INTEGER, reseller INTEGER, issuer INTEGER, model INTEGER,
    form_factor INTEGER, produced INTEGER, activated INTEGER);
CREATE TABLE name (kind TEXT NOT NULL, id INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE TABLE facts (taken_at TEXT NOT NULL, began REAL NOT NULL, ended REAL NOT NULL, settled INTEGER NOT NULL,
    unreadable INTEGER NOT NULL);
"""
_ROWS_AT_ONCE = 100
"""SQLite lets go of the interpreter for each statement, and a busy event loop is slow to give it back."""

_BUSY_S = 5.0


@dataclass(frozen=True)
class Facts:
    """What a fleet that was read says of its reading; `began` and `ended` by this machine's clock."""

    taken_at: datetime
    """When reading it began, by emnify's clock."""
    began: float
    ended: float
    settled: bool
    """Whether all that came and went while it was read is accounted for."""
    unreadable: int
    """How many records emnify sent that had no id."""


class StoreError(Exception):
    """A file is no fleet that can be read."""


class SnapshotDatabase:
    """Hold one fleet; safe to be used from several threads."""

    def __init__(self, db: sqlite3.Connection, path: Path | None) -> None:
        self._db = db
        self._lock = threading.RLock()
        self.path = path
        """Where it is, or None in memory."""
        self._named: set[tuple[str, int, str]] = set()
        self._names: Names | None = None
        self._names_version: int | None = None
        self._facts: Facts | None = None

    @classmethod
    def new(cls, path: Path | None) -> "SnapshotDatabase":
        """Make an empty one, to be filled; in memory where the file cannot be made."""
        if path is not None:
            with suppress(sqlite3.Error, OSError):
                path.unlink(missing_ok=True)
                make_private_database(path)
                return cls._made(str(path), path)
        return cls._made(":memory:", None)

    @classmethod
    def open(cls, path: Path) -> "SnapshotDatabase":
        """Open one that is whole.

        Raises:
            StoreError: It is none, or of another version of this program.
        """
        db = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            isolation_level=None,
            timeout=_BUSY_S,
            check_same_thread=False,
        )
        store = cls(db, path)
        try:
            restrict_database(path)
            store._read_facts()
        except (sqlite3.Error, OSError, ValueError) as error:
            db.close()
            raise StoreError(f"{path.name} is no fleet of this version ({error})") from None
        return store

    @property
    def facts(self) -> Facts:
        """Return how it was read."""
        if self._facts is None:
            raise StoreError("the fleet is not whole yet")
        return self._facts

    def close(self) -> None:
        """Let go of the file or the memory."""
        with self._lock:
            self._db.close()

    def discard(self) -> None:
        """Give up one that is not whole."""
        self.close()
        if self.path is not None and self._facts is None:
            with suppress(OSError):
                self.path.unlink(missing_ok=True)

    def __del__(self) -> None:
        # Whoever still counts in a fleet that was replaced keeps it open; the last one closes it.
        self._db.close()

    def put(self, rows: Sequence[Row], names: Names) -> None:
        """Add SIMs, or replace what was known of them; a disk that is full turns it into memory, losing nothing."""
        try:
            self._put(rows, names)
        except sqlite3.OperationalError:
            if self.path is None or self._facts is not None:
                raise
            self._leave_disk()
            self._put(rows, names)

    def remove(self, ids: Iterable[int]) -> None:
        """Remove SIMs."""
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("DELETE FROM sim WHERE id IN (SELECT value FROM json_each(?))", (json.dumps([*ids]),))

    def finish(self, facts: Facts, final: Path | None) -> "SnapshotDatabase":
        """Declare it whole, give the file the name under which it is looked for, and return it, ready to be asked."""
        try:
            self._write_facts(facts)
            if self.path is None or final is None:
                return self
            with self.path.open("rb+") as file:
                os.fsync(file.fileno())
        except (sqlite3.OperationalError, OSError):
            if self.path is None:
                raise
            self._leave_disk()
            self._write_facts(facts)
            return self
        part = self.path
        self.close()
        part.replace(final)
        return SnapshotDatabase.open(final)

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Return what a question is answered with."""
        with self._lock, closing(self._db.execute(sql, values)) as cursor:
            return cursor.fetchall()

    def ids(self, sql: str, values: tuple[object, ...]) -> "array[int]":
        """Return the ids a question is answered with, in eight bytes each."""
        with self._lock, closing(self._db.execute(sql, values)) as cursor:
            return array("q", (row[0] for row in cursor))

    def names(self) -> Names:
        """Return what the numbers in rows stand for."""
        with self._lock:
            # Another process may have put a name in; SQLite tells by this number.
            version = self._db.execute("PRAGMA data_version").fetchone()[0]
            if self._names is None or self._names_version != version:
                self._names = {(kind, number): text for kind, number, text in self.rows("SELECT * FROM name")}
                self._names_version = version
            return self._names

    @classmethod
    def _made(cls, where: str, path: Path | None) -> "SnapshotDatabase":
        db = sqlite3.connect(where, isolation_level=None, timeout=_BUSY_S, check_same_thread=False)
        try:
            # Until it is whole nobody else looks at it, and a crash leaves nothing to be recovered.
            db.executescript(f"PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; {_SCHEMA}")
        except sqlite3.Error:
            db.close()
            raise
        return cls(db, path)

    def _put(self, rows: Sequence[Row], names: Names) -> None:
        fresh = {(kind, number, text) for (kind, number), text in names.items()} - self._named
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._insert("sim", rows)
            self._insert("name", sorted(fresh))
        self._named |= fresh
        if fresh:
            self._names = None

    def _insert(self, table: str, rows: Sequence[tuple[object, ...]]) -> None:
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            some = rows[start : start + _ROWS_AT_ONCE]
            marks = ",".join([f"({','.join('?' * len(some[0]))})"] * len(some))
            self._db.execute(f"INSERT OR REPLACE INTO {table} VALUES {marks}", [*chain.from_iterable(some)])  # noqa: S608  # names of ours and question marks.

    def _write_facts(self, facts: Facts) -> None:
        values = (facts.taken_at.isoformat(), facts.began, facts.ended, facts.settled, facts.unreadable)
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("DELETE FROM facts")
            self._db.execute("INSERT INTO facts VALUES (?, ?, ?, ?, ?)", values)
        self._facts = facts

    def _read_facts(self) -> None:
        if self.rows("PRAGMA user_version") != [(SCHEMA_VERSION,)]:
            raise ValueError("another version")
        ((taken_at, began, ended, settled, unreadable),) = self.rows("SELECT * FROM facts")
        self._facts = Facts(datetime.fromisoformat(taken_at), began, ended, bool(settled), unreadable)

    def _leave_disk(self) -> None:
        """Go on in memory with all that was written so far, and give the space back."""
        memory = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        with self._lock:
            try:
                self._db.backup(memory)
            except sqlite3.Error:
                memory.close()
                raise
            self._db.close()
            self._db = memory
        if self.path is not None:
            self.path.unlink(missing_ok=True)
        self.path = None
