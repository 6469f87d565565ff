"""What is known of the usage of SIMs, and since when: in SQLite, so that nothing is asked for twice."""

import logging
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

from sim_mcp.private_files import make_private_database

log = logging.getLogger(__name__)

FILE = "usage.sqlite3"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS usage (
    workspace TEXT NOT NULL, period TEXT NOT NULL, sim INTEGER NOT NULL,
    data_mb REAL NOT NULL, sms REAL NOT NULL, cost REAL, currency TEXT, read_at REAL NOT NULL, final INTEGER NOT NULL,
    PRIMARY KEY (workspace, period, sim)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claim (
    workspace TEXT NOT NULL, kind TEXT NOT NULL, sim INTEGER NOT NULL, owner TEXT NOT NULL, until REAL NOT NULL,
    PRIMARY KEY (workspace, kind, sim)
) WITHOUT ROWID;
"""
_COLUMNS = {
    "usage": ("workspace", "period", "sim", "data_mb", "sms", "cost", "currency", "read_at", "final"),
    "claim": ("workspace", "kind", "sim", "owner", "until"),
}
_BUSY_S = 5.0
"""How long another process may hold the file before usage is kept in memory instead."""

_CLAIMED_S = 60.0
"""How long a SIM is left to another process that is reading it; if that one died, it is free again then."""

_CLOSES_WITHIN_MS = 1000
_KEPT_S = 400 * 86_400.0
_NOT_KEPT = "usage that was read could not be kept on disk ({}): it is known until the server stops"

Claim = Literal["mine", "known", "taken"]
T = TypeVar("T")


class Amount(NamedTuple):
    """What one SIM used in one period: data in MB, SMS as a count, both costs together; seconds since 1970."""

    data_mb: float
    sms: float
    cost: float | None
    currency: str | None
    read_at: float

    @property
    def idle(self) -> bool:
        """Tell whether there was neither data nor SMS."""
        return self.data_mb <= 0 and self.sms <= 0


class UsageStore:
    """Keep usage in one directory, which several processes may share; without a disk, in memory.

    It blocks: call it off the event loop.
    """

    def __init__(self, directory: Path | None) -> None:
        self.note: str | None = None
        self._owner = secrets.token_hex(8)
        self._lock = threading.Lock()
        try:
            if directory is None:
                raise FileNotFoundError("there is no directory for it")
            self._db = _opened(directory / FILE)
        except (sqlite3.Error, OSError) as error:
            self._db = self._in_memory(error)

    def close(self) -> None:
        """Close the file; others may read at once what this process had claimed."""
        with self._lock:
            with suppress(sqlite3.Error):
                # Not for long: what was claimed is free in a minute anyway.
                self._db.execute(f"PRAGMA busy_timeout = {_CLOSES_WITHIN_MS}")
                self._db.execute("DELETE FROM claim WHERE owner = ?", (self._owner,))
            self._db.close()

    def known(self, workspace: str, period: str, since: float) -> dict[int, Amount]:
        """Return what was read of that period since then, or after it was over."""
        rows = self._try(
            lambda db: db.execute(
                "SELECT sim, data_mb, sms, cost, currency, read_at FROM usage "
                "WHERE workspace = ? AND period = ? AND (final OR read_at >= ?)",
                (workspace, period, since),
            ).fetchall()
        )
        return {row[0]: Amount(*row[1:]) for row in rows}

    def claim(self, workspace: str, kind: str, sim: int, periods: Iterable[str], since: float, now: float) -> Claim:
        """Take the reading of a SIM upon this process, unless it is known already or another one is at it."""

        def take(db: sqlite3.Connection) -> Claim:
            sql = "SELECT 1 FROM usage WHERE workspace = ? AND period = ? AND sim = ? AND (final OR read_at >= ?)"
            with _transaction(db):
                if all(db.execute(sql, (workspace, period, sim, since)).fetchone() for period in periods):
                    return "known"
                done = db.execute(
                    "INSERT INTO claim VALUES (?, ?, ?, ?, ?) ON CONFLICT (workspace, kind, sim) "
                    "DO UPDATE SET owner = excluded.owner, until = excluded.until "
                    "WHERE until < ? OR until > ? OR owner = excluded.owner",
                    (workspace, kind, sim, self._owner, now + _CLAIMED_S, now, now + 2 * _CLAIMED_S),
                )
                return "mine" if done.rowcount else "taken"

        return self._try(take)

    def keep(self, workspace: str, kind: str, sim: int, read: Mapping[str, tuple[Amount, bool]]) -> None:
        """Keep what a SIM used in each period, and whether that is final; its claim ends."""
        rows = [
            (workspace, period, sim, one.data_mb, one.sms, one.cost, one.currency, one.read_at, final)
            for period, (one, final) in read.items()
        ]

        def write(db: sqlite3.Connection) -> None:
            with _transaction(db):
                db.executemany("INSERT OR REPLACE INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
                db.execute("DELETE FROM claim WHERE workspace = ? AND kind = ? AND sim = ?", (workspace, kind, sim))

        self._try(write)

    def release(self, workspace: str, kind: str, sim: int) -> None:
        """End a claim without a result."""
        sql = "DELETE FROM claim WHERE workspace = ? AND kind = ? AND sim = ? AND owner = ?"
        self._try(lambda db: db.execute(sql, (workspace, kind, sim, self._owner)))

    def forget_old(self, now: float) -> None:
        """Drop what is older than a year and a month."""
        self._try(lambda db: db.execute("DELETE FROM usage WHERE read_at < ?", (now - _KEPT_S,)))

    def _try(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Work on the file; where that fails, such as on a full disk, go on in memory with all that can be read."""
        with self._lock:
            try:
                return work(self._db)
            except sqlite3.Error as error:
                if self.note is not None:
                    raise
                former, self._db = self._db, self._in_memory(error)
                with suppress(sqlite3.Error):
                    former.backup(self._db)
                with suppress(sqlite3.Error):
                    former.close()
                try:
                    return work(self._db)
                except sqlite3.Error:
                    # What was copied is damaged: all is read again.
                    self._db.close()
                    self._db = _opened(None)
                    return work(self._db)

    def _in_memory(self, error: Exception) -> sqlite3.Connection:
        log.warning("Usage cannot be kept on disk: %s", error)
        self.note = _NOT_KEPT.format(error)
        return _opened(None)


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise


def _opened(path: Path | None) -> sqlite3.Connection:
    if path is not None:
        make_private_database(path)
    db = sqlite3.connect(path or ":memory:", isolation_level=None, timeout=_BUSY_S, check_same_thread=False)
    try:
        _prepare(db)
    except BaseException:
        db.close()
        raise
    return db


def _prepare(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA journal_mode = WAL")
    # What a power cut takes is read again.
    db.execute("PRAGMA synchronous = NORMAL")
    db.executescript(_SCHEMA)
    for table, columns in _COLUMNS.items():
        if tuple(column[0] for column in db.execute(f"SELECT * FROM {table} LIMIT 0").description) != columns:  # noqa: S608  # names of ours.
            raise sqlite3.DatabaseError(f"{FILE} is of another version of this program; it can be removed")
