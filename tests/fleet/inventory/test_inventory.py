"""The whole fleet is read once for everybody, kept, reused while fresh, and right after our own writes."""

import asyncio
import resource
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import anyio
import pytest

from sim_mcp.emnify import AuthenticationError, EmnifyClient, ForbiddenError, Limits, Sim, SimStatus, Window, asked_by
from sim_mcp.fleet.inventory.cache import SnapshotCache
from sim_mcp.fleet.inventory.inventory import FRESH_S, Inventory, StillReadingError
from sim_mcp.fleet.inventory.rows import Names, row_of_json
from sim_mcp.fleet.inventory.sharing import OwnWrites
from sim_mcp.fleet.inventory.snapshot import Snapshot
from sim_mcp.sandbox import SandboxSettings, Unknowns
from tests.emnify.upstream import Reply, Upstream
from tests.fleet.paged import paged
from tests.fleet.paged import sim as raw
from tests.support import Fleet, fleet_of


class Clock:
    """This machine's clock, as far as the inventory looks at it."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


def client_on(upstream: Upstream, application: str) -> EmnifyClient:
    return EmnifyClient(base_url=upstream.base_url, application_token=application, limits=Limits())


@asynccontextmanager
async def inventory_of(
    upstream: Upstream, directory: Path | None, application: str = "x", now: Callable[[], float] = time.time
) -> AsyncIterator[Inventory]:
    async with client_on(upstream, application) as client, Inventory(client, directory, now=now) as inventory:
        yield inventory


def kept_in(directory: Path) -> list[tuple[Path, bytes]]:
    return [(path, path.read_bytes()) for path in directory.rglob("*") if path.is_file()]


def place_in(directory: Path) -> Path:
    (place,) = directory.iterdir()
    return place


def ids(snapshot: Snapshot) -> list[int]:
    return [sim.id for sim in snapshot.sims()]


async def test_the_inventory_holds_what_emnify_has(known: Fleet, client: EmnifyClient, tmp_path: Path) -> None:
    everything = (await client.list_sims(per_page=2500)).items
    async with Inventory(client, tmp_path) as inventory:
        snapshot = await inventory.snapshot()
        found = list(snapshot.sims())
        counted = {value: count for (value,), count in snapshot.group(("status",))}
    assert snapshot.note is None
    assert [sim.id for sim in found] == [sim.id for sim in everything]
    for mine, theirs in zip(found, everything, strict=True):
        assert mine.iccid == theirs.printed_iccid
        assert (mine.imsi, mine.msisdn, mine.eid) == (theirs.imsi, theirs.msisdn, theirs.eid)
        assert mine.status is theirs.known_status
        assert mine.device == (theirs.device.name if theirs.device else None)
        assert mine.customer_id == (theirs.customer_org.id if theirs.customer_org else None)
        assert mine.activated == (theirs.activation_date.date() if theirs.activation_date else None)
    own = known.world.store.rows(
        "SELECT status, count(*) FROM sim WHERE customer = 13886 AND status <> 3 GROUP BY status"
    )
    assert counted == {SimStatus(int(str(status))).label: count for status, count in own}


async def test_many_who_ask_at_once_share_one_reading(tmp_path: Path) -> None:
    async with paged(10) as upstream, inventory_of(upstream, tmp_path) as inventory:
        totals: list[int] = []

        async def ask() -> None:
            totals.append((await inventory.snapshot()).total)

        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(ask)
        assert totals == [10] * 5
        assert sorted(upstream.pages_asked) == [1, 2, 3, 4]


async def test_two_servers_on_one_machine_share_one_reading(tmp_path: Path) -> None:
    async with (
        paged(10) as upstream,
        inventory_of(upstream, tmp_path) as one,
        inventory_of(upstream, tmp_path) as other,
    ):
        totals: list[int] = []

        async def ask(inventory: Inventory) -> None:
            totals.append((await inventory.snapshot()).total)

        async with anyio.create_task_group() as group:
            group.start_soon(ask, one)
            group.start_soon(ask, other)
        assert totals == [10, 10]
        assert sorted(upstream.pages_asked) == [1, 2, 3, 4]


async def test_a_snapshot_is_used_again_for_five_minutes_and_not_longer_unless_a_fresh_one_is_asked_for(
    tmp_path: Path,
) -> None:
    clock = Clock()
    async with paged(3) as upstream, inventory_of(upstream, tmp_path, now=clock) as inventory:
        await inventory.snapshot()
        clock.ahead = FRESH_S - 5
        await inventory.snapshot()
        assert len(upstream.calls) == 1
        await inventory.snapshot(fresh=True)
        assert len(upstream.calls) == 2
        clock.ahead = FRESH_S + 5
        await inventory.snapshot()
        assert len(upstream.calls) == 3
        clock.ahead = -FRESH_S
        await inventory.snapshot()
        assert len(upstream.calls) == 4


async def test_it_survives_a_restart_and_never_answers_for_another_token_or_address(tmp_path: Path) -> None:
    async with paged(3) as upstream, paged(5) as elsewhere:
        async with inventory_of(upstream, tmp_path) as inventory:
            first = await inventory.snapshot()
            taken_at = first.taken_at
        async with inventory_of(upstream, tmp_path) as inventory:
            again = await inventory.snapshot()
            assert (ids(again), again.taken_at) == ([10, 20, 30], taken_at)
            assert len(upstream.calls) == 1
        async with inventory_of(upstream, tmp_path, application="another") as inventory:
            await inventory.snapshot()
            assert len(upstream.calls) == 2
        async with inventory_of(elsewhere, tmp_path) as inventory:
            assert (await inventory.snapshot()).total == 5
        assert not any(b"another" in path.name.encode() + content for path, content in kept_in(tmp_path))


async def test_a_file_that_is_no_fleet_is_read_anew(tmp_path: Path) -> None:
    async with paged(3) as upstream:
        async with inventory_of(upstream, tmp_path) as inventory:
            await inventory.snapshot()
        for path, _ in kept_in(tmp_path):
            if path.name.startswith("fleet-"):
                path.write_bytes(b"x" * 9000)
        async with inventory_of(upstream, tmp_path) as inventory:
            assert (await inventory.snapshot()).total == 3
        assert len(upstream.calls) == 2


async def test_our_own_writes_are_in_it_at_once_here_and_in_another_server(tmp_path: Path) -> None:
    async with (
        paged(4) as upstream,
        inventory_of(upstream, tmp_path) as one,
        inventory_of(upstream, tmp_path) as other,
    ):
        mine, theirs = await one.snapshot(), await other.snapshot()
        changed = Sim.model_validate(raw(20, status=2) | {"customer_org": {"id": 5, "name": "New Ltd"}})
        await one.correct({20: changed, 30: None})
        for snapshot in (mine, theirs, await one.snapshot()):
            assert ids(snapshot) == [10, 20, 40]
            assert snapshot.total == 3
            assert snapshot.group(("status",)) == [(("Activated",), 2), (("Suspended",), 1)]
            assert snapshot.group(("customer",)) == [(("none",), 2), (("New Ltd",), 1)]
        assert len(upstream.calls) == 2


async def test_a_write_during_the_reading_is_not_overwritten_by_what_was_read_before_it(tmp_path: Path) -> None:
    async with (
        paged(9) as upstream,
        inventory_of(upstream, tmp_path) as reader,
        inventory_of(upstream, tmp_path) as writer,
    ):
        # Page 1 is read by then and tells of 10 and 20 as they were before.
        upstream.before[3] = lambda: writer.correct({10: Sim.model_validate(raw(10, status=2)), 20: None})
        snapshot = await reader.snapshot()
        assert 20 not in ids(snapshot)
        assert next(snapshot.sims()).status is SimStatus.SUSPENDED


async def test_a_write_of_unknown_effect_has_the_fleet_read_anew(tmp_path: Path) -> None:
    async with (
        paged(3) as upstream,
        inventory_of(upstream, tmp_path) as one,
        inventory_of(upstream, tmp_path) as other,
    ):
        await one.snapshot()
        upstream.sims[40] = raw(40)
        await other.outdate()
        assert (await one.snapshot()).total == 4


@pytest.mark.parametrize("gone", [10, 50, 90, 160])
async def test_pages_that_shrink_while_being_read_lose_nobody(tmp_path: Path, gone: int) -> None:
    async with paged(16) as upstream, inventory_of(upstream, tmp_path) as inventory:
        upstream.before[4] = lambda: upstream.sims.pop(gone)
        snapshot = await inventory.snapshot()
        assert ids(snapshot) == sorted(upstream.sims)
        assert snapshot.note is None


@pytest.mark.parametrize("new", [5, 55, 165])
async def test_sims_that_appear_while_being_read_count_once(tmp_path: Path, new: int) -> None:
    async with paged(16) as upstream, inventory_of(upstream, tmp_path) as inventory:
        upstream.before[4] = lambda: upstream.sims.update({new: raw(new)})
        assert ids(await inventory.snapshot()) == sorted(upstream.sims)


async def test_a_fleet_that_never_keeps_still_is_told_to_be_uncertain(tmp_path: Path) -> None:
    async with paged(30) as upstream, inventory_of(upstream, tmp_path) as inventory:
        always = set(upstream.sims) - set(range(0, 100, 10))
        upstream.before = {
            number: lambda number=number: (
                upstream.sims.pop(number % 9 * 10 + 10, None)  # type: ignore[misc]  # a default.
                or upstream.sims.update({number % 9 * 10 + 10: raw(number % 9 * 10 + 10)})
            )
            for number in range(3, 200)
        }
        snapshot = await inventory.snapshot()
        assert snapshot.note is not None
        assert "came and went" in snapshot.note
        assert always <= set(ids(snapshot))
        assert len(ids(snapshot)) == snapshot.total


async def test_without_totals_it_is_read_until_the_last_page_repeats(tmp_path: Path) -> None:
    async with paged(8, tells_totals=False) as upstream, inventory_of(upstream, tmp_path) as inventory:
        snapshot = await inventory.snapshot()
        assert ids(snapshot) == sorted(upstream.sims)
        assert "came and went" in (snapshot.note or "")


async def test_rows_that_cannot_be_read_are_counted_and_told(tmp_path: Path) -> None:
    async with paged(8) as upstream, inventory_of(upstream, tmp_path) as inventory:
        upstream.sims[45] = {"iccid": "without an id"}
        snapshot = await inventory.snapshot()
        assert snapshot.total == 8
        assert snapshot.note == "1 records could not be read and are not counted."


async def test_limits_met_by_others_from_the_first_call_are_waited_out(tmp_path: Path) -> None:
    settings = SandboxSettings(sims=60, unknowns=Unknowns(retry_after=0))
    async with fleet_of(settings) as fleet:
        await fleet.faults("throttle=x2@GET /api/v1/sim")
        async with (
            EmnifyClient(base_url=fleet.world.base_url, application_token=fleet.world.tokens["enterprise"]) as client,
            Inventory(client, tmp_path) as inventory,
        ):
            snapshot = await inventory.snapshot()
            assert snapshot.total == len((await client.list_sims(per_page=2500)).items)


async def test_a_token_revoked_while_reading_leaves_the_former_fleet_and_says_so(tmp_path: Path) -> None:
    async with paged(9) as upstream, inventory_of(upstream, tmp_path) as inventory:
        former = await inventory.snapshot()
        upstream.sims = {number: raw(number, status=2) for number in upstream.sims}
        for number in range(5, 9):
            upstream.instead[number] = Reply(status=401)
        upstream.refuse_tokens()
        with pytest.raises(AuthenticationError):
            await inventory.snapshot(fresh=True)
        assert former.group(("status",)) == [(("Activated",), 9)]
        async with inventory_of(upstream, tmp_path) as restarted:
            assert (await restarted.snapshot()).group(("status",)) == [(("Activated",), 9)]


async def test_a_reading_that_failed_is_taken_up_where_it_stopped(tmp_path: Path) -> None:
    async with paged(12) as upstream, inventory_of(upstream, tmp_path) as inventory:
        upstream.instead[2] = Reply(status=403)
        with pytest.raises(ForbiddenError):
            await inventory.snapshot()
        before = len(upstream.calls)
        assert (await inventory.snapshot()).total == 12
        assert 2 in upstream.pages_asked[before:]
        assert 1 not in upstream.pages_asked[before:]


async def test_where_emnify_fails_an_older_snapshot_answers_and_says_so(tmp_path: Path) -> None:
    clock = Clock()
    async with paged(3) as upstream, inventory_of(upstream, tmp_path, now=clock) as inventory:
        await inventory.snapshot()
        clock.ahead = FRESH_S + 1
        upstream.instead[2] = Reply(status=409)
        snapshot = await inventory.snapshot()
        assert snapshot.total == 3
        assert "An older snapshot, for reading it anew failed" in (snapshot.note or "")


async def test_a_reading_too_long_for_one_call_goes_on_and_the_next_call_picks_it_up(tmp_path: Path) -> None:
    async with paged(9) as upstream, inventory_of(upstream, tmp_path) as inventory:
        upstream.held = asyncio.Event()
        with pytest.raises(StillReadingError, match=r"emnify has not answered yet\. It goes on in the background"):
            await inventory.snapshot(fresh=True, wait_s=0)
        upstream.held.set()
        told: list[tuple[int, int]] = []

        async def progress(done: int, total: int, message: str) -> None:
            assert message
            told.append((done, total))

        assert (await inventory.snapshot(fresh=True, progress=progress)).total == 9
        assert len(upstream.calls) == 3
        assert all(done <= total == 9 for done, total in told)


async def test_while_the_limits_are_spent_what_is_known_answers_at_once_and_says_so(tmp_path: Path) -> None:
    clock = Clock()
    async with paged(9) as upstream:
        limits = Limits(per_address=Window(6, 300.0))
        async with (
            EmnifyClient(base_url=upstream.base_url, application_token="x", limits=limits) as client,
            Inventory(client, tmp_path, now=clock) as inventory,
        ):
            with asked_by("anna") as new:
                first = await inventory.snapshot()
            clock.ahead = FRESH_S + 1
            with asked_by("anna") as known, anyio.fail_after(20):
                again = await inventory.snapshot()
            assert new.as_of is None
            assert again.total == 9
            assert known.as_of == first.taken_at
            assert known.fresh_at is not None
            assert known.fresh_at > first.taken_at


async def test_what_was_finished_between_two_calls_that_insist_is_handed_over_once(tmp_path: Path) -> None:
    async with paged(2) as upstream, inventory_of(upstream, tmp_path) as inventory:
        with pytest.raises(StillReadingError):
            await inventory.snapshot(fresh=True, wait_s=0)
        await inventory.snapshot()
        assert (await inventory.snapshot(fresh=True)).total == 2
        assert len(upstream.calls) == 1
        await inventory.snapshot(fresh=True)
        assert len(upstream.calls) == 2


async def test_while_a_slow_emnify_is_read_an_older_snapshot_answers(tmp_path: Path) -> None:
    clock = Clock()
    async with paged(9) as upstream, inventory_of(upstream, tmp_path, now=clock) as inventory:
        await inventory.snapshot()
        clock.ahead = FRESH_S + 1
        upstream.held = asyncio.Event()
        snapshot = await inventory.snapshot(wait_s=0)
        assert snapshot.total == 9
        assert "An older snapshot, for it is being read anew" in (snapshot.note or "")


async def test_who_gives_up_waiting_does_not_stop_it_for_others(tmp_path: Path) -> None:
    async with paged(4) as upstream, inventory_of(upstream, tmp_path) as inventory:
        upstream.held = asyncio.Event()
        totals: list[int] = []

        async def patient() -> None:
            totals.append((await inventory.snapshot()).total)

        async with anyio.create_task_group() as group, anyio.create_task_group() as impatient:
            impatient.start_soon(inventory.snapshot)
            await upstream.called.wait()
            group.start_soon(patient)
            impatient.cancel_scope.cancel()
            upstream.held.set()
        assert totals == [4]
        assert sorted(upstream.pages_asked) == [1, 2]


async def test_no_task_and_no_part_is_left_when_the_server_stops(tmp_path: Path) -> None:
    before = asyncio.all_tasks()
    async with paged(4) as upstream:
        upstream.held = asyncio.Event()
        async with inventory_of(upstream, tmp_path) as inventory:
            with pytest.raises(StillReadingError):
                await inventory.snapshot(wait_s=0)
            await upstream.called.wait()
        assert not [path for path, _ in kept_in(tmp_path) if path.name.startswith(("part-", "fleet-"))]
    assert asyncio.all_tasks() <= before


async def test_a_snapshot_in_use_outlives_its_replacement(tmp_path: Path) -> None:
    async with paged(5) as upstream, inventory_of(upstream, tmp_path) as inventory:
        former = await inventory.snapshot()
        half = former.sims()
        next(half)
        upstream.sims.pop(50)
        assert (await inventory.snapshot(fresh=True)).total == 4
        assert len(list(half)) == 4
        assert former.total == 5
        assert len([path for path, _ in kept_in(tmp_path) if path.name.startswith("fleet-")]) == 1


@pytest.mark.parametrize("directory", ["missing", "a file", None])
async def test_where_nothing_can_be_kept_it_is_kept_in_memory_and_says_so(
    tmp_path: Path, directory: str | None
) -> None:
    (tmp_path / "a file").touch()
    async with (
        paged(5) as upstream,
        inventory_of(upstream, None if directory is None else tmp_path / directory) as inventory,
    ):
        snapshot = await inventory.snapshot()
        assert snapshot.total == 5
        assert "kept in memory only" in (snapshot.note or "")
        await inventory.correct({10: None})
        assert (await inventory.snapshot()).total == 4
        assert len(upstream.calls) == 2


async def test_a_directory_removed_under_a_running_server_is_made_anew_for_nobody_elses_eyes(tmp_path: Path) -> None:
    async with paged(7) as upstream, inventory_of(upstream, tmp_path) as inventory:
        await inventory.snapshot()
        place = place_in(tmp_path)
        shutil.rmtree(place)
        assert (await inventory.snapshot()).total == 7
        assert place.stat().st_mode & 0o777 == 0o700
        asked = len(upstream.calls)
        upstream.sims[10] = raw(10, 2)
        await inventory.correct({10: Sim.model_validate(upstream.sims[10])})
        async with inventory_of(upstream, tmp_path) as other:
            for each in (inventory, other):
                assert next((await each.snapshot()).sims()).status is SimStatus.SUSPENDED
        assert len(upstream.calls) == asked


@pytest.mark.parametrize("spoil", ["a file instead", "no lock"])
async def test_a_directory_spoilt_under_a_running_server_costs_no_answer(tmp_path: Path, spoil: str) -> None:
    async with paged(7) as upstream, inventory_of(upstream, tmp_path) as inventory:
        await inventory.snapshot()
        place = place_in(tmp_path)
        if spoil == "no lock":
            (place / "reading.lock").unlink(missing_ok=True)
            (place / "reading.lock").mkdir()
        else:
            shutil.rmtree(place)
            place.write_text("x")
        snapshot = await inventory.snapshot(fresh=True)
        assert snapshot.total == 7
        assert (snapshot.note is None) is (spoil == "no lock")


def test_servers_of_one_process_number_do_not_take_the_directory_from_each_other(tmp_path: Path) -> None:
    def open_and_close(_: int) -> str | None:
        cache = SnapshotCache(tmp_path, "0" * 24)
        cache.close()
        return cache.problem

    with ThreadPoolExecutor(6) as servers:
        assert set(servers.map(open_and_close, range(600))) == {None}


def test_a_clock_put_back_neither_brings_old_writes_back_nor_has_the_fleet_read_for_ever(tmp_path: Path) -> None:
    fast = time.time() + 3600
    cache = SnapshotCache(tmp_path, "0" * 24)
    names: Names = {}
    row = row_of_json(raw(10, 2), names)
    assert row is not None
    cache.record_writes(fast, OwnWrites([row], names, []))
    cache.outdate(fast)
    assert cache.outdated_at() == 0
    assert cache.writes_since(0) == OwnWrites([], {}, [])
    cache.outdate(time.time())
    assert cache.outdated_at() > 0
    cache.close()


async def test_a_disk_that_fills_up_while_reading_loses_nothing_and_is_told(tmp_path: Path) -> None:
    async with paged(900, per_page=100) as upstream, inventory_of(upstream, tmp_path) as inventory:
        with files_of_at_most(20_000):
            snapshot = await inventory.snapshot()
            assert ids(snapshot) == sorted(upstream.sims)
            assert sorted(upstream.pages_asked) == list(range(1, 10))
            assert snapshot.note == "It is kept in memory only: the disk is full or failed."
        assert not [path for path, _ in kept_in(tmp_path) if path.name.startswith("part-")]


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
