"""The usage of SIMs, kept in SQLite with the time it was read, so that emnify is asked once."""

import json
import logging
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

from sim_mcp.emnify.money import Money
from sim_mcp.private_files import make_private_database

log = logging.getLogger(__name__)

FILE = "usage.sqlite3"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS usage (
    workspace TEXT NOT NULL, period TEXT NOT NULL, sim INTEGER NOT NULL,
    data_mb REAL NOT NULL, sms REAL NOT NULL, costs TEXT NOT NULL, read_at REAL NOT NULL, final INTEGER NOT NULL,
    PRIMARY KEY (workspace, period, sim)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claim (
    workspace TEXT NOT NULL, kind TEXT NOT NULL, sim INTEGER NOT NULL, owner TEXT NOT NULL, until REAL NOT NULL,
    PRIMARY KEY (workspace, kind, sim)
) WITHOUT ROWID;
"""
_COLUMNS = {
    "usage": ("workspace", "period", "sim", "data_mb", "sms", "costs", "read_at", "final"),
    "claim": ("workspace", "kind", "sim", "owner", "until"),
}
_FORMER_USAGE = ("workspace", "period", "sim", "data_mb", "sms", "cost", "currency", "read_at", "final")
"""The table before costs were kept by currency: its `cost` may be a sum of several, so it is read again."""

_BUSY_S = 5.0
"""How long another process may hold the file before usage is kept in memory instead."""

_CLAIMED_S = 60.0
"""How long a SIM is left to another process that is reading it; if that process died, the claim lapses."""

_CLOSES_WITHIN_MS = 1000
KEPT_S = 400 * 86_400.0
_NOT_KEPT = "usage that was read could not be kept on disk ({}): it is known until the server stops"

Claim = Literal["mine", "known", "taken"]
T = TypeVar("T")


class Amount(NamedTuple):
    """What one SIM used in one period: data in MB, SMS as a count, their costs, and when it was read (Unix time)."""

    data_mb: float
    sms: float
    costs: Money
    read_at: float

    @property
    def idle(self) -> bool:
        """Tell whether there was neither data nor SMS."""
        return self.data_mb <= 0 and self.sms <= 0


class UsageStore:
    """Keep usage in a file that several processes may share, or in memory where that fails.

    Every method blocks: call it off the event loop.
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
        """Close the file and end this process's claims."""
        with self._lock:
            with suppress(sqlite3.Error):
                # Claims lapse by themselves, so nobody waits long for this.
                self._db.execute(f"PRAGMA busy_timeout = {_CLOSES_WITHIN_MS}")
                self._db.execute("DELETE FROM claim WHERE owner = ?", (self._owner,))
            self._db.close()

    def known(self, workspace: str, period: str, since: float) -> dict[int, Amount]:
        """Return what SIMs used in a period, by SIM id: final, or read at or after `since` (Unix time)."""
        rows = self._try(
            lambda db: db.execute(
                "SELECT sim, data_mb, sms, costs, read_at FROM usage "
                "WHERE workspace = ? AND period = ? AND (final OR read_at >= ?)",
                (workspace, period, since),
            ).fetchall()
        )
        return {sim: Amount(data, sms, load_costs(costs), at) for sim, data, sms, costs, at in rows}

    def claim(self, workspace: str, kind: str, sim: int, periods: Iterable[str], since: float, now: float) -> Claim:
        """Claim the reading of a SIM for this process.

        Returns:
            "known" if all its periods are final or were read at or after `since`, "taken" if another process is
            reading it, else "mine".
        """

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

    def renew(self, now: float) -> None:
        """Keep the claims of this process, whose readings wait for their turn."""
        sql = "UPDATE claim SET until = ? WHERE owner = ?"
        self._try(lambda db: db.execute(sql, (now + _CLAIMED_S, self._owner)))

    def keep(self, workspace: str, kind: str, sim: int, read: Mapping[str, tuple[Amount, bool]]) -> None:
        """Keep what a SIM used, by period and with whether that is final, and end the claim on it."""
        rows = [
            (workspace, period, sim, one.data_mb, one.sms, dump_costs(one.costs), one.read_at, final)
            for period, (one, final) in read.items()
        ]

        def write(db: sqlite3.Connection) -> None:
            with _transaction(db):
                db.executemany("INSERT OR REPLACE INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
                db.execute("DELETE FROM claim WHERE workspace = ? AND kind = ? AND sim = ?", (workspace, kind, sim))

        self._try(write)

    def release(self, workspace: str, kind: str, sim: int) -> None:
        """End a claim without a result."""
        sql = "DELETE FROM claim WHERE workspace = ? AND kind = ? AND sim = ? AND owner = ?"
        self._try(lambda db: db.execute(sql, (workspace, kind, sim, self._owner)))

    def forget_old(self, now: float) -> None:
        """Delete usage that was read more than 400 days ago."""
        self._try(lambda db: db.execute("DELETE FROM usage WHERE read_at < ?", (now - KEPT_S,)))

    def _try(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Work on the file; where that fails, as on a full disk, go on in memory with all that can still be read."""
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
                    # The copy is damaged too: start empty.
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
    if _columns(db, "usage") == _FORMER_USAGE:
        with _transaction(db):
            # Another process may have been faster.
            if _columns(db, "usage") == _FORMER_USAGE:
                db.execute("DROP TABLE usage")
    db.executescript(_SCHEMA)
    for table, columns in _COLUMNS.items():
        if _columns(db, table) != columns:
            raise sqlite3.DatabaseError(f"{FILE} is of another version of this program; it can be removed")


def _columns(db: sqlite3.Connection, table: str) -> tuple[str, ...]:
    return tuple(name for (name,) in db.execute("SELECT name FROM pragma_table_info(?)", (table,)))


def dump_costs(costs: Money) -> str:
    """Return costs as they are kept."""
    return json.dumps({currency: str(cost) for currency, cost in costs.items()})


def load_costs(costs: str) -> Money:
    """Return costs that were kept."""
    return Money({currency: Decimal(cost) for currency, cost in json.loads(costs).items()})
