"""Parameters take what people and models write."""

from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from sim_mcp.server.app import build_server
from tests.support import Fleet, structured, text_of

ALONE: list[tuple[str, str, dict[str, Any]]] = [
    ("summarize_sims", "group_by", {}),
    ("list_sims", "status", {}),
    ("list_sim_events", "type", {"sim": "8988303000006000000"}),
    ("export_sims", "sims", {}),
    ("set_sim_status", "sims", {"status": "suspended"}),
]


@pytest.mark.parametrize(("tool", "name", "others"), ALONE)
async def test_one_thing_alone_is_taken_for_a_list_of_it(
    fleet: Fleet, tool: str, name: str, others: dict[str, Any], tmp_path: Path
) -> None:
    one = {"group_by": "status", "status": "suspended", "type": "3", "sims": "8988303000006000000"}[name]
    settings = fleet.settings(export_dir=tmp_path, approval_wait_s=0)
    async with Client(build_server(settings)) as client:
        alone = await client.call_tool(tool, others | {name: one})
        listed = await client.call_tool(tool, others | {name: [one]})
    assert not alone.is_error, text_of(alone)
    assert structured(alone).get("total") == structured(listed).get("total")
    assert structured(alone).get("summary") == structured(listed).get("summary")


async def test_a_pasted_column_may_be_longer_than_a_name_and_not_than_a_plan(client: Client) -> None:
    numbers = [str(8_988_303_000_009_900_000 + at) for at in range(40)]
    for column in ("\n".join(numbers), "ICCID\n" + ",".join(numbers), "\t".join(numbers) + "\t\t"):
        refused = text_of(await client.call_tool("set_sim_status", {"sims": column, "status": "suspended"}))
        assert refused.count("No SIM found") == 40
    many = "\n".join(["1"] * 3001)
    refused = text_of(await client.call_tool("set_sim_status", {"sims": many, "status": "suspended"}))
    assert "at most 3000 items" in refused
    assert "at least" in text_of(await client.call_tool("set_sim_status", {"sims": [], "status": "suspended"}))
