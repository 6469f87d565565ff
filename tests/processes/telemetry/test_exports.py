"""Traces and metrics that a server sends to a collector, and what never is in them."""

import signal
import sys
from pathlib import Path

import anyio
import httpx
import pytest
from mcp import Client, MCPError, StdioServerParameters
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from sim_mcp.sandbox import SandboxSettings, Unknowns
from tests.changes.test_approval import press, suspend
from tests.processes.telemetry.collector import collecting, labels_of, value_of
from tests.processes.test_ending import ended, give_up, group_client, http_server, until_asked
from tests.processes.test_serving import Era, environment
from tests.support import Fleet, fleet_of, structured, with_key

MADE_UP = "drop_8988303000000000129"


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_calls_and_what_they_ask_of_emnify_are_spans_of_one_trace(fleet: Fleet, era: Era) -> None:
    with collecting() as collector:
        env = environment(fleet, **collector.environment())
        async with http_server(env) as (process, address):
            async with Client(with_key(address, env), mode=era) as client:
                sim = str(fleet.scenarios["healthy"]["sim_id"])
                structured(await client.call_tool("get_sim", {"sim": sim}))
            await ended(process, signal.SIGTERM)
        spans = {span.name: span for span in collector.spans}
        call, asked = spans["tools/call get_sim"], spans["GET /api/v1/sim/{id}"]
        assert (call.kind, asked.kind) == (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT)
        assert asked.parent_span_id == call.span_id
        assert asked.trace_id == call.trace_id
        facts = labels_of(asked.attributes)
        assert facts["http.request.method"] == "GET"
        assert facts["url.template"] == "/api/v1/sim/{id}"
        assert facts["http.response.status_code"] == 200
        assert facts["server.address"] == "127.0.0.1"
        # By it emnify's support finds the request.
        assert facts["aws.request_id"]
        assert {resource["service.name"] for resource in collector.resources} == {"sim-mcp"}


async def test_the_metrics_tell_durations_waits_plans_and_approvals(fleet: Fleet) -> None:
    with collecting() as collector:
        env = environment(fleet, **collector.environment())
        async with http_server(env) as (process, address):
            async with Client(with_key(address, env)) as client:
                structured(await client.call_tool("list_sims", {}))
                waiting = structured(await client.call_tool("set_sim_status", suspend(fleet, "healthy")))
                await press(waiting["approve_at"], "approve")
                done = structured(await client.call_tool("continue_change", {"plan": waiting["plan"]}))
                assert done["counts"] == {"changed": 1}
                assert (await client.call_tool("get_sim", {"sim": "89883030000060000005"})).is_error
            await ended(process, signal.SIGTERM)
        call = {"mcp.method.name": "tools/call", "gen_ai.tool.name": "list_sims"}
        assert value_of(collector.points("mcp.server.operation.duration"), call) == 1
        failed = {"gen_ai.tool.name": "get_sim", "error.type": "tool_error"}
        assert value_of(collector.points("mcp.server.operation.duration"), failed) == 1
        sims = {"url.template": "/api/v1/sim", "http.request.method": "GET"}
        assert (
            value_of(collector.points("http.client.request.duration"), sims | {"http.response.status_code": 200}) >= 1
        )
        written = {"url.template": "/api/v1/sim/{id}", "http.request.method": "PATCH"}
        assert value_of(collector.points("http.client.request.duration"), written) == 1
        waits = collector.points("sim_mcp.pacing.wait")
        assert value_of(waits, {"operation": "PATCH /api/v1/sim/{id}", "background": False}) == 1
        plans = collector.points("sim_mcp.plans")
        assert value_of(plans, {"tool": "set_sim_status", "state": "made"}) == 1
        assert value_of(plans, {"tool": "set_sim_status", "state": "approved"}) == 1
        assert value_of(plans, {"state": "rejected"}) == 0
        assert collector.points("sim_mcp.approvals") == [({"route": "page", "decision": "approved"}, 1)]
        outcomes = collector.points("sim_mcp.plan.outcomes")
        assert outcomes == [({"tool": "set_sim_status", "outcome": "changed"}, 1)]
        assert collector.points("sim_mcp.intents.unsettled") == [({}, 0)]


async def test_a_429_and_the_attempt_after_it_are_counted() -> None:
    patient = SandboxSettings(sims=60, unknowns=Unknowns.parse(["retry_after=1"]))
    with collecting() as collector:
        async with fleet_of(patient) as fleet:
            env = environment(fleet, **collector.environment())
            async with http_server(env) as (process, address):
                async with Client(with_key(address, env)) as client:
                    await fleet.faults("throttle=x1@GET /api/v1/sim")
                    structured(await client.call_tool("list_sims", {}))
                await ended(process, signal.SIGTERM)
        listed = {"operation": "GET /api/v1/sim"}
        assert collector.points("sim_mcp.throttled") == [(listed, 1)]
        attempts = [labels_of(span.attributes) for span in collector.spans if span.name == "GET /api/v1/sim"]
        assert value_of(collector.points("sim_mcp.pacing.wait"), listed) == len(attempts)
        refused = [attempt for attempt in attempts if attempt["http.response.status_code"] == 429]
        assert [attempt["error.type"] for attempt in refused] == ["429"]
        assert [attempt.get("http.request.resend_count") for attempt in attempts if attempt not in refused].count(
            1
        ) == 1


