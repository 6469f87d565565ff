"""The file that the record of changes is kept in: opened for each transaction, and known again each time.

A connection that stays open writes on into a file that was removed or replaced, where nobody looks. So each transaction
opens the file by its name, and finds the last row it has seen there before, or refuses to write.
"""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Self

import anyio
from filelock import Timeout

from sim_mcp.changes.record.migrations import VERSION, migrate
from sim_mcp.changes.record.storage import WAITS_S, JournalError
from sim_mcp.private_files import make_private_database, private_async_lock, restrict

FILE = "journal.sqlite3"
_LOCK = "changes.lock"

_LAST = "SELECT n, at, kind, plan, item, body FROM entries ORDER BY n DESC LIMIT 1"
_SAME = "SELECT n, at, kind, plan, item, body FROM entries WHERE n = ?"


class RecordFile:
    """The record's place in a directory; several processes may share it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.path = directory / FILE
        self._seen: tuple[Any, ...] | None = None
        self._known = False

    @property
    def exists(self) -> bool:
        """Tell whether there is a record at all."""
        return self.path.is_file()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Open a transaction that is kept whole or not at all; the first one makes the file.

        Raises:
            JournalError: It cannot be written, is not the record seen before, or is of a newer version.
        """
        with self._wrap_sqlite_errors():
            if not self._known:
                self._make()
            with self._connected() as db:
                if self._version(db) > VERSION:
                    raise JournalError(
                        f"The record of changes at {self.path} was written by a newer version of this server, so "
                        "this one changes nothing. The operator should update this server."
                    )
                db.execute("BEGIN IMMEDIATE")
                try:
                    self._recognise(db)
                    yield db
                    last = db.execute(_LAST).fetchone()
                    place = self._place()
                except BaseException:
                    _roll_back(db)
                    raise
                db.execute("COMMIT")
                self._seen = last
            if self._place() != place:
                raise self._gone()

    @contextmanager
    def reading(self, *, wait_s: float = WAITS_S) -> Iterator[sqlite3.Connection]:
        """Open the record for reading, as one moment of it; where another process holds it, after up to `wait_s`.

        Raises:
            JournalError: It is not there, or cannot be read.
        """
        try:
            with self._connected(wait_s) as db:
                db.execute("PRAGMA query_only = ON")
                db.execute("BEGIN")
                yield db
        except (sqlite3.Error, OSError) as error:
            if self._seen is not None and not self.path.is_file():
                raise self._gone() from None
            raise JournalError(f"The record at {self.path} cannot be read: {error}") from None

    @asynccontextmanager
    async def turn(self, plan_id: str, until: float, *, only_looks: bool = False) -> AsyncIterator[Self | None]:
        """Wait for the turn to work on changes, one at a time in this directory, until a moment of the loop's clock."""
        del plan_id, only_looks
        try:
            lock = private_async_lock(self.directory / _LOCK)
            await lock.acquire(timeout=max(0.0, until - anyio.current_time()))
        except Timeout:
            yield None
            return
        except OSError as error:
            raise JournalError(
                f"Whether another process carries out a change cannot be told: {self.directory / _LOCK} cannot be made "
                f"or opened ({error.strerror or error}), so nothing more may be changed. The operator should look at "
                "it and at SIM_MCP_STATE_DIR."
            ) from None
        try:
            yield self
        finally:
            with anyio.CancelScope(shield=True):
                await lock.release()

    def close(self) -> None:
        """Do nothing: no transaction leaves the file open."""

    def _make(self) -> None:
        if not self.directory.is_dir():
            raise JournalError(
                f"There is no directory {self.directory} to keep the record of changes in, so nothing can be changed. "
                "The operator has to make it, or set SIM_MCP_STATE_DIR to one that exists."
            )
        make_private_database(self.path)
        self._known = True

    @contextmanager
    def _connected(self, wait_s: float = WAITS_S) -> Iterator[sqlite3.Connection]:
        # Never made here: a record that was seen and is gone must not begin anew in silence.
        db = sqlite3.connect(f"{self.path.resolve().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=wait_s)
        # Text that a failing disk damaged would else hide every row that is read with it.
        db.text_factory = partial(str, encoding="utf-8", errors="replace")
        try:
            db.execute("PRAGMA synchronous = EXTRA")
            if self._version(db) < VERSION:
                self._migrate(db)
            yield db
        finally:
            db.close()

    def _migrate(self, db: sqlite3.Connection) -> None:
        # With a log of its own beside it, a file would not be whole by itself; earlier versions had one.
        if db.execute("PRAGMA journal_mode = DELETE").fetchone() != ("delete",):
            raise sqlite3.OperationalError("another server, of an earlier version, has it open: end that first")
        db.execute("BEGIN IMMEDIATE")
        try:
            if (version := self._version(db)) < VERSION:
                migrate(db, version)
        except BaseException:
            _roll_back(db)
            raise
        db.execute("COMMIT")
        restrict(self.path)

    def _place(self) -> tuple[int, int] | None:
        """Tell which file stands where the operator looks."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _recognise(self, db: sqlite3.Connection) -> None:
        """Find what was seen last: a file that was replaced, cut or taken from a backup does not have it."""
        if self._seen is not None and db.execute(_SAME, (self._seen[0],)).fetchone() != self._seen:
            raise self._gone()

    def _gone(self) -> JournalError:
        return JournalError(
            f"The record of changes at {self.path} is not the one this server wrote to: it was removed, replaced, cut "
            "or taken from a backup. Without it nothing more may be changed. The operator should put it back, or "
            "restart this server to go on with what is there now; sim-mcp audit tells what that is."
        )

    @staticmethod
    def _version(db: sqlite3.Connection) -> int:
        return int(db.execute("PRAGMA user_version").fetchone()[0])

    @contextmanager
    def _wrap_sqlite_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError:
            raise
        except (sqlite3.Error, OSError) as error:
            if self._seen is not None and not self.path.is_file():
                raise self._gone() from None
            raise JournalError(
                f"The record of changes at {self.path} cannot be written ({error}), so nothing more may be changed. "
                "The operator should look at the disk and at SIM_MCP_STATE_DIR."
            ) from None


def _roll_back(db: sqlite3.Connection) -> None:
    # A full disk makes SQLite roll back by itself.
    if db.in_transaction:
        db.execute("ROLLBACK")
