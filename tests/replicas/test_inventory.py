"""The fleet is read once for all servers that share a database: one reads, the others answer from it."""

import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import psycopg
import pytest
from pydantic import SecretStr

from sim_mcp.emnify import Sim, SimStatus
from sim_mcp.fleet.inventory.database import SCHEMA_VERSION, SnapshotInfo
from sim_mcp.fleet.inventory.inventory import FRESH_S, Inventory
from sim_mcp.fleet.inventory.sharing import NotKeptError, OwnWrites, SharedFleet, TurnOverError
from sim_mcp.fleet.inventory.snapshot import Snapshot
from sim_mcp.sandbox import SandboxSettings
from sim_mcp.shared_fleet.database import SharedDatabase
from sim_mcp.shared_fleet.snapshots import PostgresSnapshots
from tests.fleet.inventory.test_inventory import Clock, client_on
from tests.fleet.paged import Paged, paged
from tests.fleet.paged import sim as raw
from tests.processes.test_serving import environment, server_process
from tests.replicas.database import Server
from tests.replicas.test_takeover import a_client, woken
from tests.support import fleet_of, structured


@asynccontextmanager
async def replica(
    upstream: Paged,
    place: SecretStr,
    directory: Path | None,
    application: str = "x",
    now: Callable[[], float] = time.time,
) -> AsyncIterator[Inventory]:
    """An inventory as a server has it that shares nothing with others but the database."""
    with closing(SharedDatabase(place)) as database:
        async with client_on(upstream, application) as client:
            shared: SharedFleet = PostgresSnapshots(database, client.identity)
            async with Inventory(client, directory, shared=shared, now=now) as inventory:
                yield inventory


@pytest.fixture
async def upstream() -> AsyncIterator[Paged]:
    async with paged(10) as made:
        yield made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def machines(tmp_path: Path) -> list[Path]:
    """The state directories of servers on machines of their own."""
    made = [tmp_path / str(number) for number in range(4)]
    for each in made:
        each.mkdir()
    return made


@pytest.fixture
async def replicas(
    upstream: Paged, place: SecretStr, machines: list[Path], clock: Clock
) -> AsyncIterator[list[Inventory]]:
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(replica(upstream, place, machine, now=clock)) for machine in machines[:3]
        ]


def ids(snapshot: Snapshot) -> list[int]:
    return [sim.id for sim in snapshot.sims()]


async def test_three_servers_that_are_asked_at_once_read_once(upstream: Paged, replicas: list[Inventory]) -> None:
    answers: list[tuple[list[int], str | None]] = []

    async def ask(inventory: Inventory) -> None:
        snapshot = await inventory.snapshot()
        answers.append((ids(snapshot), snapshot.note))

    async with anyio.create_task_group() as group:
        for each in replicas:
            group.start_soon(ask, each)
    assert answers == [(sorted(upstream.sims), None)] * 3
    assert sorted(upstream.pages_asked) == [1, 2, 3, 4]


async def test_a_server_that_starts_later_answers_from_what_was_read_with_its_age(
    upstream: Paged, place: SecretStr, replicas: list[Inventory], machines: list[Path]
) -> None:
    first = await replicas[0].snapshot()
    for directory in (machines[3], None):
        async with replica(upstream, place, directory) as later:
            snapshot = await later.snapshot()
            assert (ids(snapshot), snapshot.taken_at) == (sorted(upstream.sims), first.taken_at)
            assert snapshot.info.ended == pytest.approx(first.info.ended, abs=2)
    assert len(upstream.calls) == 4


async def test_after_five_minutes_one_of_them_reads_it_anew(
    upstream: Paged, place: SecretStr, replicas: list[Inventory], clock: Clock
) -> None:
    for each in replicas:
        await each.snapshot()
    upstream.sims[5] = raw(5)
    clock.ahead = FRESH_S + 1
    with psycopg.connect(place.get_secret_value(), autocommit=True) as db:
        db.execute("UPDATE fleets SET ended = ended - %s * interval '1 second'", (clock.ahead,))
    assert 5 in ids(await replicas[0].snapshot())
    clock.ahead = 0
    assert [ids(await each.snapshot())[0] for each in replicas] == [5] * 3
    assert len(upstream.calls) == 8


