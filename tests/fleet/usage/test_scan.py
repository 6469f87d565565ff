"""Usage of many SIMs: read once, kept, shared, going on in the background, and honest on bad days."""

import math
import re
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, suppress
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import stamina

from sim_mcp.emnify import AuthenticationError, EmnifyClient, Limits, UpstreamError, Window
from sim_mcp.fleet.usage.cache import FILE, UsageStore
from sim_mcp.fleet.usage.periods import days, month_of
from sim_mcp.fleet.usage.scan import UsageResult, UsageScan
from sim_mcp.sandbox import SandboxSettings
from tests.emnify.upstream import Reply, upstream_running
from tests.support import Fleet, fleet_of

CLOCK = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOVEMBER, OCTOBER = month_of(date(2026, 11, 1)), month_of(date(2026, 10, 1))
STATS = "/stats"


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def fleet() -> AsyncIterator[Fleet]:
    async with fleet_of(SandboxSettings(sims=60, clock=CLOCK)) as made:
        yield made


@pytest.fixture
def impatient() -> Iterator[None]:
    """Try again without waiting."""
    with stamina.set_testing(testing=True, attempts=5, cap=True):
        yield


@asynccontextmanager
async def scanning(fleet: Fleet, directory: Path | None = None) -> AsyncIterator[UsageScan]:
    async with (
        EmnifyClient(
            base_url=fleet.world.base_url, application_token=fleet.world.tokens["enterprise"], limits=Limits()
        ) as client,
        UsageScan(client, directory or fleet.state_dir) as scan,
    ):
        await scan.months()
        yield scan


async def every_sim(fleet: Fleet) -> list[int]:
    return [sim["id"] for sim in (await fleet.api("GET", "/sim", role="enterprise")).json()]


async def asked_for(fleet: Fleet) -> Counter[str]:
    """How often the usage of each SIM was asked for."""
    return Counter(request["path"] for request in await fleet.requests() if STATS in request["path"])


async def told_by_emnify(fleet: Fleet, sim: int, month: str) -> dict[str, float]:
    told = (await fleet.api("GET", f"/sim/{sim}/stats", role="enterprise")).json().get(month, {})
    return {kind: float(told[kind]["volume"]) for kind in told}


async def test_every_sim_is_read_once_and_told_as_emnify_tells_it(fleet: Fleet) -> None:
    sims = await every_sim(fleet)
    async with scanning(fleet) as scan:
        reading = await scan.read(sims, [NOVEMBER, OCTOBER], wait_s=30)
        assert set(Counter(await asked_for(fleet)).values()) == {1}
    assert reading.is_complete
    assert reading.read == reading.wanted == len(sims)
    for month, period in (("current_month", NOVEMBER), ("last_month", OCTOBER)):
        found = reading.amounts[period]
        assert set(found) == set(sims)
        for sim in sims[::9]:
            told = await told_by_emnify(fleet, sim, month)
            assert found[sim].data_mb == pytest.approx(told.get("data", 0), rel=0.01)
            assert found[sim].sms == told.get("sms", 0)


async def test_the_sum_over_all_sims_is_the_total_emnify_tells_of_the_organisation(fleet: Fleet) -> None:
    sims = await every_sim(fleet)
    async with scanning(fleet) as scan:
        found = (await scan.read(sims, [OCTOBER], wait_s=30)).amounts[OCTOBER].values()
        total = (await scan._client.organisation.get_stats()).last_month
    assert total is not None
    assert total.data is not None
    assert total.sms is not None
    assert math.fsum(one.data_mb for one in found) == pytest.approx(float(total.data.volume or 0), abs=1e-3)
    assert math.fsum(one.sms for one in found) == float(total.sms.volume or 0)


async def test_two_who_ask_at_once_share_one_scan(fleet: Fleet) -> None:
    sims = await every_sim(fleet)
    readings: list[UsageResult] = []
    async with scanning(fleet) as scan:

        async def ask(some: Sequence[int]) -> None:
            readings.append(await scan.read(some, [NOVEMBER], wait_s=30))

        async with anyio.create_task_group() as group:
            for some in (sims, sims, sims[10:30], list(reversed(sims))):
                group.start_soon(ask, some)
    assert all(reading.is_complete for reading in readings)
    assert sorted(reading.read for reading in readings) == [20, len(sims), len(sims), len(sims)]
    assert set((await asked_for(fleet)).values()) == {1}


