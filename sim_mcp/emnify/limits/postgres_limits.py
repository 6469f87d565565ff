"""The slots that servers share, in PostgreSQL: one call of a function of the database for each."""

import os
import secrets
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import anyio
import psycopg
from pydantic import SecretStr

from sim_mcp.emnify.limits.shared_limits import Gate, LimitsAwayError, Slot
from sim_mcp.postgres import Connections

_RESERVE = "SELECT granted, wait, together FROM reserve_pace(%s, %s, %s, %s, %s, %s)"
_TAKE_CALL = "SELECT wait, together FROM take_call(%s, %s, %s)"
_PAUSE = "SELECT pause_pace(%s, %s)"
_SENT = """
SELECT coalesce(json_agg(json_build_array(scope, extract(epoch FROM clock_timestamp()) - second, sent)), '[]')
FROM pace_seconds WHERE scope = ANY (%s) AND second > extract(epoch FROM clock_timestamp()) - %s
"""
_WITHIN_S = 2.0
"""How long a request waits for the database before it does without."""

_TRIES_AGAIN_IN_S = 5.0
_LONGEST_S = 1e9


class PostgresLimits:
    """Reserve slots over one connection of this server's own."""

    def __init__(self, url: SecretStr) -> None:
        self._connections = Connections(url)
        self._name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        self._turn = anyio.Lock()
        self._db: psycopg.AsyncConnection | None = None
        self._away_until = 0.0
        self._together = 1

    @property
    def together(self) -> int:
        """Return how many servers share the limits, as far as was heard."""
        return self._together

    @property
    def is_away(self) -> bool:
        """Tell whether the database could not be reached a moment ago."""
        return time.monotonic() < self._away_until

    async def reserve(self, gates: Sequence[Gate], longest_s: float) -> Slot:
        """Take the next slot that all gates allow, in one atomic step, unless it is further ahead than `longest_s`.

        Raises:
            LimitsAwayError: The database cannot be reached, or does not answer.
        """
        scopes, intervals, requests, windows = (list(column) for column in zip(*gates, strict=True))
        asked = (self._name, min(longest_s, _LONGEST_S), scopes, intervals, requests, windows)
        granted, wait_s, together = await self._call(_RESERVE, asked)
        self._together = max(1, int(together))
        return Slot(bool(granted), float(wait_s), int(together))

    async def take_call(self, caller: str, per_minute: int) -> float:
        """Count one call of somebody in one atomic step; return 0, or in how many seconds there would be room for it.

        Raises:
            LimitsAwayError: The database cannot be reached, or does not answer.
        """
        wait_s, together = await self._call(_TAKE_CALL, (self._name, caller, per_minute))
        self._together = max(1, int(together))
        return float(wait_s)

    async def pause(self, scope: str, seconds: float) -> None:
        """Give no slot of a scope for so many seconds.

        Raises:
            LimitsAwayError: The database cannot be reached, or does not answer.
        """
        await self._call(_PAUSE, (scope, seconds))

    async def sent(self, scopes: Sequence[str], window_s: int) -> list[tuple[str, float, int]]:
        """Return, by scope and by seconds ago, how many slots of the last so many seconds were given.

        Raises:
            LimitsAwayError: The database cannot be reached, or does not answer.
        """
        (rows,) = await self._call(_SENT, (list(scopes), window_s))
        return [(str(scope), float(ago_s), int(number)) for scope, ago_s, number in rows]

    async def aclose(self) -> None:
        """Close the connection."""
        db, self._db = self._db, None
        if db is not None:
            with suppress(psycopg.Error):
                await db.close()

    async def _call(self, statement: str, values: Sequence[object]) -> tuple[Any, ...]:
        if self.is_away:
            raise LimitsAwayError("tried a moment ago")
        # To its end, also where the caller leaves: a connection in the middle of an answer is of no use.
        with anyio.CancelScope(shield=True):
            try:
                with anyio.fail_after(_WITHIN_S):
                    async with self._turn:
                        if self._db is None or self._db.closed:
                            self._db = await self._connections.connect_async()
                        row = await (await self._db.execute(statement.encode(), values)).fetchone()
            except (psycopg.Error, TimeoutError) as error:
                self._away_until = time.monotonic() + _TRIES_AGAIN_IN_S
                await self.aclose()
                raise LimitsAwayError(type(error).__name__) from None
        if row is None:
            raise LimitsAwayError("no answer")
        return row
