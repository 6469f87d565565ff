"""The database that servers share, as the fleet needs it: without it they go on alone, so nobody waits for it long."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from pydantic import SecretStr

from sim_mcp.fleet.inventory.sharing import SharedAwayError
from sim_mcp.postgres import Connections

_WAITS_S = 2.0
_UNANSWERED_MS = 3000
"""Nobody waits longer for a network that swallows what is sent."""
_TRIES_AGAIN_IN_S = 5.0


class SharedDatabase:
    """Lend connections; once that failed, try again only after some seconds."""

    def __init__(self, url: SecretStr) -> None:
        self._connections = Connections(url, tcp_user_timeout=_UNANSWERED_MS)
        self._away_until = 0.0

    @contextmanager
    def lent(self) -> Iterator[psycopg.Connection]:
        """Lend a connection, each statement of which is a transaction of its own.

        Raises:
            SharedAwayError: There is none, or what was done with it failed.
        """
        if time.monotonic() < self._away_until:
            raise SharedAwayError("tried a moment ago")
        try:
            with self._connections.lent(_WAITS_S) as db:
                yield db
        except psycopg.Error as error:
            self._away_until = time.monotonic() + _TRIES_AGAIN_IN_S
            reason = " ".join(str(error).split()) or type(error).__name__
            raise SharedAwayError(f"the database {self._connections.name}: {reason}") from None

    def close(self) -> None:
        """Close those that are kept."""
        self._connections.close()
