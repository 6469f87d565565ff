"""A client is told whether these are SIMs of emnify or of a sandbox: once as it connects, and in each answer."""

import pytest
from mcp import Client
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, ToolAnnotations
from pydantic import SecretStr

from sim_mcp.server.app import SimServer, build_server
from sim_mcp.server.rates import CallRates
from sim_mcp.settings import PRODUCTION_URL, Settings
from sim_mcp.tools.result import Answer, respond
from tests.support import Fleet, text_of


@pytest.mark.parametrize(
    ("address", "title", "says"),
    [
        (PRODUCTION_URL, "SIM cards (emnify)", "Answers questions about a fleet of emnify SIM cards"),
        ("http://127.0.0.1:9", "SIM cards (sandbox)", "SANDBOX: the SIMs are made up, and nothing at emnify is"),
        ("https://test.example", "SIM cards (emnify at test.example)", "Works on emnify at test.example. Answers"),
    ],
)
async def test_title_and_instructions_tell_a_sandbox_from_emnify(address: str, title: str, says: str) -> None:
    settings = Settings(base_url=address, application_token=SecretStr("sandbox-enterprise-1"))
    async with Client(build_server(settings)) as client:
        assert client.server_info is not None
        assert client.server_info.title == title
        assert (client.instructions or "").startswith(says)


@pytest.mark.parametrize("tool", ["list_sims", "find_waste", "list_sim_statuses", "rank_sims_by_usage"])
async def test_an_answer_begins_with_the_sandbox_it_is_about(client: Client, tool: str) -> None:
    text = text_of(await client.call_tool(tool, {}))
    assert text.startswith("[sandbox] ")
    assert text.count("[sandbox]") == 1


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("emnify", "2 SIMs"),
        ("sandbox", "[sandbox] 2 SIMs"),
        ("emnify at test.example", "[emnify at test.example] 2 SIMs"),
    ],
)
async def test_an_answer_about_emnify_itself_has_no_mark(place: str, text: str) -> None:
    async def count() -> CallToolResult:
        return respond(Answer(), "2 SIMs")

    tool = Tool.from_function(count, name="find_sims", annotations=ToolAnnotations(read_only_hint=True))
    async with Client(SimServer([tool], place, CallRates(60))) as client:
        assert text_of(await client.call_tool("find_sims", {})) == text


async def test_a_change_says_it_in_its_own_words(fleet: Fleet, client: Client) -> None:
    asked = {"sims": [fleet.scenarios["healthy"]["iccid"]], "status": "suspended"}
    text = text_of(await client.call_tool("set_sim_status", asked))
    assert "[sandbox]" not in text
    assert "Sandbox: made-up SIMs." in text
