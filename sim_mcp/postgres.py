"""Connections to the database that servers share: how they are made, and what is said when they cannot be."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import psycopg
from psycopg import conninfo
from psycopg_pool import ConnectionPool, PoolTimeout
from pydantic import SecretStr

_AT_ONCE = 10
"""For all workspaces: who writes waits in line anyway; besides, some read and some keep a turn."""

_TELLS_WHY_S = 2
_DEFAULTS: dict[str, Any] = {
    "application_name": "sim-mcp",
    "connect_timeout": 5,
    # A network that swallows what is sent would else hold a transaction for a quarter of an hour.
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
}


class Connections:
    """Connections that are kept and lent; a restarted database is connected to anew."""

    def __init__(self, url: SecretStr, **options: int) -> None:
        given = conninfo.conninfo_to_dict(url.get_secret_value())
        self._info = conninfo.make_conninfo(**{**_DEFAULTS, **options, **given})
        host, database = given.get("host", "this machine"), given.get("dbname", given.get("user", "?"))
        self.name = f"{database} on {host}"
        """The database as it may be shown: without a user's name or password."""
        self._making = Lock()
        self._pool: ConnectionPool | None = None

    @contextmanager
    def lent(self, wait_s: float) -> Iterator[psycopg.Connection]:
        """Lend a connection that works, after up to so many seconds.

        Raises:
            psycopg.Error: There is none.
        """
        pool = self._opened()
        try:
            db = pool.getconn(timeout=wait_s)
        except PoolTimeout:
            self._tell_why()
            raise
        try:
            yield db
        finally:
            pool.putconn(db)

    def connect(self) -> psycopg.Connection:
        """Return a connection of the caller's own, not of the pool.

        Raises:
            psycopg.Error: The database cannot be reached, or refuses.
        """
        return psycopg.connect(self._info, autocommit=True)

    async def connect_async(self) -> psycopg.AsyncConnection:
        """Return a connection that is awaited.

        Raises:
            psycopg.Error: The database cannot be reached, or refuses.
        """
        return await psycopg.AsyncConnection.connect(self._info, autocommit=True)

    def close(self) -> None:
        """Close those that are kept."""
        with self._making:
            if self._pool is not None:
                self._pool.close()
                self._pool = None

    def _opened(self) -> ConnectionPool:
        with self._making:
            if self._pool is None:
                self._pool = ConnectionPool(
                    self._info,
                    # Nothing is prepared: a pooler in front may give each transaction another connection.
                    kwargs={"autocommit": True, "prepare_threshold": None},
                    min_size=0,
                    max_size=_AT_ONCE,
                    open=True,
                    check=ConnectionPool.check_connection,
                    name="sim-mcp",
                )
            return self._pool

    def _tell_why(self) -> None:
        """Connect once by hand: the pool knows only that it waited."""
        psycopg.connect(self._info, connect_timeout=_TELLS_WHY_S).close()