async def test_two_servers_that_scan_at_once_share_the_work(fleet: Fleet) -> None:
    sims = await every_sim(fleet)
    await fleet.faults("latency=0.05@/stats")
    readings: list[UsageResult] = []
    async with scanning(fleet) as one, scanning(fleet) as other, anyio.create_task_group() as group:

        async def ask(scan: UsageScan) -> None:
            readings.append(await scan.read(sims, [NOVEMBER], wait_s=30))

        group.start_soon(ask, one)
        group.start_soon(ask, other)
    assert [reading.read for reading in readings] == [len(sims)] * 2
    assert set((await asked_for(fleet)).values()) == {1}


async def test_what_was_read_survives_a_restart(fleet: Fleet) -> None:
    sims = await every_sim(fleet)
    async with scanning(fleet) as scan:
        before = await scan.read(sims, [NOVEMBER, OCTOBER], wait_s=30)
    async with scanning(fleet) as scan:
        after = await scan.read(sims, [NOVEMBER, OCTOBER], wait_s=30)
    assert after.amounts == before.amounts
    assert (await asked_for(fleet)).total() == len(sims)


async def test_another_workspace_in_the_same_directory_sees_nothing_of_it(fleet: Fleet) -> None:
    sims = (await every_sim(fleet))[:5]
    async with scanning(fleet) as scan:
        await scan.read(sims, [NOVEMBER], wait_s=30)
    other = EmnifyClient(base_url=fleet.world.base_url, application_token=fleet.world.tokens["reseller"])
    async with other, UsageScan(other, fleet.state_dir) as scan:
        await scan.months()
        reading = await scan.read(sims, [NOVEMBER], wait_s=30)
    assert reading.gone == 5
    assert not reading.amounts[NOVEMBER]


async def test_this_month_is_read_again_after_an_hour_and_the_last_one_never(fleet: Fleet) -> None:
    sims = (await every_sim(fleet))[:6]
    async with scanning(fleet) as scan:
        await scan.read(sims, [NOVEMBER, OCTOBER], wait_s=30)
        await fleet.control.post("/sandbox/clock", json={"advance_s": 3700})
        await scan._client.list_sims(per_page=1)
        await scan.read(sims, [OCTOBER], wait_s=30)
        assert (await asked_for(fleet)).total() == 6
        await scan.read(sims, [NOVEMBER], wait_s=30)
        assert (await asked_for(fleet)).total() == 12


async def test_a_month_that_just_ended_is_not_final_for_networks_report_late() -> None:
    async with fleet_of(SandboxSettings(sims=1, clock=datetime(2026, 12, 1, 3, tzinfo=UTC))) as fleet:
        sims = (await every_sim(fleet))[:3]
        async with scanning(fleet) as scan:
            assert await scan.months() == (month_of(date(2026, 12, 1)), NOVEMBER)
            for _ in range(2):
                await scan.read(sims, [NOVEMBER], wait_s=30)
                await fleet.control.post("/sandbox/clock", json={"advance_s": 86_400})
                await scan._client.list_sims(per_page=1)
            assert (await asked_for(fleet)).total() == 6
            await scan.read(sims, [NOVEMBER], wait_s=30)
        assert (await asked_for(fleet)).total() == 6


async def test_a_month_that_slips_out_of_reach_while_reading_is_not_told_as_read(fleet: Fleet) -> None:
    sims = (await every_sim(fleet))[:4]
    async with scanning(fleet) as scan:
        await fleet.control.post("/sandbox/clock", json={"advance_s": 9 * 86_400})
        reading = await scan.read(sims, [OCTOBER], wait_s=30)
    assert (reading.read, reading.failed) == (0, 4)


async def test_traffic_belongs_to_the_month_emnify_says_even_if_its_clock_is_a_month_ahead(tmp_path: Path) -> None:
    def month(day: str, volume: str) -> dict[str, Any]:
        return {"data": {"volume": volume, "month": day}}

    body = {"current_month": month("2026-11-01T00:00:00.000Z", "7"), "last_month": month("2026-10-01", "5")}
    midnight = {"Date": "Tue, 01 Dec 2026 00:00:20 GMT"}
    async with (
        upstream_running() as upstream,
        EmnifyClient(base_url=upstream.base_url, application_token="x", limits=Limits()) as client,
        UsageScan(client, tmp_path) as scan,
    ):
        upstream.script(Reply(json=body, headers=midnight))
        december = month_of(date(2026, 12, 1))
        reading = await scan.read([1], [december, NOVEMBER], wait_s=10)
    assert [reading.amounts[period][1].data_mb for period in (december, NOVEMBER)] == [0, 7]


