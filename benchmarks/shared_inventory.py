"""Where servers keep a fleet together: its file in parts in PostgreSQL, as is done, against rows in tables there.

Run with `uv run python benchmarks/shared_inventory.py [SIMS …] [--json]`; it starts a PostgreSQL of its own from the
machine's packages. One process puts the fleet there; one of its own fetches it, as a server does, and is asked.
"""

import multiprocessing
import random
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
from pydantic import SecretStr

from benchmarks.common import Row as Line
from benchmarks.common import run_for_sizes, times
from benchmarks.inventory import GROUPINGS, MIB_PER_UNIT, PAGE, PER_SECOND, timed
from sim_mcp.changes.record.postgres.upgrade import upgrade
from sim_mcp.fleet.inventory.database import SnapshotDatabase, SnapshotInfo
from sim_mcp.fleet.inventory.rows import Names, Row
from sim_mcp.fleet.inventory.snapshot import Snapshot
from sim_mcp.shared_fleet.database import SharedDatabase
from sim_mcp.shared_fleet.snapshots import PostgresSnapshots
from tests.replicas.database import postgresql

SIZES = (1_000_000,)
CUSTOMERS, MODELS, EVERY = 200, 5, 3
PART = "71238"
EXPRESSIONS = {"production_month": "produced / 100", "activation_month": "activated / 100"}


def fleet(sims: int) -> Iterator[Row]:
    """Yield made-up SIMs, most of them in a device."""
    draw = random.Random(1)  # noqa: S311  # made-up SIMs are no secret.
    for n in range(1, sims + 1):
        name = f"Meter {draw.choice(('Bern', 'Zürich', 'Köln'))} {n:06}" if draw.random() < 0.8 else None  # noqa: PLR2004
        yield Row(
            n * 3,
            f"8988303{n:012}",
            f"29505{n:010}",
            f"42366{n:010}",
            f"89033{n:027}" if n % EVERY == 0 else None,
            draw.choice((0, 1, 1, 1, 2, 4)),
            n * 7 if name else None,
            name,
            name and name.lower(),
            f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" if name else None,
            f"35{n:013}" if name else None,
            None,
            None,
            draw.randrange(CUSTOMERS),
            1,
            1,
            n % MODELS,
            n % EVERY,
            20200101 + n % 28,
            20220101 + n % 28,
        )


def names() -> Names:
    """Return what the numbers stand for."""
    customers: Names = {("organisation", number): f"Customer {number}" for number in range(CUSTOMERS)}
    models: Names = {("model", number): f"Model {number}" for number in range(MODELS)}
    return customers | models


def filled(sims: int, path: Path) -> SnapshotDatabase:
    """Return a finished snapshot."""
    database, rows = SnapshotDatabase.new(path), list[Row]()
    for row in fleet(sims):
        rows.append(row)
        if len(rows) == PAGE:
            database.put(rows, {})
            rows = []
    database.put(rows, names()) if rows else database.put([], names())
    database.seal(INFO)
    return database


INFO = SnapshotInfo(datetime(2026, 11, 25, tzinfo=UTC), time.time() - 40, time.time(), settled=True, unreadable=0)


def fetch(url: str, directory: str, told: Any) -> None:
    """Be a server that fetches what another read, and is asked; tell seconds, memory, and what asking took."""
    with closing(SharedDatabase(SecretStr(url))) as shared:
        kept = PostgresSnapshots(shared, "benchmark")
        began = time.perf_counter()
        newest = kept.standing(0).newest
        assert newest is not None
        with kept.fetched(newest.number) as copy:
            database = SnapshotDatabase.restore(copy, Path(directory) / "fetched.sqlite3")
        took, peak = time.perf_counter() - began, memory()
        snapshot = Snapshot(database, None)
        counting = max(worked(lambda by=by: snapshot.group(by)) for by in GROUPINGS)  # type: ignore[misc]  # a default.
        told.put((took, peak, counting, worked(lambda: snapshot.search(PART)), snapshot.total))


def worked(question: Callable[[], object]) -> float:
    """Return the seconds that an answer takes on a core of its own."""
    began = time.process_time()
    question()
    return time.process_time() - began


