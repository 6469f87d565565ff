"""Usage is read once for all servers that share a database, SIM by SIM, whoever of them reads it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path

import anyio
import anyio.to_thread
import psycopg
import pytest
from pydantic import SecretStr

from sim_mcp.emnify import EmnifyClient, Limits
from sim_mcp.emnify.money import Money
from sim_mcp.fleet.usage.cache import Amount
from sim_mcp.fleet.usage.scan import UsageResult, UsageScan
from sim_mcp.sandbox import SandboxSettings
from sim_mcp.shared_fleet.database import SharedDatabase
from sim_mcp.shared_fleet.usage import PostgresUsage
from tests.fleet.usage.test_scan import CLOCK, NOVEMBER, OCTOBER, asked_for, every_sim
from tests.replicas.database import Server
from tests.support import Fleet, fleet_of

PERIODS = [NOVEMBER, OCTOBER]


@pytest.fixture
async def fleet(place: SecretStr) -> AsyncIterator[Fleet]:
    del place
    async with fleet_of(SandboxSettings(sims=60, clock=CLOCK)) as made:
        yield made


@asynccontextmanager
async def replica(
    fleet: Fleet, place: SecretStr, directory: Path | None = None, role: str = "enterprise"
) -> AsyncIterator[UsageScan]:
    """A scan as a server has it that shares nothing with others but the database."""
    with closing(SharedDatabase(place)) as database:
        token = fleet.world.tokens[role]
        async with (
            EmnifyClient(base_url=fleet.world.base_url, application_token=token, limits=Limits()) as client,
            UsageScan(client, directory, shared=PostgresUsage(database)) as scan,
        ):
            await scan.months()
            yield scan


async def test_three_servers_that_scan_at_once_read_each_sim_once(fleet: Fleet, place: SecretStr) -> None:
    sims = await every_sim(fleet)
    told: list[UsageResult] = []

    async def scan(one: UsageScan) -> None:
        told.append(await one.read(sims, PERIODS, wait_s=60))

    async with AsyncExitStack() as stack:
        scans = [await stack.enter_async_context(replica(fleet, place)) for _ in range(3)]
        async with anyio.create_task_group() as group:
            for each in scans:
                group.start_soon(scan, each)
    assert all(each.is_complete and each.read == len(sims) for each in told)
    assert told[0].amounts == told[1].amounts == told[2].amounts
    asked = await asked_for(fleet)
    assert len(asked) == len(sims)
    assert {*asked.values()} == {1}


async def test_a_server_that_starts_later_asks_emnify_for_nothing(fleet: Fleet, place: SecretStr) -> None:
    sims = await every_sim(fleet)
    async with replica(fleet, place) as first:
        before = await first.read(sims, PERIODS, wait_s=60)
    async with replica(fleet, place) as later:
        after = await later.read(sims, PERIODS, wait_s=60)
    assert (after.amounts, after.between) == (before.amounts, before.between)
    assert (await asked_for(fleet)).total() == len(sims)


async def test_another_workspace_sees_nothing_of_it(fleet: Fleet, place: SecretStr) -> None:
    sims = (await every_sim(fleet))[:5]
    async with replica(fleet, place) as scan:
        assert (await scan.read(sims, [NOVEMBER], wait_s=30)).read == 5
    async with replica(fleet, place, role="reseller") as other:
        reading = await other.read(sims, [NOVEMBER], wait_s=30)
    assert reading.gone == 5
    assert not reading.amounts[NOVEMBER]


async def test_what_a_server_claimed_that_died_is_read_by_another(fleet: Fleet, place: SecretStr) -> None:
    sims = (await every_sim(fleet))[:5]
    with closing(SharedDatabase(place)) as database:
        async with replica(fleet, place) as scan:
            dead = PostgresUsage(database)
            keys = [period.key for period in PERIODS]
            workspace = scan._client.identity
            assert dead.claim(workspace, "months", sims[0], keys, 0, 0) == "mine"
            reading = await scan.read(sims, PERIODS, wait_s=2)
            assert (reading.read, reading.left) == (4, 1)
            lapse(place)
            assert (await scan.read(sims, PERIODS, wait_s=30)).is_complete
        assert {*(await asked_for(fleet)).values()} == {1}


def test_who_wakes_late_keeps_nothing_over_what_was_read_since(place: SecretStr) -> None:
    with closing(SharedDatabase(place)) as database:
        frozen, other = PostgresUsage(database), PostgresUsage(database)
        assert frozen.claim("w", "months", 1, ["2026-11"], 100.0, 0) == "mine"
        assert other.claim("w", "months", 1, ["2026-11"], 100.0, 0) == "taken"
        frozen.renew(0)
        lapse(place)
        assert other.claim("w", "months", 1, ["2026-11"], 100.0, 0) == "mine"
        other.keep("w", "months", 1, {"2026-11": (Amount(7.0, 0.0, Money({}), 200.0), False)})
        frozen.keep("w", "months", 1, {"2026-11": (Amount(5.0, 0.0, Money({}), 150.0), False)})
        assert other.known("w", "2026-11", 0)[1].data_mb == 7.0
        assert frozen.claim("w", "months", 1, ["2026-11"], 100.0, 0) == "known"


async def test_without_the_database_each_reads_for_itself_says_so_and_hands_it_on_later(
    fleet: Fleet, place: SecretStr, server: Server, tmp_path: Path
) -> None:
    sims = (await every_sim(fleet))[:10]
    async with replica(fleet, place, tmp_path) as scan:
        await scan.read(sims[:5], PERIODS, wait_s=30)
        await anyio.to_thread.run_sync(server.stop)
        try:
            alone = await scan.read(sims, PERIODS, wait_s=60)
        finally:
            await anyio.to_thread.run_sync(server.start)
        assert alone.read == len(sims)
        assert "cannot be reached" in (alone.note or "")
        with anyio.fail_after(60):
            while (await scan.read(sims, PERIODS, wait_s=30)).note is not None:  # noqa: ASYNC110  # it tells nobody.
                await anyio.sleep(0.5)
    async with replica(fleet, place) as later:
        assert (await later.read(sims, PERIODS, wait_s=30)).amounts == alone.amounts
    assert {*(await asked_for(fleet)).values()} == {1}


def lapse(place: SecretStr) -> None:
    """Let the claims of servers that no longer renew them run out."""
    with psycopg.connect(place.get_secret_value(), autocommit=True) as db:
        db.execute("UPDATE usage_claims SET until = clock_timestamp()")
