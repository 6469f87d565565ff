"""SIMs whose ids are known are read one by one or from pages of the list, whichever costs less."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sim_mcp.emnify import EmnifyClient, Limits
from sim_mcp.fleet.lookup.sims_by_id import FEW, read_sims
from tests.emnify.conftest import CANARY
from tests.emnify.upstream import Reply
from tests.fleet.paged import Paged, paged, sim


@asynccontextmanager
async def fleet(count: int, **shape: Any) -> AsyncIterator[tuple[Paged, EmnifyClient]]:
    async with (
        paged(count, **shape) as upstream,
        EmnifyClient(base_url=upstream.base_url, application_token=CANARY, limits=Limits()) as client,
    ):
        yield upstream, client


def paths(upstream: Paged) -> list[str]:
    return [seen.target.partition("?")[0] for seen in upstream.calls]


async def test_a_few_are_read_one_by_one_and_one_that_is_gone_is_none() -> None:
    async with fleet(3) as (upstream, client):
        upstream.instead = {1: Reply(json=sim(10)), 2: Reply(404)}
        read = await read_sims(client, [10, 11])
        assert [(sim_id, found.id if found else None) for sim_id, found in read.items()] == [(10, 10), (11, None)]
        assert paths(upstream) == ["/api/v1/sim/10", "/api/v1/sim/11"]


async def test_each_is_read_once_whatever_the_number_of_its_mentions() -> None:
    async with fleet(3) as (upstream, client):
        upstream.instead = {number: Reply(json=sim(10)) for number in range(1, 30)}
        assert list(await read_sims(client, [10] * (FEW + 1))) == [10]
        assert len(upstream.calls) == 1


@pytest.mark.parametrize(("number", "from_list"), [(FEW, False), (FEW + 1, True)])
async def test_more_than_a_few_are_read_from_the_list(number: int, from_list: bool) -> None:
    async with fleet(number, per_page=2500) as (upstream, client):
        upstream.instead = {} if from_list else {at: Reply(json=sim(at * 10)) for at in range(1, number + 1)}
        wanted = sorted(upstream.sims)
        assert {sim_id: found.id if found else None for sim_id, found in (await read_sims(client, wanted)).items()} == {
            sim_id: sim_id for sim_id in wanted
        }
        assert paths(upstream) == (["/api/v1/sim"] if from_list else [f"/api/v1/sim/{each}" for each in wanted])


async def test_pages_are_read_until_all_are_found_and_no_further() -> None:
    async with fleet(40, per_page=20) as (upstream, client):
        first_page = sorted(upstream.sims)[:20]
        assert set(await read_sims(client, first_page)) == set(first_page)
        assert upstream.pages_asked == [1]
        upstream.calls.clear()
        everything = sorted(upstream.sims)
        assert set(await read_sims(client, everything)) == set(everything)
        assert upstream.pages_asked == [1, 2]


@pytest.mark.parametrize(("pages", "asked"), [(2, [1, 2]), (3, [1])])
async def test_a_list_that_costs_more_than_the_sims_alone_is_not_read_on(pages: int, asked: list[int]) -> None:
    async with fleet(pages * 10, per_page=10) as (upstream, client):
        wanted = sorted(upstream.sims)[:9] + sorted(upstream.sims)[-1:]
        # The SIM of the last page is read alone where the pages before it cost too much.
        upstream.instead = {len(asked) + 1: Reply(json=sim(wanted[-1]))}
        assert set(await read_sims(client, wanted)) == set(wanted)
        lists = [seen for seen in upstream.calls if seen.target.startswith("/api/v1/sim?")]
        assert len(lists) == len(asked)