def memory() -> float:
    """Return the most memory that this process took, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MIB_PER_UNIT


def with_tables(db: psycopg.Connection, sims: int) -> tuple[float, float, float, float]:
    """Keep the fleet as rows instead; return seconds, MiB, and what the slowest count and a search took."""
    texts = {"iccid", "imsi", "msisdn", "eid", "device", "folded", "ip", "imei", "tags", "folded_tags"}
    columns = ", ".join(f"{name} {'text' if name in texts else 'bigint'}" for name in Row._fields)
    db.execute(f"CREATE UNLOGGED TABLE sim (snapshot bigint, {columns}, PRIMARY KEY (snapshot, id))".encode())
    began = time.perf_counter()
    with db.cursor() as cursor, cursor.copy("COPY sim FROM STDIN") as copy:
        for row in fleet(sims):
            copy.write_row((1, *row))
    db.execute("ANALYZE sim")
    took = time.perf_counter() - began
    found = " OR ".join(
        f"strpos({name}, '{PART}') > 0" for name in ("iccid", "imsi", "msisdn", "eid", "imei", "folded")
    )
    counting = max(timed(asked(db, grouped(by))) for by in GROUPINGS)
    finding = timed(asked(db, f"SELECT id FROM sim WHERE snapshot = 1 AND ({found}) ORDER BY id LIMIT 20"))  # noqa: S608  # words of ours.
    return took, size(db, "sim"), counting, finding


def grouped(by: Sequence[str]) -> str:
    """Return the query that counts by some columns."""
    wanted = ", ".join(EXPRESSIONS.get(each, each) for each in by)
    places = ", ".join(str(place + 1) for place in range(len(by)))
    return f"SELECT {wanted}, count(*) FROM sim WHERE snapshot = 1 GROUP BY {places}"  # noqa: S608  # columns of ours.


def asked(db: psycopg.Connection, query: str) -> Callable[[], object]:
    """Return what asks a database."""
    return lambda: db.execute(query.encode()).fetchall()


def size(db: psycopg.Connection, table: str) -> float:
    """Return how much room a table takes, with its indexes, in MiB."""
    row = db.execute("SELECT pg_total_relation_size(%s::text::regclass) / 1048576.0", (table,)).fetchone()
    assert row is not None
    return float(row[0])


def measure(sims: int) -> list[Line]:
    """Keep a fleet of that size in both ways."""
    told: Any = multiprocessing.get_context("spawn").Queue()
    with postgresql() as server, TemporaryDirectory() as directory:
        url = server.new("fleets")
        upgrade(SecretStr(url))
        with closing(psycopg.connect(url, autocommit=True)) as db, closing(SharedDatabase(SecretStr(url))) as shared:
            database = filled(sims, Path(directory) / "read.sqlite3")
            turn = PostgresSnapshots(shared, "benchmark").take_turn()
            assert turn is not None
            put = timed(lambda: turn.publish(database.copy(), INFO, 0, 0))
            server_process = multiprocessing.get_context("spawn").Process(target=fetch, args=(url, directory, told))
            server_process.start()
            fetched, peak, counting, finding, total = told.get()
            server_process.join()
            assert total == sims
            copied, kept = with_tables(db, sims), size(db, "fleet_copies")
    read = sims / PAGE / PER_SECOND
    fleet_of = f"{sims:,} SIMs kept for all servers"
    return [
        Line(
            f"{fleet_of}: putting them there", f"tables: {times(copied[0] / read)}", "reading them", times(put / read)
        ),
        Line(f"{fleet_of}: another server has them", "tables: at once", "reading them", times(fetched / read)),
        Line(
            f"{fleet_of}: room in the database",
            f"{kept:,.0f} MiB",
            f"tables: {copied[1]:,.0f} MiB",
            times(kept / copied[1]),
        ),
        Line(f"{fleet_of}: slowest count", f"tables: {times(copied[2])}", "1 s of a core", times(counting)),
        Line(f"{fleet_of}: a search", f"tables: {times(copied[3])}", "1 s of a core", times(finding)),
        Line(f"{fleet_of}: memory of who fetches them", f"{peak:,.0f} MiB", "1 GiB", times(peak / 1024)),
    ]


async def measure_all(sizes: list[int]) -> list[Line]:
    """Measure one size after another."""
    return [line for sims in sizes for line in measure(sims)]


if __name__ == "__main__":
    run_for_sizes("A fleet kept for all servers", measure_all, SIZES, __doc__)
