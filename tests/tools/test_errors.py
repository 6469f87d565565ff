"""A failure says what was wrong and what to do."""

from mcp import Client

from sim_mcp.server.app import build_server
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
