"""The log as JSON: a line for each record, with the id of the request, and emnify's ids beside it."""

import json
import re
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.processes.telemetry.collector import collecting
from tests.processes.test_logs import serving
from tests.processes.test_serving import EVERY_WAY, Era, Wire, environment
from tests.support import Fleet, bearer, structured


def lines_in(log: Path) -> list[dict[str, Any]]:
    """Every line of a log; one that is no JSON fails here."""
    return [json.loads(line) for line in log.read_text().splitlines()]


@pytest.mark.parametrize(("wire", "era"), EVERY_WAY)
async def test_each_record_is_one_line_and_a_calls_lines_have_its_id(
    fleet: Fleet, tmp_path: Path, wire: Wire, era: Era
) -> None:
    log = tmp_path / "log"
    env = environment(fleet, SIM_MCP_LOG_LEVEL="INFO", SIM_MCP_LOG_FORMAT="json")
    async with serving(wire, era, env, log) as client:
        structured(await client.call_tool("get_sim", {"sim": str(fleet.scenarios["healthy"]["sim_id"])}))
        await fleet.faults("error=404@GET")
        assert (await client.call_tool("list_sim_events", {"sim": fleet.scenarios["healthy"]["iccid"]})).is_error
    lines = lines_in(log)
    assert all(re.fullmatch(r"20\d\d-.*T.*\+00:00", line["time"]) for line in lines)
    assert {line["level"] for line in lines} <= {"INFO", "WARNING"}
    calls = {line["tool"]: line for line in lines if "tool" in line}
    assert (calls["get_sim"]["outcome"], calls["list_sim_events"]["outcome"]) == ("ok", "error")
    assert calls["get_sim"]["took_ms"] >= 0
    assert calls["get_sim"]["request"] != calls["list_sim_events"]["request"]
    for call in calls.values():
        asked = [line for line in lines if line.get("request") == call["request"] and "operation" in line]
        assert asked
        assert all(line["emnify_request"] and line["status"] for line in asked)


async def test_a_line_names_its_trace_where_traces_are_sent(fleet: Fleet, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with collecting() as collector:
        env = environment(fleet, SIM_MCP_LOG_LEVEL="INFO", SIM_MCP_LOG_FORMAT="json", **collector.environment())
        async with serving("stdio", "auto", env, log) as client:
            structured(await client.call_tool("list_sim_statuses", {}))
        call = next(span for span in collector.spans if span.name == "tools/call list_sim_statuses")
    (line,) = [line for line in lines_in(log) if "tool" in line]
    assert line["trace"] == call.trace_id.hex()


async def test_the_id_that_a_proxy_gave_is_taken_if_it_is_one(fleet: Fleet, tmp_path: Path) -> None:
    log = tmp_path / "log"
    env = environment(fleet, SIM_MCP_LOG_LEVEL="INFO", SIM_MCP_LOG_FORMAT="json")
    async with serving("http", "auto", env, log):
        address = re.search(r"http://127\.0\.0\.1:\d+/mcp", log.read_text())
        assert address is not None
        for given in ("from-the-proxy-1", 'x" forged\tline'):
            headers = bearer(env) | {"X-Request-ID": given}
            async with (
                httpx2.AsyncClient(headers=headers, timeout=60) as http,
                Client(streamable_http_client(address[0], http_client=http)) as client,
            ):
                structured(await client.call_tool("list_sim_statuses", {}))
    first, second = [line["request"] for line in lines_in(log) if "tool" in line]
    assert first == "from-the-proxy-1"
    assert re.fullmatch(r"[0-9a-f]{16}", second)


async def test_secrets_are_in_no_line(fleet: Fleet, tmp_path: Path) -> None:
    log = tmp_path / "log"
    env = environment(fleet, SIM_MCP_LOG_LEVEL="DEBUG", SIM_MCP_LOG_FORMAT="json")
    async with serving("http", "legacy", env, log) as client:
        waiting = structured(
            await client.call_tool(
                "set_sim_status", {"sims": [fleet.scenarios["healthy"]["iccid"]], "status": "suspended"}
            )
        )
    written = log.read_text()
    lines = lines_in(log)
    assert any(line["level"] == "DEBUG" for line in lines)
    secrets = (
        waiting["approve_at"].rpartition("/")[2],
        fleet.world.tokens["enterprise"],
        bearer(env)["Authorization"][7:],
    )
    assert [secret for secret in secrets if secret in written] == []
    assert not re.search(r"eyJ[\w-]{8}", written)


async def test_text_stays_as_it_is_by_default(fleet: Fleet, tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with serving("stdio", "auto", environment(fleet, SIM_MCP_LOG_LEVEL="INFO"), log) as client:
        structured(await client.call_tool("list_sim_statuses", {}))
    told = [line for line in log.read_text().splitlines() if "list_sim_statuses" in line]
    assert [re.sub(r"\d", "0", line.partition(" in ")[0]) for line in told] == [
        "0000-00-00 00:00:00,000 INFO sim_mcp.server.call_log: list_sim_statuses: ok"
    ]


async def test_what_is_told_at_any_level_is_json_too(tmp_path: Path) -> None:
    """Where to connect, and that there is no token: before and beside the log."""
    log = tmp_path / "log"
    async with serving("http", "auto", environment(None, SIM_MCP_LOG_FORMAT="json"), log) as client:
        assert (await client.list_tools()).tools
    told = [line["message"] for line in lines_in(log)]
    assert len([line for line in told if "EMNIFY_APPLICATION_TOKEN" in line]) == 1
    assert len([line for line in told if line.startswith("sim-mcp serves MCP at http://127.0.0.1:")]) == 1
