"""Metrics as Prometheus fetches them: a port of their own, which only a server over HTTP opens."""

import socket
import subprocess
import sys
from pathlib import Path

import httpx
from mcp import Client, StdioServerParameters
from prometheus_client.parser import text_string_to_metric_families

from tests.processes.test_ending import http_server
from tests.processes.test_serving import environment
from tests.support import Fleet, structured, with_key


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def scraped(port: int) -> dict[tuple[str, tuple[str, ...]], float]:
    """What Prometheus reads: the value of each series, by its name and its labels' values."""
    async with httpx.AsyncClient(trust_env=False) as http:
        text = (await http.get(f"http://127.0.0.1:{port}/metrics")).raise_for_status().text
    return {
        (
            sample.name,
            tuple(value for name, value in sorted(sample.labels.items()) if not name.startswith("otel_scope")),
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_prometheus_fetches_what_happened(fleet: Fleet) -> None:
    port = free_port()
    env = environment(fleet, SIM_MCP_METRICS_PORT=str(port), SIM_MCP_CONFIRM="host")
    async with http_server(env) as (_, address):
        before = await scraped(port)
        async with Client(with_key(address, env)) as client:
            arguments = {"sims": [fleet.scenarios["healthy"]["iccid"]], "status": "suspended"}
            structured(await client.call_tool("set_sim_status", arguments))
        after = await scraped(port)
        async with httpx.AsyncClient(trust_env=False) as http:
            # The door for clients has none of it.
            assert (await http.get(address.replace("/mcp", "/metrics"))).status_code == 401
    assert not [name for name, _ in before if name.startswith("sim_mcp_plans")]
    assert after["sim_mcp_plans_total", ("approved", "set_sim_status")] == 1
    assert after["sim_mcp_approvals_total", ("approved", "policy")] == 1
    assert after["sim_mcp_plan_outcomes_total", ("changed", "set_sim_status")] == 1
    assert after["sim_mcp_intents_unsettled", ()] == 0
    asked = [labels for name, labels in after if name == "http_client_request_duration_seconds_count"]
    assert [labels[1][0] for labels in asked if labels[0] == "PATCH" and "/api/v1/sim/{id}" in labels] == ["2"]
    assert [name for name, _ in after if name == "mcp_server_operation_duration_seconds_bucket"]
    assert after["process_resident_memory_bytes", ()] > 0


async def test_no_number_of_a_sim_and_no_plan_is_a_label(fleet: Fleet) -> None:
    port = free_port()
    env = environment(fleet, SIM_MCP_METRICS_PORT=str(port))
    iccid = fleet.scenarios["healthy"]["iccid"]
    async with http_server(env) as (_, address), Client(with_key(address, env)) as client:
        structured(await client.call_tool("get_sim", {"sim": iccid}))
        waiting = structured(await client.call_tool("set_sim_status", {"sims": [iccid], "status": "suspended"}))
        async with httpx.AsyncClient(trust_env=False) as http:
            text = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
    assert "gen_ai_tool_name" in text
    assert [each for each in (iccid[:-1], waiting["plan"], fleet.world.tokens["enterprise"]) if each in text] == []


def test_a_port_that_is_taken_is_told_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        env = environment(None, SIM_MCP_METRICS_PORT=port, SIM_MCP_STATE_DIR=str(tmp_path))
        command = [sys.executable, "-m", "sim_mcp", "serve", "--http", "--port", "0"]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert f"SIM_MCP_METRICS_PORT: 127.0.0.1, port {port}, cannot be listened on" in done.stderr
    assert "Nothing was started" in done.stderr
    assert "Traceback" not in done.stderr


async def test_servers_on_stdio_do_not_fight_for_the_port(fleet: Fleet) -> None:
    """Each client starts one of its own."""
    port = free_port()
    env = environment(fleet, SIM_MCP_METRICS_PORT=str(port))
    server = StdioServerParameters(command=sys.executable, args=["-m", "sim_mcp"], env=env)
    async with Client(server) as one, Client(server) as other:
        for client in (one, other):
            structured(await client.call_tool("list_sim_statuses", {}))
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
