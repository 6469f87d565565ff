"""Pages of a collection: where they stand, where they end, and what is done when nobody says."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim_mcp.emnify import (
    DeviceFilter,
    EmnifyClient,
    EventFilter,
    EventSort,
    InvalidValueError,
    Limits,
    NotFoundError,
    Page,
    Sim,
    SimFilter,
    SimSort,
    SimStatus,
    UnreadableAnswerError,
    iter_pages,
)
from sim_mcp.sandbox import SandboxSettings, Unknowns
from tests.emnify.upstream import Reply, Upstream
from tests.support import Fleet, fleet_of


def sims(*ids: int) -> list[dict[str, int]]:
    return [{"id": number} for number in ids]


def headers(page: int, pages: int, total: int, size: int = 2) -> dict[str, str]:
    names = ("X-Current-Page", "X-Total-Pages", "X-Total-Count", "X-Count-Per-Page")
    return dict(zip(names, map(str, (page, pages, total, size)), strict=True))


async def every_id(client: EmnifyClient, per_page: int = 2) -> list[int]:
    return [sim.id async for page in client.iter_sim_pages(per_page=per_page) for sim in page.items]


async def first(pages: AsyncIterator[Page[Sim]], most: int) -> list[Page[Sim]]:
    found: list[Page[Sim]] = []
    async for page in pages:
        found.append(page)
        if len(found) == most:
            break
    return found


async def test_paging_stops_where_the_headers_say_though_the_last_page_would_repeat(
    client: EmnifyClient, upstream: Upstream
) -> None:
    upstream.script(
        Reply(json=sims(1, 2), headers=headers(1, 2, 3)),
        Reply(json=sims(3), headers=headers(2, 2, 3)),
    )
    assert await every_id(client) == [1, 2, 3]
    assert upstream.lines == ["GET /api/v1/sim?page=1&per_page=2", "GET /api/v1/sim?page=2&per_page=2"]


async def test_header_names_may_be_of_either_kind_and_case(client: EmnifyClient, upstream: Upstream) -> None:
    upstream.script(
        Reply(json=sims(1), headers={"x-count": "3", "x-per-page": "1", "x-page": "1", "x-pages": "3", "link": ""})
    )
    page = await client.list_sims(per_page=1)
    assert (page.total, page.pages, page.per_page, page.has_next) == (3, 3, 1, True)


async def test_a_total_without_a_number_of_pages_is_enough(client: EmnifyClient, upstream: Upstream) -> None:
    upstream.script(
        Reply(json=sims(1, 2), headers={"X-Total-Count": "3"}), Reply(json=sims(3), headers={"X-Total-Count": "3"})
    )
    assert await every_id(client) == [1, 2, 3]
    assert len(upstream.calls) == 2


async def test_without_headers_paging_stops_at_a_repeated_page(client: EmnifyClient, upstream: Upstream) -> None:
    upstream.script(Reply(json=sims(1, 2)), Reply(json=sims(3)), Reply(json=sims(3)))
    assert await every_id(client) == [1, 2, 3]
    assert len(upstream.calls) == 3


async def test_without_headers_paging_stops_at_an_empty_page(client: EmnifyClient, upstream: Upstream) -> None:
    upstream.script(Reply(json=sims(1, 2)), Reply(json=[]))
    assert await every_id(client) == [1, 2]
    assert len(upstream.calls) == 2


async def test_an_empty_collection_is_one_empty_page(client: EmnifyClient, upstream: Upstream) -> None:
    upstream.script(Reply(json=[], headers=headers(1, 0, 0)))
    (page,) = [page async for page in client.iter_sim_pages()]
    assert (page.items, page.total, page.has_next) == ([], 0, False)
    assert len(upstream.calls) == 1


@pytest.mark.parametrize(
    "told",
    [headers(2, 2, 3), {"X-Total-Pages": "2"}, {"X-Pages": "2"}, {"X-Current-Page": "2"}, {"X-Page": "2"}],
)
async def test_a_page_past_the_end_comes_back_empty_though_emnify_repeats_the_last(
    client: EmnifyClient, upstream: Upstream, told: dict[str, str]
) -> None:
    upstream.script(Reply(json=sims(3), headers=told))
    page = await client.list_sims(page=9, per_page=2)
    assert (page.items, page.page, page.has_next) == ([], 9, False)


async def test_a_size_that_emnify_cut_is_the_size_of_the_page(client: EmnifyClient, upstream: Upstream) -> None:
    upstream.script(
        Reply(json=sims(1, 2), headers={"X-Count-Per-Page": "2", "X-Total-Count": "3"}),
        Reply(json=sims(3), headers={"X-Count-Per-Page": "2", "X-Total-Count": "3"}),
    )
    assert await every_id(client, per_page=2500) == [1, 2, 3]


async def test_rows_that_cannot_be_read_are_counted_and_do_not_end_the_paging(
    client: EmnifyClient, upstream: Upstream
) -> None:
    upstream.script(
        Reply(json=[None, "x", {"iccid": "8988"}, {"id": 4}], headers=headers(1, 2, 5, 4)),
        Reply(json=sims(5), headers=headers(2, 2, 5, 4)),
    )
    first_page, second_page = [page async for page in client.iter_sim_pages(per_page=4)]
    assert ([sim.id for sim in first_page.items], first_page.unreadable) == ([4], 3)
    assert [sim.id for sim in second_page.items] == [5]


async def test_devices_are_paged_as_sims_are(client: EmnifyClient, upstream: Upstream) -> None:
    upstream.script(
        Reply(json=sims(1, 2), headers=headers(1, 2, 3)),
        Reply(json=sims(3), headers=headers(2, 2, 3)),
    )
    pages = [page async for page in client.iter_device_pages(DeviceFilter(name="pump"), per_page=2)]
    assert [[device.id for device in page.items] for page in pages] == [[1, 2], [3]]
    assert upstream.lines == [
        f"GET /api/v1/endpoint?q=name%3Apump&sort=id&page={number}&per_page=2" for number in (1, 2)
    ]


@pytest.mark.parametrize(
    ("read", "line"),
    [
        (lambda c: anext(c.iter_sim_pages()), "GET /api/v1/sim?page=1&per_page=2500"),
        (lambda c: c.list_raw_sims(), "GET /api/v1/sim?sort=id&page=1&per_page=2500"),
        (lambda c: anext(c.iter_device_pages()), "GET /api/v1/endpoint?sort=id&page=1&per_page=1000"),
    ],
)
async def test_whole_collections_are_read_in_the_largest_pages_there_are(
    client: EmnifyClient, upstream: Upstream, read: Callable[[EmnifyClient], Awaitable[Any]], line: str
) -> None:
    upstream.script(Reply(json=sims(1)))
    await read(client)
    assert upstream.lines == [line]


@pytest.mark.parametrize(
    ("read", "largest"),
    [
        (lambda c, size: c.list_sims(per_page=size), 2500),
        (lambda c, size: c.list_raw_sims(per_page=size), 2500),
        (lambda c, size: c.list_devices(per_page=size), 1000),
        (lambda c, size: c.list_sim_events(1, per_page=size), 1000),
    ],
)
async def test_a_page_larger_than_emnify_has_is_not_asked_for(
    client: EmnifyClient, upstream: Upstream, read: Callable[[EmnifyClient, int], Awaitable[Any]], largest: int
) -> None:
    upstream.script(Reply(json=sims(1)))
    await read(client, largest)
    with pytest.raises(InvalidValueError, match=f"per_page {largest + 1} is not between 1 and {largest}"):
        await read(client, largest + 1)
    assert len(upstream.calls) == 1


def page_of(*ids: object, page: int = 1, per_page: int = 2, **told: Any) -> Page[Any]:
    return Page(items=[{"id": number} for number in ids], page=page, per_page=per_page, **told)


@pytest.mark.parametrize(
    ("page", "last", "has_next"),
    [
        (page_of(1, 2, pages=2), 2, True),
        (page_of(1, 2, page=2, pages=2), 2, False),
        (page_of(pages=0), 0, False),
        (page_of(1, 2, total=3), 2, True),
        (page_of(1, 2, total=2), 1, False),
        (page_of(1, page=2, total=3), 2, False),
        (page_of(1, 2, pages=1, total=99), 1, False),
        (page_of(1, 2), None, True),
        (page_of(1), None, False),
        (page_of(1, unreadable=1), None, True),
    ],
)
def test_where_a_page_stands(page: Page[Any], last: int | None, has_next: bool) -> None:
    assert (page.last_page, page.has_next) == (last, has_next)


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ([page_of(1, 2, pages=2), page_of(3, page=2, pages=2)], 2),
        ([page_of(1, 2, pages=9), page_of(page=2, pages=9)], 2),
        ([page_of(1, 2, pages=2), page_of(page=2, pages=2, unreadable=2)], 2),
        ([page_of(1, pages=3), page_of(page=2, pages=3, unreadable=1), page_of(2, page=3, pages=3)], 3),
        ([page_of()], 1),
        ([page_of(1), page_of(1)], 1),
        ([page_of(1), page_of(2), page_of()], 2),
        ([page_of(1), page_of(2), page_of(2)], 2),
        ([page_of(unreadable=1), page_of(2), page_of()], 2),
    ],
)
async def test_pages_are_read_to_the_end(sent: list[Page[Any]], read: int) -> None:
    asked: list[int] = []

    async def answer(number: int) -> Page[Any]:
        asked.append(number)
        return sent[number - 1]

    assert [page async for page in iter_pages(answer)] == sent[:read]
    assert asked == list(range(1, len(sent) + 1))


@pytest.mark.parametrize("body", [{"sims": []}, "sims", 7, {"error_code": 1}])
async def test_an_answer_that_is_no_list_is_an_error_not_an_empty_list(
    client: EmnifyClient, upstream: Upstream, body: Any
) -> None:
    upstream.script(Reply(json=body))
    with pytest.raises(UnreadableAnswerError, match="not a list"):
        await client.list_sims()


@settings(max_examples=60)
@given(
    said=st.dictionaries(
        st.sampled_from(["X-Total-Pages", "X-Pages", "X-Total-Count", "X-Count", "X-Current-Page", "X-Count-Per-Page"]),
        st.integers(-5, 10**20).map(str) | st.sampled_from(["", "-", "1.5", "many", "9" * 5000, "0"]),
    )
)
async def test_no_header_keeps_a_page_from_being_read(
    client: EmnifyClient, upstream: Upstream, said: dict[str, str]
) -> None:
    upstream.script(Reply(json=sims(1, 2), headers=said))
    (page, *_) = await first(client.iter_sim_pages(per_page=2), 4)
    assert [sim.id for sim in page.items] in ([1, 2], [])


async def test_every_sim_of_a_fleet_is_seen_once_in_any_page_size(fleet: Fleet) -> None:
    async with EmnifyClient(
        base_url=fleet.world.base_url, application_token=fleet.world.tokens["issuer"], limits=Limits()
    ) as client:
        whole = await client.list_sims(per_page=2500)
        ids = [sim.id for sim in whole.items]
        assert len(ids) == len(set(ids)) == whole.total
        assert [await every_id(client, per_page=size) for size in (7, 59, len(ids), 2500)] == [ids] * 4
        backwards = [
            sim.id
            async for page in client.iter_sim_pages(sort=[SimSort("id", descending=True)], per_page=11)
            for sim in page.items
        ]
        assert backwards == ids[::-1]
        by_status = [
            sim.id
            for status in SimStatus
            async for page in client.iter_sim_pages(SimFilter(status=status), per_page=9)
            for sim in page.items
        ]
        assert sorted(by_status) == ids


@pytest.mark.parametrize("overflow", ["last", "empty"])
async def test_both_ways_of_ending_a_collection_end_it(overflow: Any) -> None:
    async with (
        fleet_of(SandboxSettings(sims=45, unknowns=Unknowns(last_page_overflow=overflow))) as fleet,
        EmnifyClient(base_url=fleet.world.base_url, application_token=fleet.world.tokens["issuer"]) as client,
    ):
        past = await client.list_sims(page=99, per_page=20)
        assert past.items == []
        assert past.total == len(await every_id(client, per_page=20))


async def test_events_of_an_unknown_sim_are_an_error_not_an_empty_list(fleet: Fleet) -> None:
    async with EmnifyClient(
        base_url=fleet.world.base_url, application_token=fleet.world.tokens["enterprise"]
    ) as client:
        with pytest.raises(NotFoundError, match="SIM with id 99999999"):
            await client.list_sim_events(99999999)
        with pytest.raises(NotFoundError):
            await client.list_sim_events(fleet.scenarios["foreign"]["sim_id"], page=2)
        quiet = await client.list_sim_events(fleet.scenarios["healthy"]["sim_id"], EventFilter(types=(777,)))
        assert (quiet.items, quiet.total) == ([], 0)


async def test_events_come_newest_first_unless_asked_otherwise(fleet: Fleet) -> None:
    async with EmnifyClient(
        base_url=fleet.world.base_url, application_token=fleet.world.tokens["enterprise"]
    ) as client:
        sim_id = fleet.scenarios["went_silent"]["sim_id"]
        newest = [event.timestamp for event in (await client.list_sim_events(sim_id, per_page=1000)).items]
        oldest = await client.list_sim_events(sim_id, sort=EventSort("timestamp"), per_page=1000)
        known = [moment for moment in newest if moment is not None]
        assert len(known) == len(newest) == oldest.total
        assert known == sorted(known, reverse=True)
        assert [event.timestamp for event in oldest.items] == sorted(known)
