"""The snapshot of one fleet where several servers share it: read by one, fetched by the others, corrected by all."""

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import anyio
import anyio.to_thread

from sim_mcp.fleet.inventory.database import SnapshotDatabase, SnapshotFileError, SnapshotInfo
from sim_mcp.fleet.inventory.sharing import (
    TURN_S,
    KeptSnapshot,
    NotKeptError,
    OwnWrites,
    ReadingTurn,
    SharedAwayError,
    SharedFleet,
    TurnOverError,
)
from sim_mcp.fleet.inventory.store import Newest, SnapshotStore, apply_writes
from sim_mcp.recorder import Recorder

log = logging.getLogger(__name__)

_RENEWALS = 4
"""How often a turn is renewed within the time that it lasts."""

_PARTS_KEPT_S = 600.0
"""What other processes on this machine are fetching is not tidied away."""

_AWAY = "What the servers share cannot be reached: this is what this server knows by itself."


class _Seen(NamedTuple):
    """What is at hand, and what the servers keep."""

    newest: Newest
    elsewhere: KeptSnapshot | None = None
    """The newest that the servers keep, unless it is at hand."""
    outdated: bool = False

    def is_worth_fetching(self, fresh_s: float) -> bool:
        """Tell whether another is needed and to be had: an old one is better than none."""
        if self.elsewhere is None:
            return False
        return self.newest.database is None or (self.elsewhere.age_s < fresh_s and not self.outdated)