async def test_who_insists_on_now_has_it_read_anew_and_all_have_it(upstream: Paged, replicas: list[Inventory]) -> None:
    for each in replicas:
        await each.snapshot()
    upstream.sims[5] = raw(5)
    assert 5 in ids(await replicas[1].snapshot(fresh=True))
    assert 5 in ids(await replicas[0].snapshot())
    assert len(upstream.calls) == 8


async def test_our_own_writes_are_in_it_at_once_on_every_server(upstream: Paged, replicas: list[Inventory]) -> None:
    for each in replicas:
        await each.snapshot()
    changed = Sim.model_validate(raw(20, status=2) | {"customer_org": {"id": 5, "name": "New Ltd"}})
    await replicas[0].correct({20: changed, 30: None})
    for each in replicas:
        snapshot = await each.snapshot()
        assert 30 not in ids(snapshot)
        assert snapshot.group(("status",)) == [(("Activated",), 8), (("Suspended",), 1)]
        assert snapshot.group(("customer",)) == [(("none",), 8), (("New Ltd",), 1)]
    assert len(upstream.calls) == 4


async def test_a_write_while_another_server_reads_is_not_overwritten_by_what_was_read_before_it(
    upstream: Paged, replicas: list[Inventory]
) -> None:
    reader, writer, third = replicas
    upstream.before[4] = lambda: writer.correct({10: Sim.model_validate(raw(10, status=2)), 20: None})
    for each in (reader, third):
        snapshot = await each.snapshot()
        assert 20 not in ids(snapshot)
        assert next(snapshot.sims()).status is SimStatus.SUSPENDED
    assert len(upstream.calls) == 4


async def test_a_write_of_unknown_effect_has_the_fleet_read_anew_by_one(
    upstream: Paged, replicas: list[Inventory]
) -> None:
    for each in replicas:
        await each.snapshot()
    upstream.sims[5] = raw(5)
    await replicas[2].outdate()
    assert [ids(await each.snapshot())[0] for each in replicas] == [5] * 3
    assert len(upstream.calls) == 8


async def test_another_token_or_address_has_nothing_of_it(
    upstream: Paged, place: SecretStr, machines: list[Path]
) -> None:
    async with replica(upstream, place, machines[0]) as inventory:
        await inventory.snapshot()
    async with paged(2) as elsewhere:
        for where, application, total in ((upstream, "another", 10), (elsewhere, "x", 2), (elsewhere, "another", 2)):
            async with replica(where, place, machines[1], application) as inventory:
                assert (await inventory.snapshot()).total == total
        assert len(elsewhere.calls) == 2
    assert len(upstream.calls) == 8


async def test_without_the_database_each_answers_from_what_it_has_or_reads_for_itself_and_says_so(
    upstream: Paged, place: SecretStr, server: Server, replicas: list[Inventory]
) -> None:
    await replicas[0].snapshot()
    await anyio.to_thread.run_sync(server.stop)
    try:
        has_it, reads_it = await replicas[0].snapshot(), await replicas[1].snapshot()
        assert len(upstream.calls) == 8
        changed = Sim.model_validate(raw(20, status=2))
        await replicas[0].correct({20: changed})
        assert ids(await replicas[0].snapshot()) == sorted(upstream.sims)
    finally:
        await anyio.to_thread.run_sync(server.start)
    for snapshot in (has_it, reads_it):
        assert ids(snapshot) == sorted(upstream.sims)
        assert "What the servers share cannot be reached" in (snapshot.note or "")
    # Once it is back they share again, and the others hear of the write that was made meanwhile.
    with anyio.fail_after(60):
        while (await replicas[0].snapshot()).note is not None:  # noqa: ASYNC110  # it tells nobody.
            await anyio.sleep(0.5)
    with psycopg.connect(place.get_secret_value(), autocommit=True) as db:
        assert db.execute("SELECT sim FROM fleet_writes").fetchall() == [(20,)]


