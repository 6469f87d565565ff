"""Statuses say what they cost and may become."""

from mcp import Client

from tests.support import structured


async def test_statuses_say_what_they_cost_and_may_become(client: Client) -> None:
    rows = {row["status"]: row for row in structured(await client.call_tool("list_sim_statuses", {}))["statuses"]}
    assert set(rows) == {"Issued", "Activated", "Suspended", "Deleted", "Factory Test"}
    assert "hosting fee" in rows["Activated"]["bill"]
    assert rows["Factory Test"]["may_become"][0] == "Activated"
    assert rows["Deleted"]["may_become"] == []
