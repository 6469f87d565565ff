"""Turns at plans, among servers: a lease that is renewed while its holder lives, a number against one that wakes late.

A lock that belongs to a connection would not do: a server that is frozen keeps its connection, and its lock with it.
"""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    suppress,
)

import anyio
import anyio.to_thread
import psycopg

from sim_mcp.changes.record.storage import WAITS_S, Database, JournalError, Record, TurnLostError
from sim_mcp.postgres import Connections

log = logging.getLogger(__name__)

TURN_S = 10.0
"""How long a turn lasts that is not renewed: then a server that was killed, frozen or cut off loses its plan."""

_RENEWALS = 4
"""How often within that time it is renewed."""
_LOOKS_EVERY_S = 0.25

_SHARES_SIMS = """
SELECT 1 FROM turns
JOIN items AS theirs ON theirs.plan = turns.plan
JOIN items AS ours ON ours.plan = ? AND ours.sim = theirs.sim
WHERE turns.plan <> ? AND turns.until > clock_timestamp() LIMIT 1
"""
_RAN_OUT = "SELECT 1 FROM turns WHERE plan = ? AND until <= clock_timestamp()"
_TAKE = """
INSERT INTO turns (plan, number, until, holder) VALUES (?, 1, clock_timestamp() + ? * interval '1 second', ?)
ON CONFLICT (plan) DO UPDATE SET number = turns.number + 1, until = EXCLUDED.until, holder = EXCLUDED.holder
WHERE turns.until IS NULL OR turns.until <= clock_timestamp()
RETURNING number
"""
_RENEW = """
UPDATE turns SET until = clock_timestamp() + {0} * interval '1 second'
WHERE plan = {0} AND number = {0} AND until > clock_timestamp() RETURNING number
"""
# One that ran out stays as it is: so others see that it was not given back, and go on with the plan.
_GIVE_BACK = "UPDATE turns SET until = NULL WHERE plan = %s AND number = %s AND until > clock_timestamp()"
_HAND_OVER = "UPDATE turns SET until = clock_timestamp() WHERE plan = %s AND number = %s AND until > clock_timestamp()"


class Turn:
    """A turn at a plan: the record, written to only while the turn lasts."""

    exists = True

    def __init__(self, record: Record, plan_id: str, number: int, turn_s: float, *, was_abandoned: bool) -> None:
        self._record = record
        self.plan_id = plan_id
        self.number = number
        self._turn_s = turn_s
        self.was_abandoned = was_abandoned
        """Whether the turn before ran out."""

    @contextmanager
    def writing(self) -> Iterator[Database]:
        """Open a transaction that is kept whole or not at all, and renews the turn.

        Raises:
            TurnLostError: The turn is over, so nothing was written, and nothing may be sent.
            JournalError: It cannot be written.
        """
        with self._record.writing() as db:
            if db.execute(_RENEW.format("?"), (self._turn_s, self.plan_id, self.number)).fetchone() is None:
                raise TurnLostError(
                    f"This server was out of reach for more than {self._turn_s:.0f} s while it worked on plan "
                    f"{self.plan_id}, so another may go on with it. This one sends nothing more of it."
                )
            yield db

    def reading(self, *, wait_s: float = WAITS_S) -> AbstractContextManager[Database]:
        """Open the record for reading.

        Raises:
            JournalError: It cannot be read.
        """
        return self._record.reading(wait_s=wait_s)

    def turn(
        self, plan_id: str, until: float, *, only_looks: bool = False
    ) -> AbstractAsyncContextManager[Record | None]:
        """Wait for the turn to work on another plan."""
        return self._record.turn(plan_id, until, only_looks=only_looks)

    def close(self) -> None:
        """Do nothing: what is open is the record's."""


class Turns:
    """The turns of one record."""

    def __init__(self, record: Record, connections: Connections, turn_s: float) -> None:
        self._record = record
        self._connections = connections
        self._turn_s = turn_s

    @asynccontextmanager
    async def taken(self, plan_id: str, until: float, *, only_looks: bool = False) -> AsyncIterator[Turn | None]:
        """Wait for a turn until a moment of the event loop's clock, and renew it until the block ends.

        Where the block ends because the record failed, others are to go on with the plan; also with one that was
        abandoned before, and was only looked at since.
        """
        turn = await self._wait(plan_id, until)
        if turn is None:
            yield None
            return
        renewing = asyncio.create_task(self._keep_renewing(turn))
        end = _HAND_OVER if only_looks and turn.was_abandoned else _GIVE_BACK
        try:
            yield turn
        except JournalError:
            end = _HAND_OVER
            raise
        finally:
            renewing.cancel()
            with anyio.CancelScope(shield=True):
                with suppress(asyncio.CancelledError):
                    await renewing
                await self._try(end, plan_id, turn.number)

    async def _wait(self, plan_id: str, until: float) -> Turn | None:
        while True:
            # A turn that was taken for a caller who left meanwhile would have to run out.
            with anyio.CancelScope(shield=True):
                turn = await anyio.to_thread.run_sync(self._take, plan_id)
            if turn is not None:
                return turn
            if anyio.current_time() >= until:
                return None
            await anyio.sleep(min(_LOOKS_EVERY_S, max(0.0, until - anyio.current_time())))

    def _take(self, plan_id: str) -> Turn | None:
        """Take the turn, unless another has it or works on one of its SIMs."""
        with self._record.writing() as db:
            if db.execute(_SHARES_SIMS, (plan_id, plan_id)).fetchone():
                return None
            abandoned = db.execute(_RAN_OUT, (plan_id,)).fetchone() is not None
            taken = db.execute(_TAKE, (plan_id, self._turn_s, f"{socket.gethostname()}:{os.getpid()}")).fetchone()
        return None if taken is None else Turn(self._record, plan_id, taken[0], self._turn_s, was_abandoned=abandoned)

    async def _keep_renewing(self, turn: Turn) -> None:
        while True:
            await anyio.sleep(self._turn_s / _RENEWALS)
            await self._try(_RENEW.format("%s"), self._turn_s, turn.plan_id, turn.number)

    async def _try(self, statement: str, *values: str | float) -> None:
        """Carry out a statement; where that fails, the turn runs out, which whoever writes next is told."""

        def execute() -> None:
            with self._connections.lent(self._turn_s / _RENEWALS) as db:
                db.execute(statement.encode(), values)

        try:
            await anyio.to_thread.run_sync(execute)
        except psycopg.Error as error:
            log.warning("A turn at a change could not be renewed or given back: %s", type(error).__name__)