def test_who_lost_its_turn_publishes_nothing_over_what_another_read(place: SecretStr) -> None:
    now = time.time()
    info = SnapshotInfo(datetime.now(UTC), now, now, settled=True, unreadable=0)
    with closing(SharedDatabase(place)) as database:
        frozen, other = PostgresSnapshots(database, "a"), PostgresSnapshots(database, "a")
        first = frozen.take_turn()
        assert first is not None
        assert other.take_turn() is None
        with psycopg.connect(place.get_secret_value(), autocommit=True) as db:
            db.execute("UPDATE fleets SET until = clock_timestamp()")
            for act in (first.renew, lambda: first.publish([b"late"], info, 0, 0)):
                with pytest.raises(TurnOverError):
                    act()
            second = other.take_turn()
            assert second is not None
            first.end()
            number = second.publish([b"new"], info, 0, 0)
            with pytest.raises(TurnOverError):
                first.publish([b"late"], info, 0, 0)
            third = other.take_turn()
            assert third is not None
            last = third.publish([b"newest"], info, 0, 0)
            # Nothing is left of what came to nothing, nor of what was before.
            assert db.execute("SELECT DISTINCT snapshot FROM fleet_copies").fetchall() == [(last,)]
        newest = frozen.standing(0).newest
        assert newest is not None
        assert newest.number == last > number
        with pytest.raises(NotKeptError), frozen.fetched(number):
            pass


def test_what_is_no_longer_in_use_is_forgotten(place: SecretStr) -> None:
    now = time.time()
    info = SnapshotInfo(datetime.now(UTC), now, now, settled=True, unreadable=0)
    with closing(SharedDatabase(place)) as database:
        for workspace in ("old", "new"):
            fleet = PostgresSnapshots(database, workspace)
            fleet.record(OwnWrites([], {}, [1]))
            turn = fleet.take_turn()
            assert turn is not None
            turn.publish([b"a"], info, 0, 0)
            with psycopg.connect(place.get_secret_value(), autocommit=True) as db:
                db.execute("UPDATE fleets SET ended = ended - interval '8 days'")
                db.execute("UPDATE fleet_writes SET at = at - interval '2 days'")
        with psycopg.connect(place.get_secret_value(), autocommit=True) as db:
            left = db.execute(
                "SELECT (SELECT array_agg(workspace) FROM fleets), (SELECT array_agg(workspace) FROM fleet_copies), "
                "(SELECT array_agg(workspace) FROM fleet_writes)"
            ).fetchone()
        kept = [f"new-{SCHEMA_VERSION}"]
        assert left == (kept, kept, kept)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_who_reads_and_is_killed_or_frozen_loses_its_turn_to_another(how: signal.Signals) -> None:
    async with AsyncExitStack() as stack:
        fleet = await stack.enter_async_context(fleet_of(SandboxSettings(sims=60)))
        doors, pids = [], []
        for number in range(3):
            home = fleet.state_dir / f"replica-{number}"
            home.mkdir()
            env = environment(fleet, SIM_MCP_STATE_DIR=str(home))
            address, pid = await stack.enter_async_context(server_process([], env))
            stack.callback(woken, pid)
            doors.append((address, env))
            pids.append(pid)
        totals: list[int] = []

        async def ask(number: int) -> None:
            async with a_client(*doors[number]) as client:
                totals.append(structured(await client.call_tool("summarize_sims", {"group_by": ["status"]}))["total"])

        async def ask_the_first() -> None:
            with suppress(Exception):
                await ask(0)

        await fleet.faults("latency=4@GET /api/v1/sim")
        async with anyio.create_task_group() as group:
            group.start_soon(ask_the_first)
            with anyio.fail_after(30):
                while not pages(await fleet.requests()):  # noqa: ASYNC110  # nor does the sandbox.
                    await anyio.sleep(0.05)
            os.kill(pids[0], how)
            async with anyio.create_task_group() as others:
                others.start_soon(ask, 1)
                others.start_soon(ask, 2)
            assert len(pages(await fleet.requests())) == 2, "by the first, and by one of the others"
            if how is signal.SIGKILL:
                # Who asked a server that was killed may wait for ever.
                group.cancel_scope.cancel()
            woken(pids[0])
        assert len({*totals}) == 1
        # Who wakes has nothing published over what another read, and answers from that.
        assert len(totals) == (3 if how is signal.SIGSTOP else 2)
        assert len(pages(await fleet.requests())) == 2


def pages(requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [request for request in requests if request["path"] == "/api/v1/sim"]
