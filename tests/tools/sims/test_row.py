"""A row is the same wherever its SIM was read."""

from mcp import Client

from tests.support import structured


async def test_a_row_from_the_inventory_is_the_row_from_emnify(client: Client) -> None:
    live = structured(await client.call_tool("list_sims", {"detail": "full", "per_page": 40}))
    kept = structured(
        await client.call_tool("list_sims", {"detail": "full", "per_page": 40, "status": ["activated", "suspended"]})
    )
    rows = {row["iccid"]: row for row in live["sims"]}
    assert all(rows[row["iccid"]] == row for row in kept["sims"] if row["iccid"] in rows)
