"""The record in a database that servers share: one transaction writes at a time, in whichever server.

As in a file, what was seen last is looked for before anything is written: a database that was restored from a backup,
or failed over to a copy that lags, does not have it.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import anyio
import psycopg
from pydantic import SecretStr

from sim_mcp.changes.record.postgres.migrations import VERSION, version_of
from sim_mcp.changes.record.postgres.turns import TURN_S, Turns
from sim_mcp.changes.record.storage import WAITS_S, Database, JournalError, News, Record, Rows, What
from sim_mcp.postgres import Connections

_LAST = "SELECT n, at, kind, plan, item, body FROM entries ORDER BY n DESC LIMIT 1"
_SAME = "SELECT n, at, kind, plan, item, body FROM entries WHERE n = %s"
_PREPARE = """
SET LOCAL lock_timeout = '10s';
SET LOCAL idle_in_transaction_session_timeout = '15s';
SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off';
"""
"""A server that is frozen in a transaction does not hold up the others for ever; what is committed is on disk."""

_ABANDONED = "SELECT plan FROM turns WHERE until <= clock_timestamp() ORDER BY until"
_CHANNELS: dict[str, What] = {
    "sim_mcp_planned": "planned",
    "sim_mcp_decided": "decided",
    "sim_mcp_written": "written",
}
_CONNECTS_WITHIN_S = 1.0
_CONNECTS_AGAIN_IN_S = 1.0
_MISSING = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedFunction)


class PostgresRecord:
    """The record in a PostgreSQL database; several servers may share it."""

    exists = True

    def __init__(self, url: SecretStr, *, turn_s: float = TURN_S) -> None:
        self.connections = Connections(url)
        self.name = self.connections.name
        self._turn_s = turn_s
        self._seen: tuple[Any, ...] | None = None

    @contextmanager
    def writing(self) -> Iterator[Database]:
        """Open a transaction that is kept whole or not at all, after those of other servers.

        Raises:
            JournalError: It cannot be written, is not the record seen before, or is of another version.
        """
        with self._told("written"), self.connections.lent(WAITS_S) as db:
            with db.transaction():
                db.execute(_PREPARE)
                here = db.execute("SELECT id FROM record FOR UPDATE").fetchone()
                self._require_version(db)
                self._recognise(db, here)
                yield Transaction(db)
                last = db.execute(_LAST).fetchone()
            self._seen = here, last

    @contextmanager
    def reading(self, *, wait_s: float = WAITS_S) -> Iterator[Database]:
        """Open the record for reading, as one moment of it; nobody who writes is waited for.

        Raises:
            JournalError: It cannot be read, or is of an earlier version.
        """
        with self._told("read"), self.connections.lent(max(wait_s, _CONNECTS_WITHIN_S)) as db, db.transaction():
            db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            self._require_version(db, newest=False)
            yield Transaction(db)

    @asynccontextmanager
    async def turn(self, plan_id: str, until: float, *, only_looks: bool = False) -> AsyncIterator[Record | None]:
        """Wait for the turn to work on a plan until a moment of the loop's clock; yield what to write to, or None.

        Raises:
            JournalError: The record cannot be written.
        """
        async with Turns(self, self.connections, self._turn_s).taken(plan_id, until, only_looks=only_looks) as turn:
            yield turn

    def abandoned(self) -> list[str]:
        """Return the plans whose turn ran out before it was given back, the oldest first.

        Raises:
            JournalError: The record cannot be read.
        """
        with self.reading() as db:
            return [plan for (plan,) in db.execute(_ABANDONED)]

    async def news(self) -> AsyncGenerator[News]:
        """Yield what any server does, as it does it; what is missed while unconnected is not told."""
        while True:
            with suppress(psycopg.Error):
                db = await self.connections.connect_async()
                try:
                    await db.execute("LISTEN sim_mcp_planned; LISTEN sim_mcp_decided; LISTEN sim_mcp_written")
                    async for told in db.notifies():
                        yield News(_CHANNELS[told.channel], told.payload)
                finally:
                    with anyio.CancelScope(shield=True):
                        await db.close()
            await anyio.sleep(_CONNECTS_AGAIN_IN_S)

    def close(self) -> None:
        """Close the connections; the next transaction makes new ones."""
        self.connections.close()

    def _require_version(self, db: psycopg.Connection, *, newest: bool = True) -> None:
        version = version_of(db)
        if version < VERSION:
            raise self._unprepared()
        if newest and version > VERSION:
            raise JournalError(
                f"The record of changes in the database {self.name} was written by a newer version of this server, so "
                "this one changes nothing. The operator should update this server."
            )

    def _recognise(self, db: psycopg.Connection, here: tuple[Any, ...] | None) -> None:
        if self._seen is None:
            return
        before, last = self._seen
        if here != before or (last is not None and db.execute(_SAME, (last[0],)).fetchone() != last):
            raise JournalError(
                f"The record of changes in the database {self.name} is not the one this server wrote to: it was "
                "replaced, taken from a backup, or failed over to a copy that lacks what came last. Without it nothing "
                "more may be changed. The operator should put it back, or restart the servers to go on with what is "
                "there now; sim-mcp audit tells what that is."
            )

    def _unprepared(self) -> JournalError:
        return JournalError(
            f"The database {self.name} holds no record of changes of this version, so nothing can be changed. The "
            "operator has to run sim-mcp migrate, after a backup."
        )

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except psycopg.IntegrityError:
            raise
        except _MISSING:
            raise self._unprepared() from None
        except psycopg.Error as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            effect = ", so nothing more may be changed. " if what == "written" else ". "
            raise JournalError(
                f"The record of changes in the database {self.name} cannot be {what} ({reason}){effect}"
                "The operator should look at the database and at SIM_MCP_DATABASE_URL."
            ) from None


class Transaction:
    """One transaction on the record, with a `?` for each value."""

    def __init__(self, db: psycopg.Connection) -> None:
        self._db = db

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> Rows:
        """Carry out a statement."""
        return self._db.execute(_translated(statement), _storable(values))

    def executemany(self, statement: str, values: Iterable[Sequence[Any]], /) -> None:
        """Carry out a statement for each row of values."""
        with self._db.cursor() as cursor:
            cursor.executemany(_translated(statement), map(_storable, values))


def _translated(statement: str) -> bytes:
    return statement.replace("%", "%%").replace("?", "%s").encode()


def _storable(values: Sequence[Any]) -> list[Any]:
    # PostgreSQL has no text with a zero in it, which what a model names a plan by may hold.
    return [value.replace("\0", "\ufffd") if isinstance(value, str) else value for value in values]
