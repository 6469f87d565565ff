"""A failure says what was wrong and what to do."""

import pytest
from mcp import Client

from sim_mcp.server.app import build_server
from sim_mcp.tools.errors import leave_out_effect
from tests.support import Fleet, text_of


async def test_what_is_kept_and_gets_damaged_under_a_running_server_is_told_with_what_to_do(fleet: Fleet) -> None:
    async with Client(build_server(fleet.settings())) as client:
        await client.call_tool("summarize_sims", {"group_by": "status"})
        await client.call_tool("rank_sims_by_usage", {"status": "suspended"})
        for kept in fleet.state_dir.rglob("*.sqlite3*"):
            kept.write_bytes(b"damaged")
        for tool, arguments in (
            ("summarize_sims", {"group_by": "status"}),
            ("list_sims", {"device": "a", "model": "b"}),
        ):
            result = await client.call_tool(tool, arguments)
            assert result.is_error
            assert "SIM_MCP_STATE_DIR" in text_of(result)


async def test_a_question_is_not_told_that_nothing_changed_and_a_change_is(fleet: Fleet) -> None:
    async with Client(build_server(fleet.settings())) as client:
        for tool, arguments in (
            ("get_sim", {"sim": "8988303000000000128"}),
            ("get_sim_daily_usage", {"sim": "1", "start": "2026-11-09", "end": "2026-11-01"}),
            ("rank_sims_by_usage", {"customer": "nobody of that name"}),
            ("list_sims", {"organisation": "nobody of that name"}),
            ("list_sims", {"per_page": 1000}),
        ):
            asked = await client.call_tool(tool, arguments)
            assert asked.is_error
            assert "nothing changed" not in text_of(asked).lower()
            assert len(text_of(asked)) > 20
        change = await client.call_tool("set_sim_status", {"sims": ["nobody of that name"], "status": "suspended"})
    assert "nothing changed" in text_of(change).lower()


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("No such SIM. Nothing was sent, nothing changed.", "No such SIM."),
        ("Use the id. Nothing changed. Seen on 3 SIMs:\n<x>", "Use the id. Seen on 3 SIMs:\n<x>"),
        ("No such SIM.\nNothing changed.", "No such SIM."),
        ("A device called Nothing changed twice", "A device called Nothing changed twice"),
    ],
)
def test_what_is_left_out_of_a_question_is_that_sentence_alone(text: str, left: str) -> None:
    assert leave_out_effect(text) == left