class SharedSnapshotStore(SnapshotStore):
    """Keep a copy of the newest snapshot that the servers keep; where they cannot be reached, go on alone."""

    other_reader = "another server"

    def __init__(self, directory: Path | None, identity: str, in_thread: Recorder, shared: SharedFleet) -> None:
        super().__init__(directory, identity, in_thread)
        self._shared = shared
        self._turn: ReadingTurn | None = None
        self._began_after = 0
        """The last of our own writes when what is being read was begun."""
        self._number: int | None = None
        """Which of the snapshots that servers keep is at hand."""
        self._applied = 0
        """The last of our own writes that is in what is at hand."""
        self._missing: int | None = None
        """One that is said to be kept, and is not."""
        self._untold: list[OwnWrites | None] = []

    async def newest(self, *, fresh_s: float = 0.0) -> Newest:
        """Return the newest snapshot at hand; one that servers keep and that is not older than that is fetched first.

        Raises:
            sqlite3.Error: What is kept cannot be read.
        """
        seen = await self._in_thread(self._see)
        kept = seen.elsewhere
        if kept is None or not fresh_s or not seen.is_worth_fetching(fresh_s):
            return seen.newest
        try:
            fetched = await anyio.to_thread.run_sync(self._fetch, kept)
        except SharedAwayError as error:
            self._say(error)
            return seen.newest
        except (NotKeptError, SnapshotFileError) as error:
            log.info("A snapshot that servers keep could not be fetched: %s", error)
            self._missing = kept.number
            return seen.newest
        await self._in_thread(self._adopt_kept, kept, fetched)
        return (await self._in_thread(self._see)).newest

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[bool]:
        """Keep other servers from reading the fleet within the block; yield False where one reads it now.

        Raises:
            TurnOverError: Another may read it by now: the block was ended.
        """
        try:
            # A turn that was taken for a caller who left meanwhile would have to run out.
            with anyio.CancelScope(shield=True):
                turn = await anyio.to_thread.run_sync(self._shared.take_turn)
        except SharedAwayError as error:
            self._say(error)
            yield True
            return
        if turn is None:
            yield False
            return
        self._turn = turn
        with anyio.CancelScope() as block:
            renewing = asyncio.create_task(_renew(turn, block))
            try:
                yield True
            finally:
                renewing.cancel()
                self._turn = None
                with anyio.CancelScope(shield=True):
                    with suppress(asyncio.CancelledError):
                        await renewing
                    await anyio.to_thread.run_sync(turn.end)
        if block.cancelled_caught:
            raise TurnOverError

    async def publish(self, filled: SnapshotDatabase, info: SnapshotInfo) -> SnapshotDatabase:
        """Make what was filled the newest snapshot of all servers, or where they cannot be reached, of this one.

        Raises:
            TurnOverError: Another may have read the fleet meanwhile.
            sqlite3.Error: It cannot be kept.
            OSError: As above.
            SnapshotFileError: As above.
        """
        if self._turn is not None:
            try:
                written = await self._in_thread(self._seal, filled, info)
                # Beside everything else: of a large fleet this takes seconds.
                number = await anyio.to_thread.run_sync(
                    self._turn.publish, filled.copy(), info, self._began_after, written
                )
            except SharedAwayError as error:
                self._say(error)
            else:
                return await self._in_thread(self._adopt_own, filled, info, number, written)
        self._number = None
        return await self._in_thread(self._publish, filled, info)

    def _new_database(self) -> SnapshotDatabase:
        with suppress(SharedAwayError):
            self._began_after = self._shared.standing(self._applied).written
        return super()._new_database()

    def _correct(self, writes: OwnWrites) -> None:
        self._tell(writes)
        super()._correct(writes)

    def _outdate(self, at: float) -> None:
        self._tell(None)
        super()._outdate(at)

    def _tell(self, writes: OwnWrites | None) -> None:
        """Tell the other servers of a write, and of those that they could not be told of when they were made."""
        self._untold.append(writes)
        try:
            self._tell_all()
        except SharedAwayError as error:
            self._say(error)

    def _tell_all(self) -> None:
        while self._untold:
            self._shared.record(self._untold[0])
            del self._untold[0]

    def _see(self) -> _Seen:
        own = self._look()
        try:
            self._tell_all()
            standing = self._shared.standing(self._applied)
            if standing.newest is not None and own.database is not None and self._is_at_hand(standing.newest, own):
                if self._number != standing.newest.number:
                    # Another process on this machine fetched it, or this one before it was restarted.
                    self._number, self._applied = standing.newest.number, standing.newest.written
                    standing = self._shared.standing(self._applied)
                apply_writes(own.database, standing.writes)
                self._applied = standing.written
        except SharedAwayError as error:
            self._say(error)
            return _Seen(own)
        self.note = None
        newest = standing.newest
        if newest is not None and newest.number == self._number:
            return _Seen(Newest(own.database, math.inf if standing.outdated else 0.0))
        # What is at hand is older, or was read alone: others may have changed what is in it.
        is_kept = newest is not None and newest.number != self._missing
        return _Seen(Newest(own.database, math.inf), newest if is_kept else None, standing.outdated)

    def _is_at_hand(self, kept: KeptSnapshot, own: Newest) -> bool:
        if own.database is None or own.database.path is None:
            return self._number == kept.number
        return own.database.path == self._cache.finished_path(kept.number)

    def _fetch(self, kept: KeptSnapshot) -> SnapshotDatabase:
        for path in (self._cache.partial_path(), None):
            with suppress(OSError), self._shared.fetched(kept.number) as copy:
                return SnapshotDatabase.restore(copy, path)
        raise SnapshotFileError("there is no room for it")

    def _adopt_kept(self, kept: KeptSnapshot, fetched: SnapshotDatabase) -> None:
        ended = time.time() - kept.age_s
        info = SnapshotInfo(kept.taken_at, ended - kept.took_s, ended, kept.settled, kept.unreadable)
        self._take(fetched, info, kept.number, kept.written)

    def _adopt_own(self, filled: SnapshotDatabase, info: SnapshotInfo, number: int, written: int) -> SnapshotDatabase:
        database = self._take(filled, info, number, written)
        with suppress(SharedAwayError):
            standing = self._shared.standing(written)
            apply_writes(database, standing.writes)
            self._applied = standing.written
        return database

    def _take(self, filled: SnapshotDatabase, info: SnapshotInfo, number: int, written: int) -> SnapshotDatabase:
        database = self._adopt(filled, info, number)
        self._number, self._applied, self._missing = number, written, None
        self._cache.tidy(database.path, parts_after_s=_PARTS_KEPT_S)
        return database

    def _seal(self, filled: SnapshotDatabase, info: SnapshotInfo) -> int:
        """Apply the writes of all servers since reading began; return the last of them."""
        self._tell_all()
        standing = self._shared.standing(self._began_after)
        apply_writes(filled, standing.writes)
        filled.seal(info)
        return standing.written

    def _say(self, error: SharedAwayError) -> None:
        if self.note is None:
            log.warning("The inventory is not shared with the other servers until their database is back: %s", error)
        self.note = _AWAY


async def _renew(turn: ReadingTurn, block: anyio.CancelScope) -> None:
    """Renew a turn, and end the block once it is over; while that is not known, it may run out."""
    while True:
        await anyio.sleep(TURN_S / _RENEWALS)
        try:
            await anyio.to_thread.run_sync(turn.renew)
        except TurnOverError:
            block.cancel()
            return
        except SharedAwayError as error:
            log.info("The turn to read the fleet could not be renewed: %s", error)
