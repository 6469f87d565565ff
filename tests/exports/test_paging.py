"""While a collection changes, what stays in it is read once: it neither vanishes nor counts twice."""

from collections.abc import AsyncGenerator, Callable
from functools import partial

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import TaskGroup
from hypothesis import example, given
from hypothesis import strategies as st

from sim_mcp.emnify import EmnifyClient, EmnifyError, Limits, NotFoundError, Page, Sim, SimFilter, SimSort, SimStatus
from sim_mcp.exports.paging import AHEAD, ReadAhead, consume, every_row, gather
from sim_mcp.sandbox import SandboxSettings
from tests.emnify.upstream import Reply, upstream_running
from tests.support import fleet_of

SIZE = 3


def page_of(ids: list[int], number: int, *, told: bool = True) -> Page[Sim]:
    """A page as the client makes it of emnify's answers: past the last it is empty."""
    items = [Sim(id=sim_id) for sim_id in ids[(number - 1) * SIZE : number * SIZE]]
    total, pages = (len(ids), -(-len(ids) // SIZE)) if told else (None, None)
    return Page(items=items, page=number, per_page=SIZE, total=total, pages=pages)


def read_while(ids: list[int], change: Callable[[int], None], *, told: bool = True, ahead: bool = True) -> list[int]:
    """Read a collection that changes before each request; return the ids in the order they came."""
    requests = 0

    async def read(number: int) -> Page[Sim]:
        nonlocal requests
        requests += 1
        change(requests)
        page = page_of(ids, number, told=told)
        # Answers overtake each other.
        for _ in range(requests % 3):
            await anyio.lowlevel.checkpoint()
        return page

    async def everything() -> list[int]:
        async with anyio.create_task_group() as group:
            pages = every_row(ReadAhead(read, group) if ahead else read)
            found = [sim.id async for fresh, _ in pages for sim in fresh]
            group.cancel_scope.cancel()
        return found

    return anyio.run(everything)


@given(
    st.integers(0, 60),
    st.dictionaries(st.integers(2, 20), st.lists(st.integers(0, 59), min_size=1, max_size=SIZE), max_size=2),
    st.dictionaries(st.integers(1, 20), st.integers(0, 70), max_size=5),
    st.booleans(),
)
@example(many=13, gone={3: [0, 1], 4: [2, 3]}, come={5: 3, 6: 3}, ahead=True)
def test_what_stays_is_read_once_while_others_come_and_go(
    many: int, gone: dict[int, list[int]], come: dict[int, int], ahead: bool
) -> None:
    ids = list(range(many))
    stays = set(ids) - {sim_id for some in gone.values() for sim_id in some}

    def change(request: int) -> None:
        for sim_id in gone.get(request, ()):
            if sim_id in ids:
                ids.remove(sim_id)
        if request in come and request not in gone:
            ids.insert(come[request], 1000 + request)

    found = read_while(ids, change, ahead=ahead)
    assert stays <= set(found)
    assert len(found) == len(set(found))


@pytest.mark.parametrize("many", [0, 1, SIZE, SIZE * AHEAD, 50])
@pytest.mark.parametrize("told", [True, False])
def test_what_does_not_change_is_read_in_order_with_or_without_headers(many: int, told: bool) -> None:
    assert read_while(list(range(many)), lambda _: None, told=told) == list(range(many))


def test_a_count_that_is_never_right_ends_all_the_same() -> None:
    ids = list(range(30))
    # One SIM more on every other request: a total that falls again and again, of a collection that never does.
    found = read_while(ids, lambda request: ids.append(99) if request % 2 else ids.remove(99))
    assert set(range(30)) <= set(found)


async def test_sims_that_leave_a_filter_while_it_is_read_hide_no_others() -> None:
    async with fleet_of(SandboxSettings(sims=120)) as fleet:
        token = fleet.world.tokens["enterprise"]
        async with EmnifyClient(base_url=fleet.world.base_url, application_token=token, limits=Limits()) as client:
            active = SimFilter(status=SimStatus.ACTIVATED)
            before = [sim.id for sim in (await client.list_sims(active, sort=[SimSort("id")], per_page=2500)).items]
            leaving = before[:3]

            async def read(number: int) -> Page[Sim]:
                if number == AHEAD + 2:
                    while leaving:
                        suspend = {"status": {"id": SimStatus.SUSPENDED.value}}
                        (await fleet.api("PATCH", f"/sim/{leaving.pop()}", json=suspend)).raise_for_status()
                return await client.list_sims(active, sort=[SimSort("id")], page=number, per_page=5)

            async with anyio.create_task_group() as group:
                found = [sim.id async for fresh, _ in every_row(ReadAhead(read, group)) for sim in fresh]
        assert set(before[3:]) <= set(found)
        assert len(found) == len(set(found))


async def test_pages_that_follow_are_read_while_one_is_worked_on_and_not_past_the_last() -> None:
    asked: list[int] = []

    async def read(number: int) -> Page[Sim]:
        asked.append(number)
        return page_of(list(range(SIZE * (AHEAD + 3))), number)

    async with anyio.create_task_group() as group:
        pages = ReadAhead(read, group)
        await pages(1)
        assert asked == [1]
        await pages(2)
        await anyio.wait_all_tasks_blocked()
        assert asked == list(range(1, AHEAD + 2))
        for number in range(3, AHEAD + 4):
            await pages(number)
    assert asked == list(range(1, AHEAD + 4))


async def test_a_page_that_cannot_be_read_fails_when_its_turn_comes_and_ends_what_follows() -> None:
    taken: list[int] = []

    async def read(number: int) -> Page[Sim]:
        if number == 3:
            raise EmnifyError("no page 3")
        if number > 3:
            await anyio.sleep_forever()
        return page_of(list(range(60)), number)

    async def batches(group: TaskGroup) -> AsyncGenerator[int]:
        async for _, page in every_row(ReadAhead(read, group)):
            yield page.page

    async def take(number: int) -> None:
        taken.append(number)

    with pytest.raises(EmnifyError, match="no page 3"):
        await consume(batches, take)
    assert taken == [1, 2]


async def test_of_things_done_together_the_first_failure_is_told_and_none_goes_on() -> None:
    async with (
        upstream_running() as upstream,
        EmnifyClient(base_url=upstream.base_url, application_token="x", limits=Limits()) as client,
    ):
        upstream.script(Reply(status=404), Reply(status=404), Reply(status=404))
        with pytest.raises(NotFoundError):
            await gather([partial(client.get_sim, number) for number in (1, 2, 3)])


async def test_while_a_batch_is_taken_the_next_is_read() -> None:
    second, taken = anyio.Event(), []

    async def batches() -> AsyncGenerator[int]:
        yield 1
        second.set()
        yield 2

    async def take(batch: int) -> None:
        await second.wait()
        taken.append(batch)

    await consume(lambda _: batches(), take)
    assert taken == [1, 2]


async def test_what_was_read_before_reading_failed_is_taken_first() -> None:
    taken = []

    async def batches() -> AsyncGenerator[int]:
        for batch in (1, 2, 3):
            yield batch
        raise OSError("reading")

    async def take(batch: int) -> None:
        taken.append(batch)

    with pytest.raises(OSError, match="reading"):
        await consume(lambda _: batches(), take)
    assert taken == [1, 2, 3]


async def test_where_a_batch_cannot_be_taken_reading_ends() -> None:
    ended = anyio.Event()

    async def batches() -> AsyncGenerator[int]:
        try:
            for batch in range(1000):
                yield batch
        finally:
            ended.set()

    async def take(batch: int) -> None:
        raise OSError(f"taking {batch}")

    with pytest.raises(OSError, match="taking 0"):
        await consume(lambda _: batches(), take)
    assert ended.is_set()
