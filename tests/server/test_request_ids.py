"""One id on every line that is logged while a message is answered."""

import json
import logging
from io import StringIO

from mcp import Client

from sim_mcp.logs import JsonLines
from sim_mcp.server.app import build_server
from tests.support import Fleet, structured


async def test_a_call_and_what_it_asks_of_emnify_are_logged_with_one_id(fleet: Fleet) -> None:
    sink = StringIO()
    handler = logging.StreamHandler(sink)
    handler.setFormatter(JsonLines())
    ours = logging.getLogger("sim_mcp")
    level = ours.level
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)
    try:
        async with Client(build_server(fleet.settings())) as client:
            for _ in range(2):
                structured(await client.call_tool("get_sim", {"sim": str(fleet.scenarios["healthy"]["sim_id"])}))
    finally:
        ours.removeHandler(handler)
        ours.setLevel(level)
    lines = [json.loads(line) for line in sink.getvalue().splitlines()]
    calls = [line["request"] for line in lines if line.get("tool") == "get_sim"]
    assert len(set(calls)) == 2
    for call in calls:
        assert [line["emnify_request"] for line in lines if line.get("request") == call and "operation" in line]
