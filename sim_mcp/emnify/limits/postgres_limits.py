"""The slots that servers share, in PostgreSQL: one call of a function of the database for each."""

import hashlib
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

from sim_mcp.emnify.limits.budget import (
    LEAST_FOR_BACKGROUND,
    ROOM_FOR_MORE,
    UNSHARED,
    Claim,
    full_for,
    own_for,
)
from sim_mcp.emnify.limits.shared_limits import Gate, LimitsAwayError, Slot
from sim_mcp.postgres import Connections

_RESERVE = """
SELECT granted, wait, together, asked
FROM reserve_slot(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_TAKE_CALL = "SELECT wait, together FROM take_call(%s, %s, %s)"
_PAUSE = "SELECT pause_pace(%s, %s)"
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

    async def reserve(self, gates: Sequence[Gate], longest_s: float, claim: Claim = Claim("", "change")) -> Slot:  # noqa: B008  # it is frozen.
        """Take the next slot that all gates allow, in one atomic step, unless it is further ahead than `longest_s`.

        Of a window, a claim gets no more than its rank may take, and its principal's share.

        Raises:
            LimitsAwayError: The database cannot be reached, or does not answer.
        """
        scopes, intervals, requests, windows = (list(column) for column in zip(*gates, strict=True))
        # Told apart they have to be, known they need not.
        who = hashlib.blake2b(claim.asked_by.encode(), digest_size=8).hexdigest() if claim.is_of_one else ""
        shares = (full_for(claim.rank), own_for(claim.rank), LEAST_FOR_BACKGROUND, ROOM_FOR_MORE, UNSHARED)
        asks = (self._name, min(longest_s, _LONGEST_S), claim.rank, who, *shares, scopes, intervals, requests, windows)
        granted, wait_s, together, asked = await self._call(_RESERVE, asks)
        self._together = max(1, int(together))
        return Slot(bool(granted), float(wait_s), int(together), float(asked))

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
