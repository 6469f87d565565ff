"""The SQLite database of a world: cards, devices, batches, quotas, and recorded events."""

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from sim_mcp.sandbox.store.schema import ENDPOINT_COLUMNS, EVENT_COLUMNS, INDEXES, SIM_COLUMNS, TABLES

_BOTH = ", ".join(
    [f"sim.{name}" for name in SIM_COLUMNS.split()] + [f"endpoint.{name}" for name in ENDPOINT_COLUMNS.split()]
)
_SELECT_SIM = f"SELECT {_BOTH} FROM sim LEFT JOIN endpoint ON endpoint.id = sim.endpoint"  # noqa: S608  # names of ours
_REMEMBERED = 1000
_SIM_WIDTH = len(SIM_COLUMNS.split())

Value: TypeAlias = str | int | float | None


class EndpointRow(NamedTuple):
    """A device; times are milliseconds since 1970."""

    id: int
    org: int
    name: str
    tags: str | None
    imei: str | None
    imei_lock: int
    status: int
    created: int
    updated: int
    ip: int
    kind: int
    home: int


class SimRow(NamedTuple):
    """A SIM; times are milliseconds since 1970, `since` is the start of the current status."""

    id: int
    iccid: str
    luhn: int
    eid: str | None
    imsi: str
    msisdn: str
    model: int
    status: int
    produced: int
    activated: int | None
    since: int
    customer: int | None
    reseller: int | None
    issuer: int
    endpoint_id: int | None
    batch: int | None
    endpoint: EndpointRow | None

    @property
    def iccid_with_luhn(self) -> str:
        """The 20 digits printed on the card."""
        return f"{self.iccid}{self.luhn}"


class EventRow(NamedTuple):
    """A stored event."""

    id: int
    at: int
    type: int
    source: int
    severity: int
    alert: int
    org: int
    sim: int | None
    endpoint: int | None
    text: str
    detail: str | None
    user: str | None


@dataclass(frozen=True)
class Selection:
    """SQL conditions over `sim` or `endpoint`, and an order."""

    where: str
    values: tuple[Value, ...]
    order: str = "id"


def _casefold(text: object) -> str | None:
    return None if text is None else str(text).casefold()


