"""Lists of SIMs that one request to emnify cannot give: with a device, by the name of a device."""

from dataclasses import replace

import pytest

from sim_mcp.emnify import EmnifyClient, InvalidValueError, Limits, Sim, SimFilter, SimSort, SimStatus
from sim_mcp.fleet.lookup.listing import Listing, all_matching, list_matching
from sim_mcp.fleet.lookup.selection import SimSelection
from tests.emnify.upstream import Reply, upstream_running


async def whole(client: EmnifyClient, wanted: Listing) -> list[Sim]:
    """Every page of a list, each checked against what it says of itself."""
    found: list[Sim] = []
    while True:
        page = await list_matching(client, wanted)
        found += page.items
        if not page.has_next:
            assert page.total == len(found)
            return found
        assert len(page.items) == wanted.per_page
        wanted = replace(wanted, page=wanted.page + 1)


async def every_sim(client: EmnifyClient) -> list[Sim]:
    return (await client.list_sims(per_page=2500)).items


def ids(sims: list[Sim]) -> list[int]:
    return [sim.id for sim in sims]


@pytest.mark.parametrize("status", [None, SimStatus.ACTIVATED])
@pytest.mark.parametrize("per_page", [40, 1000])
async def test_sims_with_and_without_a_device_are_together_all_sims(
    client: EmnifyClient, status: SimStatus | None, per_page: int
) -> None:
    everything = [sim for sim in await every_sim(client) if status is None or sim.known_status is status]
    wanted = Listing(SimFilter(status=status), per_page=per_page)
    assert ids(await whole(client, wanted)) == ids(everything)
    within = await whole(client, replace(wanted, has_device=True))
    without = await whole(client, replace(wanted, has_device=False))
    assert ids(within) == [sim.id for sim in everything if sim.device is not None]
    assert ids(without) == [sim.id for sim in everything if sim.device is None]


async def test_sims_with_a_device_come_in_the_order_asked_for(client: EmnifyClient) -> None:
    wanted = Listing(SimFilter(), has_device=True, sort=(SimSort("iccid", descending=True),), per_page=40)
    found = [sim.iccid or "" for sim in await whole(client, wanted)]
    assert found == sorted(found, reverse=True)


async def test_a_page_past_the_last_is_empty_and_tells_how_many_there_are(client: EmnifyClient) -> None:
    for has_device in (True, False, None):
        page = await list_matching(client, Listing(SimFilter(), has_device=has_device, page=500))
        assert page.items == []
        assert page.total
        assert not page.has_next


async def test_a_page_too_deep_to_be_reached_is_refused_with_advice() -> None:
    async with (
        upstream_running() as upstream,
        EmnifyClient(base_url=upstream.base_url, application_token="x", limits=Limits()) as client,
    ):
        told = {"X-Total-Count": "100000", "X-Total-Pages": "40"}
        upstream.script(
            Reply(json=[{"id": 1}], headers={"X-Total-Count": "5", "X-Total-Pages": "5"}),
            Reply(json=[{"id": 2, "endpoint": {"id": 3}}], headers=told),
        )
        with pytest.raises(InvalidValueError, match="more than 25,000 SIMs deep; add a filter"):
            await list_matching(client, Listing(SimFilter(), has_device=True, page=2000))
        assert len(upstream.calls) == 11


@pytest.mark.parametrize(("has_device", "expected"), [(None, [1, 2, 3]), (True, [1, 3])])
async def test_all_that_match_are_read_to_the_last_page_each_once(
    has_device: bool | None,
    expected: list[int],
) -> None:
    async with (
        upstream_running() as upstream,
        EmnifyClient(base_url=upstream.base_url, application_token="x", limits=Limits()) as client,
    ):
        told = {"X-Total-Count": "3", "X-Total-Pages": "2"}
        of_four, with_device = {"customer_org": {"id": 4}}, {"endpoint": {"id": 9}}
        first, second, third = ({"id": number} | of_four for number in (1, 2, 3))
        upstream.script(
            Reply(json=[first | with_device, second], headers=told),
            Reply(json=[second, third | with_device, {"id": 5, "customer_org": {"id": 6}}], headers=told),
        )
        found = await all_matching(client, SimSelection(customers=(4,), has_device=has_device), most=3)
        assert ids(found) == expected
        assert upstream.lines == [
            f"GET /api/v1/sim?q=customer_org%3A4&sort=id&page={page}&per_page=2500" for page in (1, 2)
        ]


async def test_those_without_a_device_are_filtered_by_emnify() -> None:
    async with (
        upstream_running() as upstream,
        EmnifyClient(base_url=upstream.base_url, application_token="x", limits=Limits()) as client,
    ):
        upstream.script(Reply(json=[{"id": 1}], headers={"X-Total-Count": "1", "X-Total-Pages": "1"}))
        assert ids(await all_matching(client, SimSelection(has_device=False), most=1)) == [1]
        assert upstream.lines == ["GET /api/v1/sim?q=endpoint%3Anull&sort=id&page=1&per_page=2500"]


@pytest.mark.parametrize(
    ("has_device", "total", "message"),
    [
        (None, 3, "3 SIMs match, and 2 at most"),
        (False, 4_000, "4,000 SIMs match, and 2 at most"),
        (True, 2, "More than 2 SIMs match, and 2 at most"),
        (None, None, "3 SIMs match, and 2 at most"),
    ],
)
async def test_more_than_may_be_changed_at_once_are_refused_without_reading_on(
    has_device: bool | None,
    total: int | None,
    message: str,
) -> None:
    async with (
        upstream_running() as upstream,
        EmnifyClient(base_url=upstream.base_url, application_token="x", limits=Limits()) as client,
    ):
        told = {"X-Total-Pages": "9"} | ({} if total is None else {"X-Total-Count": str(total)})
        rows = [{"id": number, "endpoint": {"id": number}} for number in (1, 2, 3)]
        upstream.script(Reply(json=rows, headers=told))
        with pytest.raises(InvalidValueError, match=message):
            await all_matching(client, SimSelection(has_device=has_device), most=2)
        assert len(upstream.calls) == 1


async def test_a_large_fleet_is_no_hindrance_where_few_of_it_are_in_a_device() -> None:
    async with (
        upstream_running() as upstream,
        EmnifyClient(base_url=upstream.base_url, application_token="x", limits=Limits()) as client,
    ):
        told = {"X-Total-Count": "4000", "X-Total-Pages": "1"}
        upstream.script(Reply(json=[{"id": 1, "endpoint": {"id": 1}}, {"id": 2}], headers=told))
        assert ids(await all_matching(client, SimSelection(has_device=True), most=2)) == [1]
