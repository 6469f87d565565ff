"""The fleet is read once for many questions, and on in the background where it is large."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.server import MCPServer

from sim_mcp.emnify import EmnifyClient, Limits
from sim_mcp.fleet.inventory.inventory import Inventory
from sim_mcp.settings import Settings
from sim_mcp.tools.context import AppState
from sim_mcp.tools.sims.find_sims import find_sims
from sim_mcp.tools.sims.fleet_answer import FleetAnswer, render_totals
from sim_mcp.tools.sims.list_sims import list_sims
from sim_mcp.tools.sims.summarize_sims import summarize_sims
from tests.fleet.paged import Paged, paged
from tests.support import Fleet, structured, text_of
from tests.tools.asking import FLEET_CALLS
from tests.tools.sims.serving import lists


async def test_many_questions_are_answered_from_one_reading_and_fresh_insists(fleet: Fleet, client: Client) -> None:
    for tool, arguments in FLEET_CALLS:
        structured(await client.call_tool(tool, arguments))
    assert await lists(fleet) == 1
    structured(await client.call_tool("summarize_sims", {"group_by": ["status"], "fresh": True}))
    assert await lists(fleet) == 2


@pytest.mark.parametrize(
    ("tool", "arguments", "again"),
    [
        ("summarize_sims", {"group_by": ["status"], "top": 5}, 'summarize_sims(group_by=["status"], top=5)'),
        ("find_sims", {"text": "8988"}, 'find_sims(text="8988")'),
        ("list_sims", {"status": ["issued", "activated"]}, 'list_sims(status=["issued", "activated"])'),
    ],
)
async def test_a_fleet_too_large_for_one_call_is_read_on_and_the_same_call_picks_it_up(
    tmp_path: Path, tool: str, arguments: dict[str, Any], again: str
) -> None:
    async with paged(7) as upstream, Client(impatient_server(upstream, tmp_path)) as client:
        upstream.held = asyncio.Event()
        result = await client.call_tool(tool, arguments)
        answer = structured(result)
        assert "total" not in answer
        assert "goes on in the background" in answer["hint"]
        assert answer["next"] == again
        assert text_of(result) == f"{answer['hint']}\nNext: {again}"
        upstream.held.set()
        while "total" not in answer:
            answer = structured(await client.call_tool(tool, arguments))
        assert answer["total"] == 7
        assert sorted(upstream.pages_asked) == [1, 2, 3]


def impatient_server(upstream: Paged, directory: Path) -> MCPServer[AppState]:
    """A server whose calls do not wait for the fleet to be read."""

    @asynccontextmanager
    async def lifespan(_: MCPServer[AppState]) -> AsyncIterator[AppState]:
        async with (
            EmnifyClient(base_url=upstream.base_url, application_token="x", limits=Limits()) as emnify,
            Inventory(emnify, directory, wait_s=0) as inventory,
        ):
            yield AppState(Settings(), emnify, None, inventory)

    server = MCPServer[AppState]("impatient", lifespan=lifespan)
    for function in (summarize_sims, find_sims, list_sims):
        server.add_tool(function)
    return server


@pytest.mark.parametrize(
    ("total", "of", "line"),
    [
        (0, 0, "0 SIMs, as of now."),
        (1, 1, "1 SIM, as of now."),
        (1, 2, "1 of 2 SIMs match, as of now."),
        (1200, 3400, "1,200 of 3,400 SIMs match, as of now."),
    ],
)
def test_the_head_line_counts_what_matches_of_how_many(total: int, of: int, line: str) -> None:
    assert render_totals(FleetAnswer(total=total, fleet=of, as_of="now")) == line