class Store:
    """A world in one SQLite connection that threads may share; changes go through `changing`."""

    def __init__(self, path: str = "") -> None:
        """Open a file, or a private temporary database."""
        self.connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.connection.create_function("casefold", 1, _casefold, deterministic=True)
        self._lock = threading.RLock()
        self._counts: dict[tuple[str, Selection], int] = {}
        try:
            for pragma in ("synchronous=OFF", "journal_mode=MEMORY", "cache_size=-131072", "locking_mode=EXCLUSIVE"):
                self.connection.execute(f"PRAGMA {pragma}")
            self.connection.execute("SELECT count(*) FROM sqlite_master")
        except sqlite3.DatabaseError:
            self.connection.close()
            raise

    def close(self) -> None:
        """Close the database."""
        self.connection.close()

    def create(self) -> None:
        """Create the tables."""
        self.connection.executescript(TABLES)

    def index(self) -> None:
        """Create the indexes, which is faster once the rows are inserted."""
        self.connection.executescript(INDEXES)
        self.connection.execute("ANALYZE")

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """Open a transaction."""
        with self._lock:
            if self.connection.in_transaction:
                yield self.connection
                return
            self.connection.execute("BEGIN")
            try:
                yield self.connection
            except BaseException:
                self.connection.execute("ROLLBACK")
                raise
            self.connection.execute("COMMIT")
            self._counts.clear()

    def rows(self, sql: str, *values: Value) -> list[tuple[Value, ...]]:
        """Return the rows of a query."""
        with self._lock:
            return self.connection.execute(sql, values).fetchall()

    def meta(self, key: str) -> str | None:
        """Return an entry of the metadata, or None."""
        found = self.rows("SELECT value FROM meta WHERE key = ?", key)
        return str(found[0][0]) if found else None

    def note(self, notes: dict[str, str]) -> None:
        """Store entries of the metadata."""
        with self.changing() as sql:
            sql.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", notes.items())

    def sim(self, sim_id: int) -> SimRow | None:
        """Return one SIM with its device."""
        return next(iter(self._sims("sim.id = ?", (sim_id,))), None)

    def sim_of_endpoint(self, endpoint_id: int) -> SimRow | None:
        """Return the SIM in a device."""
        return next(iter(self._sims("sim.endpoint = ?", (endpoint_id,))), None)

    def sims_of_batch(self, batch_id: int) -> list[SimRow]:
        """Return the SIMs of a batch by id."""
        return sorted(self._sims("sim.batch = ?", (batch_id,)))

    def sims(self, ids: Sequence[int]) -> list[SimRow]:
        """Return SIMs in the order of their ids as given; unknown ids are left out."""
        found: dict[int, SimRow] = {}
        for at in range(0, len(ids), 500):
            some = ids[at : at + 500]
            marks = ",".join("?" * len(some))
            found |= {row.id: row for row in self._sims(f"sim.id IN ({marks})", tuple(some))}
        return [found[each] for each in ids if each in found]

    def endpoint(self, endpoint_id: int) -> EndpointRow | None:
        """Return one device."""
        found = self.endpoints([endpoint_id])
        return found[0] if found else None

    def endpoints(self, ids: Sequence[int]) -> list[EndpointRow]:
        """Return devices in the order of their ids as given; unknown ids are left out."""
        marks = ",".join("?" * len(ids))
        columns = ", ".join(ENDPOINT_COLUMNS.split())
        sql = f"SELECT {columns} FROM endpoint WHERE id IN ({marks})"  # noqa: S608  # only question marks are inserted
        found = {int(str(row[0])): EndpointRow._make(row) for row in self.rows(sql, *ids)}
        return [found[each] for each in ids if each in found]

    def count(self, table: str, selection: Selection) -> int:
        """Count rows; the count is cached until the next change."""
        with self._lock:
            if len(self._counts) > _REMEMBERED:
                self._counts.clear()
            if (table, selection) not in self._counts:
                sql = f"SELECT count(*) FROM {table} WHERE {selection.where}"  # noqa: S608  # conditions come from query.py, values are bound
                self._counts[table, selection] = int(str(self.rows(sql, *selection.values)[0][0]))
            return self._counts[table, selection]

    def page(self, table: str, selection: Selection, limit: int, offset: int) -> list[int]:
        """Return the ids of a page, found in an index alone where there is one."""
        sql = f"SELECT id FROM {table} WHERE {selection.where} ORDER BY {selection.order} LIMIT ? OFFSET ?"  # noqa: S608  # as above
        return [int(str(row[0])) for row in self.rows(sql, *selection.values, limit, offset)]

    def events(self, column: str, key: int, first: int, last: int) -> list[EventRow]:
        """Return stored events of a `sim`, `endpoint` or `org` within a time, oldest first."""
        columns = ", ".join(EVENT_COLUMNS.split())
        sql = f"SELECT {columns} FROM event WHERE {column} = ? AND at BETWEEN ? AND ? ORDER BY id"  # noqa: S608  # the three names are ours
        return [EventRow._make(row) for row in self.rows(sql, key, first, last)]

    def add_events(self, events: Iterable[EventRow]) -> None:
        """Store events; an id that is taken moves up to the next free one."""
        with self.changing() as sql:
            for event in events:
                taken = [
                    int(row[0])
                    for row in sql.execute(
                        "SELECT id FROM event WHERE id BETWEEN ? AND ? ORDER BY id", (event.id, event.id + 99)
                    )
                ]
                free = next(n for n in range(event.id, event.id + 101) if n not in taken)
                sql.execute(insertion("event", EVENT_COLUMNS), event._replace(id=free))

    def _sims(self, where: str, values: tuple[Value, ...]) -> list[SimRow]:
        found = self.rows(f"{_SELECT_SIM} WHERE {where}", *values)
        return [_sim(row) for row in found]


def insertion(table: str, columns: str) -> str:
    """Return the statement that inserts a whole row."""
    return f"INSERT INTO {table} VALUES ({','.join('?' * len(columns.split()))})"  # noqa: S608  # both names are ours


def event_id(at: int, order: int) -> int:
    """Return an event id; ids follow time: up to 900 computed events per millisecond, then the stored ones."""
    return at * 1000 + order


STORED = 900
"""Order of the first stored event of a millisecond."""


def as_json(value: object) -> str:
    """Return compact JSON, non-ASCII characters unescaped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _sim(row: tuple[Value, ...]) -> SimRow:
    device = EndpointRow._make(row[_SIM_WIDTH:]) if row[_SIM_WIDTH] is not None else None
    return SimRow._make((*row[:_SIM_WIDTH], device))
