"""The newest snapshot of each fleet, in parts, with the turn to read it and the writes of our own since.

A turn is a lease with a number, as for changes: who wakes late with an old number publishes nothing. Our own writes are
numbered within a fleet, in the order in which they are committed, for who writes holds the fleet's row.
"""

import os
import socket
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC

import psycopg

from sim_mcp.fleet.inventory.database import SCHEMA_VERSION, SnapshotInfo
from sim_mcp.fleet.inventory.sharing import (
    TURN_S,
    KeptSnapshot,
    NotKeptError,
    OwnWrites,
    SharedAwayError,
    Standing,
    TurnOverError,
    dump_writes,
    load_writes,
)
from sim_mcp.shared_fleet.database import SharedDatabase

_FAST = 1
"""How hard a part is packed: twice as hard takes three times as long, and saves a sixth."""

_STANDING = """
SELECT snapshot, snapshot_written, taken_at, extract(epoch FROM clock_timestamp() - ended)::float8, took_s, settled,
    unreadable, outdated > snapshot_began, written
FROM fleets WHERE workspace = %s
"""
_WRITES = "SELECT sim, row, names FROM fleet_writes WHERE workspace = %s AND n > %s AND sim IS NOT NULL ORDER BY n"
_TAKE = """
INSERT INTO fleets (workspace, turn, until, holder)
VALUES (%(workspace)s, 1, clock_timestamp() + %(for_s)s * interval '1 second', %(holder)s)
ON CONFLICT (workspace) DO UPDATE SET turn = fleets.turn + 1, until = EXCLUDED.until, holder = EXCLUDED.holder
WHERE fleets.until IS NULL OR fleets.until <= clock_timestamp()
RETURNING turn
"""
_RENEW = """
UPDATE fleets SET until = clock_timestamp() + %s * interval '1 second'
WHERE workspace = %s AND turn = %s AND until > clock_timestamp() RETURNING turn
"""
_END = "UPDATE fleets SET until = NULL WHERE workspace = %s AND turn = %s"
_COUNT = """
INSERT INTO fleets (workspace, written) VALUES (%(workspace)s, %(more)s)
ON CONFLICT (workspace) DO UPDATE SET written = fleets.written + %(more)s RETURNING written
"""
_RECORD = "INSERT INTO fleet_writes (workspace, n, sim, row, names) VALUES (%s, %s, %s, %s, %s)"
_OUTDATE = "UPDATE fleets SET outdated = %s WHERE workspace = %s"
_NUMBER = """
SELECT greatest(coalesce(snapshot, 0) + 1, (extract(epoch FROM clock_timestamp()) * 1e9)::bigint)
FROM fleets WHERE workspace = %s
"""
_KEEP_PART = "INSERT INTO fleet_copies (workspace, snapshot, part, bytes) VALUES (%s, %s, %s, %s)"
_PUBLISH = """
UPDATE fleets SET until = NULL, snapshot = %(number)s, parts = %(parts)s, snapshot_began = %(began)s,
    snapshot_written = %(written)s, taken_at = %(taken_at)s,
    ended = clock_timestamp() - %(ago_s)s * interval '1 second',
    took_s = %(took_s)s, settled = %(settled)s, unreadable = %(unreadable)s
WHERE workspace = %(workspace)s AND turn = %(turn)s AND until > clock_timestamp() RETURNING turn
"""
_TIDY = (
    # Who fetches one sees it to its end: what is deleted is still there for a transaction that began before.
    "DELETE FROM fleet_copies WHERE workspace = %(workspace)s AND snapshot <> %(number)s",
    "DELETE FROM fleet_writes WHERE at < clock_timestamp() - interval '1 day'",
    # Of tokens that are no longer in use.
    "DELETE FROM fleets WHERE ended < clock_timestamp() - interval '7 days' AND until IS NULL",
    "DELETE FROM fleet_copies WHERE workspace NOT IN (SELECT workspace FROM fleets)",
)
_FETCH = "SELECT bytes FROM fleet_copies WHERE workspace = %s AND snapshot = %s ORDER BY part"
_PARTS = """
SELECT parts FROM fleets WHERE workspace = %(workspace)s AND snapshot = %(number)s AND parts =
    (SELECT count(*) FROM fleet_copies WHERE workspace = %(workspace)s AND snapshot = %(number)s)
"""