async def test_no_name_that_a_client_made_up_nor_any_number_leaves_the_process(fleet: Fleet) -> None:
    """A SIM, a plan, a person, a key: none of them is in a span or a label, whatever a client sends."""
    scenario = fleet.scenarios["healthy"]
    with collecting() as collector:
        env = environment(fleet, SIM_MCP_LOG_LEVEL="DEBUG", **collector.environment())
        async with http_server(env) as (process, address):
            async with Client(with_key(address, env)) as client:
                for tool in (MADE_UP, "list_sims"):
                    await client.call_tool(tool, {"sim": scenario["iccid"]})
                with pytest.raises(MCPError):
                    await client.get_prompt(MADE_UP, {})
                structured(await client.call_tool("get_sim", {"sim": scenario["iccid"]}))
                waiting = structured(await client.call_tool("set_sim_status", suspend(fleet, "healthy")))
                await press(waiting["approve_at"], "approve")
                structured(await client.call_tool("continue_change", {"plan": waiting["plan"]}))
            await ended(process, signal.SIGTERM)
        everything = b"".join(collector.bodies)
        names = {span.name for span in collector.spans}
        assert "tools/call unknown" in names
        assert "prompts/get unknown" in names
        assert value_of(collector.points("mcp.server.operation.duration"), {"gen_ai.tool.name": "unknown"}) == 1
        key = (fleet.state_dir / "http-key").read_text().strip()
        never = (
            MADE_UP,
            scenario["iccid"],
            scenario["iccid"][:-1],
            waiting["plan"],
            key,
            fleet.world.tokens["enterprise"],
        )
        assert [text for text in never if text.encode() in everything] == []
        assert collector.authorizations == {"key-of-collector"}


async def test_who_is_not_let_in_is_counted_by_reason(fleet: Fleet) -> None:
    with collecting() as collector:
        env = environment(fleet, **collector.environment())
        async with http_server(env) as (process, address), httpx.AsyncClient(trust_env=False) as http:
            assert (await http.post(address, json={})).status_code == 401
            assert (await http.post(address, json={}, headers={"Authorization": "Bearer wrong"})).status_code == 401
            assert (await http.post(address, json={}, headers={"Host": "evil.example"})).status_code == 421
            assert (await http.post(address, json={}, headers={"Origin": "http://evil.example"})).status_code == 403
            await ended(process, signal.SIGTERM)
        refused = {labels["reason"]: value for labels, value in collector.points("sim_mcp.refused")}
    assert refused == {"no token": 1, "it is no key of this server": 1, "host": 1, "origin": 1}


async def test_what_was_sent_and_not_settled_is_told_until_it_is(fleet: Fleet) -> None:
    with collecting() as collector:
        env = environment(fleet, SIM_MCP_CONFIRM="host", **collector.environment())
        await fleet.faults("latency=60@PATCH")
        async with http_server(env) as (process, address), anyio.create_task_group() as group:
            client = await group_client(group, address, env, "auto")
            group.start_soon(give_up, client, "set_sim_status", suspend(fleet, "healthy"))
            await until_asked(fleet, "PATCH")
            await ended(process, signal.SIGTERM)
            group.cancel_scope.cancel()
        assert collector.points("sim_mcp.intents.unsettled") == [({}, 1)]


async def test_over_stdio_nothing_but_the_protocol_is_on_stdout(fleet: Fleet, tmp_path: Path) -> None:
    """An operator who asks for the console exporter gets none: stdout is the wire."""
    with collecting() as collector:
        console = {"OTEL_TRACES_EXPORTER": "console,otlp", "OTEL_METRICS_EXPORTER": "console"}
        env = environment(fleet, **collector.environment(), **console)
        server = StdioServerParameters(command=sys.executable, args=["-m", "sim_mcp"], env=env, cwd=tmp_path)
        async with Client(server) as client:
            structured(await client.call_tool("list_sims", {}))
        assert [span.name for span in collector.spans if span.name.startswith("tools/call")] == ["tools/call list_sims"]
        assert collector.metrics == []


async def test_a_failed_call_is_an_error_without_words(fleet: Fleet) -> None:
    with collecting() as collector:
        env = environment(fleet, **collector.environment())
        async with http_server(env) as (process, address):
            async with Client(with_key(address, env)) as client:
                await fleet.faults("error=404@GET")
                assert (await client.call_tool("get_sim", {"sim": str(fleet.scenarios["healthy"]["sim_id"])})).is_error
            await ended(process, signal.SIGTERM)
        asked = next(span for span in collector.spans if span.name == "GET /api/v1/sim/{id}")
        assert asked.status.code == Status.STATUS_CODE_ERROR
        assert labels_of(asked.attributes)["error.type"] == "404"
        assert [event for span in collector.spans for event in span.events] == []