async def test_days_are_read_day_by_day_and_summed(fleet: Fleet) -> None:
    sims = (await every_sim(fleet))[:8]
    week = days(date(2026, 11, 9), date(2026, 11, 15))
    async with scanning(fleet) as scan:
        reading = await scan.read(sims, [week], wait_s=30)
    for sim in sims:
        path = f"/sim/{sim}/stats/daily?start_date=2026-11-09&end_date=2026-11-15"
        rows: list[dict[str, Any]] = (await fleet.api("GET", path, role="enterprise")).json()
        told = sum(float(row.get("data", {}).get("volume", 0)) for row in rows if row["date"] != "TOTAL")
        assert reading.amounts[week][sim].data_mb == pytest.approx(told)


async def test_what_is_not_read_in_time_goes_on_and_the_next_call_picks_it_up(fleet: Fleet) -> None:
    sims = await every_sim(fleet)
    told: list[tuple[int, int, str]] = []

    async def progress(done: int, total: int, message: str) -> None:
        told.append((done, total, message))

    await fleet.faults("latency=0.05@/stats")
    async with scanning(fleet) as scan:
        first = await scan.read(sims, [NOVEMBER], wait_s=0, progress=progress)
        assert first.left == len(sims)
        assert first.eta_s is not None
        assert not first.is_complete
        second = await scan.read(sims, [NOVEMBER], wait_s=30, progress=progress)
        assert second.is_complete
    assert set((await asked_for(fleet)).values()) == {1}
    assert told[-1] == (len(sims), len(sims), f"usage of {len(sims)} of {len(sims)} SIMs read")


async def test_a_scan_that_gives_way_says_so(fleet: Fleet) -> None:
    sims, told = await every_sim(fleet), list[str]()

    async def progress(_: int, __: int, message: str) -> None:
        told.append(message)

    limits = Limits(per_address=Window(20, 300.0))
    async with (
        EmnifyClient(
            base_url=fleet.world.base_url, application_token=fleet.world.tokens["enterprise"], limits=limits
        ) as client,
        UsageScan(client, fleet.state_dir) as scan,
    ):
        reading = await scan.read(sims, [NOVEMBER], wait_s=3, progress=progress)
    assert 0 < reading.left < len(sims)
    assert re.search(r"SIMs read, waiting \d{3} s for emnify's rate limits: single SIMs and changes go first", told[-1])


async def test_questions_that_overlap_are_read_once_and_forecast_once(fleet: Fleet) -> None:
    sims = await every_sim(fleet)
    await fleet.faults("latency=0.05@/stats")
    async with (
        EmnifyClient(base_url=fleet.world.base_url, application_token=fleet.world.tokens["enterprise"]) as client,
        UsageScan(client, fleet.state_dir) as scan,
    ):
        await scan.months()
        alone = await scan.read(sims, [NOVEMBER], wait_s=0)
        async with anyio.create_task_group() as others:
            for more in range(1, 6):
                others.start_soon(partial(scan.read, sims[more:], [NOVEMBER], wait_s=60))
            await anyio.lowlevel.checkpoint()
            among_others = await scan.read(sims, [NOVEMBER], wait_s=0)
            assert alone.eta_s is not None
            assert among_others.eta_s is not None
            assert among_others.eta_s <= alone.eta_s + 1
            few = await scan.read(sims[:5], [OCTOBER], wait_s=0)
            assert few.eta_s is not None
            assert few.eta_s < alone.eta_s
            others.cancel_scope.cancel()


async def test_a_fleet_that_changes_from_call_to_call_leaves_no_job_behind_and_no_promise_unkept(fleet: Fleet) -> None:
    sims = await every_sim(fleet)
    await fleet.faults("latency=5:x40@/stats")
    async with scanning(fleet) as scan:
        for gone in range(20):
            reading = await scan.read(sims[gone:], [NOVEMBER], wait_s=0)
            assert reading.left
        assert len(scan._jobs._jobs) <= 2
        assert scan._jobs.left <= len(sims)
        with anyio.move_on_after(0.01):
            await scan.read(sims[30:], [NOVEMBER, OCTOBER], wait_s=60)
        with anyio.fail_after(30):
            for job in list(scan._jobs._jobs.values()):
                await job.ended.wait()
        assert set(opened(scan).known(scan._client.identity, NOVEMBER.key, 0)) == set(sims)
    assert max((await asked_for(fleet)).values()) == 1


