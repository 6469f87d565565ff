"""The database is known again before every write, and what a server has open is no older than what it says."""

import threading
from contextlib import aclosing, closing
from datetime import UTC, datetime
from pathlib import Path

import anyio
import psycopg
import pytest
from pydantic import SecretStr

from sim_mcp.changes.outcome import Outcome
from sim_mcp.changes.record.entries import Intended
from sim_mcp.changes.record.journal import Journal
from sim_mcp.changes.record.postgres.record import PostgresRecord
from sim_mcp.changes.record.quota import Quota
from sim_mcp.changes.record.storage import JournalError
from sim_mcp.emnify.limits.postgres_limits import PostgresLimits
from sim_mcp.emnify.limits.shared_limits import Gate, Slot
from sim_mcp.fleet.inventory.database import SnapshotInfo
from sim_mcp.shared_fleet.database import SharedDatabase
from sim_mcp.shared_fleet.snapshots import PostgresSnapshots
from sim_mcp.shared_fleet.usage import PostgresUsage
from tests.changes.test_record import CALLER, plan_of
from tests.processes.test_commands import run
from tests.processes.test_serving import environment
from tests.replicas.database import Server, database_of


def rename(server: Server, before: str, after: str) -> None:
    with closing(psycopg.connect(server.url("postgres"), autocommit=True)) as db:
        db.execute(f'ALTER DATABASE "{before}" RENAME TO "{after}"'.encode())


@pytest.mark.parametrize("instead", ["a backup", "another record"])
def test_a_database_that_was_replaced_stops_every_write_of_a_running_server(
    server: Server, place: SecretStr, template: str, instead: str
) -> None:
    journal, name = Journal(place), database_of(place.get_secret_value())
    journal.keep(plan_of(1), CALLER)
    journal.record.close()
    server.new(f"{name}-instead", name if instead == "a backup" else template)
    journal.keep(plan_of(2), CALLER)
    journal.record.close()
    rename(server, name, f"{name}-lost")
    rename(server, f"{name}-instead", name)
    with pytest.raises(JournalError, match="not the one this server wrote to"):
        journal.keep(plan_of(3), CALLER)
    # Who looks and decides that it is what there is goes on with a server that is started anew.
    assert Journal(place).keep(plan_of(3), CALLER).state == "waiting"


def test_the_hours_limit_is_counted_by_one_server_at_a_time(place: SecretStr) -> None:
    plan, most = Journal(place).keep(plan_of(40), CALLER).id, 15
    told: list[Intended] = []

    def send(server: int) -> None:
        with closing(PostgresRecord(place)) as record:
            journal = Journal(place).through(record)
            told.extend(journal.intend(plan, item, "x", quotas=[Quota(most)]) for item in range(server, 40, 4))

    threads = [threading.Thread(target=send, args=(server,)) for server in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told.count("now") == most
    assert told.count("over the limit") == 40 - most


def test_a_server_that_is_frozen_in_a_transaction_holds_up_no_other_for_ever(place: SecretStr) -> None:
    """The database ends what stands idle in a transaction for a quarter of a minute."""
    frozen, told = PostgresRecord(place), list[str]()
    with pytest.raises(JournalError), frozen.writing():  # noqa: PT012  # what it missed meanwhile is told at its end.
        with pytest.raises(JournalError, match="cannot be written"):
            Journal(place).keep(plan_of(1), CALLER)
        told.append(Journal(place).keep(plan_of(1), CALLER).state)
    assert told == ["waiting"]


def test_text_that_postgresql_cannot_hold_is_no_fault_of_the_record(place: SecretStr) -> None:
    journal = Journal(place)
    assert journal.plan("a\0b") is None
    plan = journal.keep(plan_of(1), CALLER).id
    journal.settle(plan, {0: Outcome("failed", "a", "a", "a zero: \0, 100 % and a ?")})
    assert journal.progress(plan).settled[0].note == "a zero: \0, 100 % and a ?"


async def a_slot(url: SecretStr) -> Slot:
    async with aclosing(PostgresLimits(url)) as store:
        return await store.reserve([Gate("a", 1.0, 5, 10)], 1)


def read_for_all(fleet: PostgresSnapshots) -> None:
    fleet.record(None)
    turn = fleet.take_turn()
    assert turn is not None
    turn.renew()
    now = datetime.now(UTC)
    number = turn.publish([b"a"], SnapshotInfo(now, now.timestamp(), now.timestamp(), settled=True, unreadable=0), 1, 1)
    with fleet.fetched(number) as copy:
        assert [*copy] == [b"a"]


def test_a_server_needs_no_more_than_it_does(server: Server, place: SecretStr, tmp_path: Path) -> None:
    """The rights that docs/operating.md names are enough, and do not reach the triggers."""
    with closing(psycopg.connect(place.get_secret_value(), autocommit=True)) as db:
        db.execute("DROP ROLE IF EXISTS serving")
        db.execute("CREATE ROLE serving LOGIN")
        for rights in (
            "SELECT, INSERT ON entries",
            "SELECT, INSERT, DELETE ON items",
            "SELECT, UPDATE ON record",
            "SELECT, INSERT, UPDATE ON turns",
            "SELECT ON migrations",
            "SELECT, INSERT, UPDATE, DELETE ON paces, pace_seconds, senders, own_tokens",
            "SELECT, INSERT, UPDATE, DELETE ON fleets, fleet_copies, fleet_writes, usage, usage_claims",
        ):
            db.execute(f"GRANT {rights} TO serving".encode())
    served = SecretStr(place.get_secret_value().replace("tests@", "serving@"))
    journal = Journal(served)
    plan = journal.keep(plan_of(2), CALLER).id
    assert journal.decide(plan, approved=True, how="page")
    assert journal.intend(plan, 0, "x", quotas=[Quota(9)]) == "now"
    journal.settle(plan, {0: Outcome("changed", "a", "b", "")})
    assert anyio.run(a_slot, served).granted
    with closing(SharedDatabase(served)) as database:
        read_for_all(PostgresSnapshots(database, "a"))
        PostgresUsage(database).forget_old(0)
    env = environment(None, SIM_MCP_DATABASE_URL=served.get_secret_value(), SIM_MCP_STATE_DIR=str(tmp_path))
    assert "changed" in run("audit", env=env).stdout
    with closing(psycopg.connect(served.get_secret_value())) as db, pytest.raises(psycopg.errors.InsufficientPrivilege):
        db.execute("ALTER TABLE entries DISABLE TRIGGER ALL")
    with closing(psycopg.connect(place.get_secret_value(), autocommit=True)) as db:
        db.execute("DROP OWNED BY serving")
        db.execute("DROP ROLE serving")
    assert server.version