class PostgresSnapshots:
    """What servers keep of one fleet."""

    def __init__(self, database: SharedDatabase, identity: str) -> None:
        self._database = database
        # Servers of two versions do not understand each other's snapshots.
        self._workspace = f"{identity}-{SCHEMA_VERSION}"

    def standing(self, after: int) -> Standing:
        """Return how the fleet stands, with our own writes after that one.

        Raises:
            SharedAwayError: It is not known.
        """
        with self._database.lent() as db:
            row = db.execute(_STANDING, (self._workspace,)).fetchone()
            if row is None:
                return Standing(None, outdated=False, written=0, writes=load_writes([]))
            number, in_it, taken_at, age_s, took_s, settled, unreadable, outdated, written = row
            writes = db.execute(_WRITES, (self._workspace, after)).fetchall() if written > after else []
        newest = None
        if number is not None:
            newest = KeptSnapshot(number, in_it, taken_at.astimezone(UTC), age_s, took_s, settled, unreadable)
        return Standing(newest, outdated=bool(outdated), written=written, writes=load_writes(writes))

    def take_turn(self) -> "PostgresReadingTurn | None":
        """Return the turn to read the fleet, or None where another server has it.

        Raises:
            SharedAwayError: It is not known.
        """
        wanted = {"workspace": self._workspace, "for_s": TURN_S, "holder": f"{socket.gethostname()}:{os.getpid()}"}
        with self._database.lent() as db:
            taken = db.execute(_TAKE, wanted).fetchone()
        return None if taken is None else PostgresReadingTurn(self._database, self._workspace, taken[0])

    @contextmanager
    def fetched(self, number: int) -> Iterator[Iterator[bytes]]:
        """Yield the file of a snapshot, in parts.

        Raises:
            NotKeptError: It is no longer kept whole.
            SharedAwayError: It cannot be fetched.
        """
        with self._database.lent() as db, db.transaction(), db.cursor(binary=True) as cursor:
            db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            if db.execute(_PARTS, {"workspace": self._workspace, "number": number}).fetchone() is None:
                raise NotKeptError(f"snapshot {number} is not kept whole")
            yield (zlib.decompress(part) for (part,) in cursor.stream(_FETCH, (self._workspace, number)))

    def record(self, writes: OwnWrites | None) -> None:
        """Tell the others of writes of our own; None is one of which nothing more is known.

        Raises:
            SharedAwayError: They cannot be told.
        """
        dumped = [] if writes is None else dump_writes(writes)
        with self._database.lent() as db, db.transaction(), db.cursor() as cursor:
            more = len(dumped) or 1
            counted = db.execute(_COUNT, {"workspace": self._workspace, "more": more}).fetchone()
            last = 0 if counted is None else counted[0]
            if writes is None:
                db.execute(_OUTDATE, (last, self._workspace))
            numbered = enumerate(dumped, last - len(dumped) + 1)
            cursor.executemany(_RECORD, [(self._workspace, n, *each) for n, each in numbered])


class PostgresReadingTurn:
    """The turn to read one fleet for all servers."""

    def __init__(self, database: SharedDatabase, workspace: str, number: int) -> None:
        self._database = database
        self._workspace = workspace
        self._number = number

    def renew(self) -> None:
        """Keep it for another ten seconds.

        Raises:
            TurnOverError: It ran out.
            SharedAwayError: That is not known.
        """
        with self._database.lent() as db:
            self._renew(db)

    def publish(self, copy: Iterable[bytes], info: SnapshotInfo, began: int, written: int) -> int:
        """Keep a snapshot as the newest, and end the turn; return its number.

        Raises:
            TurnOverError: The turn ran out before all of it was kept.
            SharedAwayError: It cannot be kept.
        """
        with self._database.lent() as db:
            row = db.execute(_NUMBER, (self._workspace,)).fetchone()
            number, parts, renewed = 0 if row is None else row[0], 0, time.monotonic()
            for part in copy:
                if time.monotonic() - renewed > TURN_S / 4:
                    self._renew(db)
                    renewed = time.monotonic()
                db.execute(_KEEP_PART, (self._workspace, number, parts, zlib.compress(part, _FAST)))
                parts += 1
            told = {
                "workspace": self._workspace,
                "turn": self._number,
                "number": number,
                "parts": parts,
                "began": began,
                "written": written,
                "taken_at": info.taken_at,
                "took_s": info.ended - info.began,
                "settled": info.settled,
                "unreadable": info.unreadable,
                "ago_s": max(0.0, time.time() - info.ended),
            }
            with db.transaction():
                if db.execute(_PUBLISH, told).fetchone() is None:
                    raise TurnOverError
                for statement in _TIDY:
                    db.execute(statement, told)
        return number

    def end(self) -> None:
        """Leave the turn to others; where they cannot be told, it runs out."""
        with suppress(SharedAwayError), self._database.lent() as db:
            db.execute(_END, (self._workspace, self._number))

    def _renew(self, db: psycopg.Connection) -> None:
        if db.execute(_RENEW, (TURN_S, self._workspace, self._number)).fetchone() is None:
            raise TurnOverError