async def test_a_sim_that_is_read_while_looking_is_not_told_as_failed(fleet: Fleet, tmp_path: Path) -> None:
    sims = await every_sim(fleet)
    async with scanning(fleet, tmp_path) as scan:
        identity = scan._client.identity
        # The usage of many others makes looking take as long as in a large fleet.
        await scan.read([], [NOVEMBER], wait_s=0)
        others = [(identity, month.key, 10**9 + sim) for month in (NOVEMBER, OCTOBER) for sim in range(40_000)]
        opened(scan)._db.executemany("INSERT INTO usage VALUES (?, ?, ?, 0, 0, '{}', 0, 1)", others)
        reading = await scan.read(sims, [NOVEMBER, OCTOBER], wait_s=0)
        while not reading.is_complete:
            assert (reading.failed, reading.gone) == (0, 0)
            assert reading.left
            reading = await scan.read(sims, [NOVEMBER, OCTOBER], wait_s=0.02)
        assert reading.read == len(sims)


async def test_a_promised_scan_ends_though_nobody_waits(fleet: Fleet) -> None:
    sims = await every_sim(fleet)
    async with scanning(fleet) as scan:
        await scan.read(sims, [NOVEMBER], wait_s=0)
        (job,) = scan._jobs._jobs.values()
        await job.ended.wait()
    assert (await asked_for(fleet)).total() == len(sims)


async def test_cancelling_one_of_two_leaves_the_scan_to_the_other(fleet: Fleet) -> None:
    sims = await every_sim(fleet)
    await fleet.faults("latency=0.03@/stats")
    found: list[UsageResult] = []
    async with scanning(fleet) as scan, anyio.create_task_group() as group:

        async def patient() -> None:
            found.append(await scan.read(sims, [NOVEMBER], wait_s=30))

        group.start_soon(patient)
        with anyio.move_on_after(0.05):
            await scan.read(sims, [NOVEMBER], wait_s=30)
    assert found[0].is_complete
    assert set((await asked_for(fleet)).values()) == {1}


async def test_who_alone_waits_and_is_cancelled_ends_the_scan_and_what_was_read_stays(fleet: Fleet) -> None:
    sims = await every_sim(fleet)
    await fleet.faults("latency=0.1@/stats")
    async with scanning(fleet) as scan:
        with anyio.move_on_after(0.05):
            await scan.read(sims, [NOVEMBER], wait_s=30)
        assert scan._jobs.left == 0
        assert (await asked_for(fleet)).total() < len(sims)
        await fleet.faults()
        assert (await scan.read(sims, [NOVEMBER], wait_s=30)).is_complete
    assert (await asked_for(fleet)).total() == len(sims)


async def test_nothing_is_left_running_when_the_server_stops(fleet: Fleet) -> None:
    sims = await every_sim(fleet)
    await fleet.faults("latency=0.2@/stats")
    before = len(anyio.get_running_tasks())
    async with scanning(fleet) as scan:
        await scan.read(sims, [NOVEMBER], wait_s=0.05)
        assert scan._workers
    assert scan._workers == 0
    assert len(anyio.get_running_tasks()) == before
    await fleet.faults()
    async with scanning(fleet) as scan:
        assert (await scan.read(sims, [NOVEMBER], wait_s=30)).is_complete


async def test_a_token_revoked_in_the_middle_leaves_what_was_read_and_the_reason(fleet: Fleet) -> None:
    sims = await every_sim(fleet)
    async with scanning(fleet) as scan:
        await scan.read(sims[:20], [NOVEMBER], wait_s=30)
        await fleet.faults("error=401")
        reading = await scan.read(sims, [NOVEMBER], wait_s=30)
        assert isinstance(reading.trouble, AuthenticationError)
        assert reading.read == len(reading.amounts[NOVEMBER]) == 20
        assert reading.left == len(sims) - 20
        assert reading.eta_s is None
        assert scan._jobs.left == 0
        with pytest.raises(AuthenticationError):
            await scan.read(sims[20:], [NOVEMBER], wait_s=30)


