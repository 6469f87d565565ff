"""A whole server, started as a client starts it, that was told where a collector is."""

import sys
from pathlib import Path

from mcp import Client, StdioServerParameters

from tests.processes.telemetry.collector import collecting, value_of
from tests.processes.test_serving import environment
from tests.support import Fleet, structured


async def test_it_sends_what_it_did_before_it_ends(fleet: Fleet, tmp_path: Path) -> None:
    with collecting() as collector:
        env = environment(fleet, OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=desk", **collector.environment())
        server = StdioServerParameters(command=sys.executable, args=["-m", "sim_mcp"], env=env, cwd=tmp_path)
        async with Client(server) as client:
            structured(await client.call_tool("list_sim_statuses", {}))
        assert "tools/call list_sim_statuses" in {span.name for span in collector.spans}
        assert value_of(collector.points("http.client.request.duration"), {"url.template": "/api/v1/sim/status"}) == 1
        (resource,) = collector.resources
    assert (resource["service.name"], resource["deployment.environment.name"]) == ("sim-mcp", "desk")
    # By it the series of two servers are told apart.
    assert resource["service.instance.id"]


async def test_the_operators_name_for_it_is_kept(fleet: Fleet, tmp_path: Path) -> None:
    with collecting() as collector:
        env = environment(fleet, OTEL_SERVICE_NAME="sims-of-berlin", **collector.environment())
        server = StdioServerParameters(command=sys.executable, args=["-m", "sim_mcp"], env=env, cwd=tmp_path)
        async with Client(server) as client:
            await client.list_tools()
        assert {resource["service.name"] for resource in collector.resources} == {"sims-of-berlin"}