@pytest.mark.usefixtures("impatient")
async def test_a_sim_that_is_gone_is_told_apart_from_one_that_cannot_be_read(fleet: Fleet) -> None:
    sims = (await every_sim(fleet))[:6]
    await fleet.faults(f"malformed@/sim/{sims[0]}/stats")
    async with scanning(fleet) as scan:
        reading = await scan.read([*sims, 999], [NOVEMBER], wait_s=30)
        assert (reading.gone, reading.failed, reading.read, reading.left) == (1, 1, 5, 0)
        assert not reading.is_complete
        await fleet.faults()
        again = await scan.read([*sims, 999], [NOVEMBER], wait_s=30)
    assert (again.gone, again.failed, again.read) == (1, 0, 6)


async def test_an_upstream_that_fails_for_everybody_is_not_asked_for_ever(fleet: Fleet) -> None:
    sims = await every_sim(fleet)
    await fleet.faults("error=500@/stats")
    async with scanning(fleet) as scan:
        with pytest.raises(UpstreamError):
            await scan.read(sims, [NOVEMBER], wait_s=30)
    assert (await asked_for(fleet)).total() <= 64


async def test_an_upstream_that_stumbles_now_and_then_costs_no_sim(fleet: Fleet) -> None:
    sims = await every_sim(fleet)
    await fleet.faults("error=503:x3@/stats", "truncate=x2@/stats", "drop=x2@/stats")
    async with scanning(fleet) as scan:
        assert (await scan.read(sims, [NOVEMBER], wait_s=30)).is_complete


async def test_429_from_the_first_call_is_told_and_passes(fleet: Fleet) -> None:
    sims = (await every_sim(fleet))[:4]
    async with scanning(fleet) as scan:
        await fleet.faults("throttle=x1@/stats")
        first = await scan.read(sims, [NOVEMBER], wait_s=0.2)
        assert first.slowed_down
        assert first.left
        assert (await scan.read(sims, [NOVEMBER], wait_s=30)).is_complete


@pytest.mark.usefixtures("impatient")
async def test_a_volume_that_is_no_number_is_a_failure_and_not_nothing(fleet: Fleet) -> None:
    async with scanning(fleet) as scan:
        await fleet.faults("empty@/stats")
        reading = await scan.read((await every_sim(fleet))[:2], [NOVEMBER], wait_s=30)
    assert reading.failed == 2


def opened(scan: UsageScan) -> UsageStore:
    assert isinstance(scan._opened, UsageStore)
    return scan._opened


def fill_up(db: sqlite3.Connection) -> None:
    """Let the file grow no more, as on a full disk."""
    db.execute("PRAGMA max_page_count = 1")
    with suppress(sqlite3.OperationalError):
        while True:
            db.execute("INSERT INTO claim VALUES ('ballast', '', abs(random()), '', 0)")


def damage(file: Path) -> None:
    """Write over all pages but the first, as a bad disk does."""
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with file.open("rb+") as pages:
        size = pages.seek(4096)
        pages.write(b"\xff" * (file.stat().st_size - size))


@pytest.mark.parametrize("bad", ["no directory", "no database", "another version", "full", "damaged"])
async def test_without_a_disk_everything_is_known_until_the_server_stops(
    fleet: Fleet, tmp_path: Path, bad: str
) -> None:
    directory = tmp_path / "missing" if bad == "no directory" else tmp_path
    if bad == "no database":
        (tmp_path / FILE).write_bytes(b"this is no database, whatever its name says" * 100)
    if bad == "another version":
        with closing(sqlite3.connect(tmp_path / FILE)) as db:
            db.execute("CREATE TABLE usage (workspace TEXT, sim INTEGER)")
    sims = (await every_sim(fleet))[:12]
    async with scanning(fleet, directory) as scan:
        if bad == "damaged":
            assert (await scan.read([], [NOVEMBER], wait_s=0)).note is None
            damage(tmp_path / FILE)
        if bad == "full":
            await scan.read(sims[:4], [NOVEMBER], wait_s=30)
            fill_up(opened(scan)._db)
        reading = await scan.read(sims, [NOVEMBER], wait_s=30)
        again = await scan.read(sims, [NOVEMBER], wait_s=30)
    assert reading.is_complete
    assert again.amounts == reading.amounts
    assert "could not be kept on disk" in (reading.note or "")
    assert (await asked_for(fleet)).total() == 12
