"""What is told inside, as it is counted; and what MCP messages take, by the calls of a real client."""

from collections.abc import Callable
from typing import Any

import pytest
from mcp import Client, MCPError
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from sim_mcp.changes.record.storage import JournalError
from sim_mcp.observing import NOBODY, Observer
from sim_mcp.server.app import build_server
from sim_mcp.server.telemetry.calls import CallDurations
from sim_mcp.server.telemetry.instruments import Instruments
from sim_mcp.server.telemetry.names import KnownNames
from sim_mcp.server.telemetry.telemetry import Telemetry
from tests.support import Fleet, structured

GET = "GET /api/v1/sim/{id}"
Points = dict[tuple[tuple[str, Any], ...], float]


class Bench:
    """Instruments, and what they have measured."""

    def __init__(self) -> None:
        self._reader, self._spans, tracers = InMemoryMetricReader(), InMemorySpanExporter(), TracerProvider()
        tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self.meter = MeterProvider([self._reader]).get_meter("a test")
        self.instruments = Instruments(tracers.get_tracer("a test"), self.meter)

    @property
    def spans(self) -> list[Any]:
        return list(self._spans.get_finished_spans())

    def points(self, name: str) -> Points:
        """The value of each series of a metric, or its count where it is a histogram."""
        data = self._reader.get_metrics_data()
        scopes = [scope for resource in data.resource_metrics for scope in resource.scope_metrics] if data else []
        points = [
            point for scope in scopes for each in scope.metrics if each.name == name for point in each.data.data_points
        ]
        return {
            tuple(sorted((point.attributes or {}).items())): float(
                getattr(point, "count", 0) or getattr(point, "value", 0)
            )
            for point in points
        }


@pytest.fixture
def bench() -> Bench:
    return Bench()


TOLD: list[tuple[Callable[[Observer], None], str, dict[str, Any], float]] = [
    (lambda hears: hears.turn_refused(GET), "sim_mcp.pacing.refusals", {"operation": GET}, 1),
    (lambda hears: hears.throttled(GET), "sim_mcp.throttled", {"operation": GET}, 1),
    (
        lambda hears: hears.turn_came(GET, 2.5, background=True),
        "sim_mcp.pacing.wait",
        {"background": True, "operation": GET},
        1,
    ),
    (
        lambda hears: hears.plan("delete_sims", "rejected"),
        "sim_mcp.plans",
        {"state": "rejected", "tool": "delete_sims"},
        1,
    ),
    (
        lambda hears: hears.decided("form", approved=True),
        "sim_mcp.approvals",
        {"decision": "approved", "route": "form"},
        1,
    ),
    (
        lambda hears: hears.decided("page", approved=False),
        "sim_mcp.approvals",
        {"decision": "rejected", "route": "page"},
        1,
    ),
    (
        lambda hears: hears.settled("assign_sims", {"failed": 3}),
        "sim_mcp.plan.outcomes",
        {"outcome": "failed", "tool": "assign_sims"},
        3,
    ),
    (lambda hears: hears.lease_taken_over(), "sim_mcp.lease.takeovers", {}, 1),
    (lambda hears: hears.caller_refused("no key"), "sim_mcp.refused", {"reason": "no key"}, 1),
    (lambda hears: hears.watch_unsettled(lambda: 4), "sim_mcp.intents.unsettled", {}, 4),
]


@pytest.mark.parametrize(("tell", "name", "labels", "value"), TOLD, ids=[name for _, name, _, _ in TOLD])
def test_what_is_told_is_counted(
    bench: Bench, tell: Callable[[Observer], None], name: str, labels: dict[str, Any], value: float
) -> None:
    tell(NOBODY)
    assert not any(bench.points(name).values())
    tell(bench.instruments)
    assert bench.points(name) == {tuple(sorted(labels.items())): value}


def test_an_answer_is_a_span_and_a_duration(bench: Bench) -> None:
    with bench.instruments.attempt(GET, "cdn.emnify.net", 2) as attempt:
        attempt.answered(404, "id-of-emnify")
    (span,) = bench.spans
    assert (span.name, span.status.status_code) == (GET, StatusCode.ERROR)
    labels = {
        "error.type": "404",
        "http.request.method": "GET",
        "http.response.status_code": 404,
        "server.address": "cdn.emnify.net",
        "url.template": "/api/v1/sim/{id}",
    }
    assert dict(span.attributes) == labels | {"aws.request_id": "id-of-emnify", "http.request.resend_count": 1}
    assert bench.points("http.client.request.duration") == {tuple(sorted(labels.items())): 1}


def test_a_lost_answer_is_told_by_its_kind_and_not_by_its_words(bench: Bench) -> None:
    with pytest.raises(ConnectionError), bench.instruments.attempt(GET, "cdn.emnify.net", 1):
        raise ConnectionError("about 8988303000000000129")
    (span,) = bench.spans
    assert (span.attributes["error.type"], span.status.status_code) == ("ConnectionError", StatusCode.ERROR)
    assert span.status.description is None
    assert list(span.events) == []


def test_a_good_answer_is_no_error(bench: Bench) -> None:
    with bench.instruments.attempt(GET, "cdn.emnify.net", 1) as attempt:
        attempt.answered(200, None)
    (span,) = bench.spans
    assert span.status.status_code is StatusCode.UNSET
    assert not {"error.type", "aws.request_id", "http.request.resend_count"} & set(span.attributes)


def test_a_record_that_cannot_be_read_leaves_the_gauge_without_a_value(bench: Bench) -> None:
    def count() -> int:
        raise JournalError("gone")

    bench.instruments.watch_unsettled(count)
    assert bench.points("sim_mcp.intents.unsettled") == {}


async def test_messages_are_measured_by_tool_and_error(bench: Bench, fleet: Fleet) -> None:
    durations = CallDurations(bench.meter, KnownNames(["get_sim", "set_sim_status"], []))
    server = build_server(
        fleet.settings(confirm="host"), telemetry=Telemetry(bench.instruments, (durations,)), forms_count=True
    )
    async with Client(server) as client:
        arguments = {"sims": [fleet.scenarios["healthy"]["iccid"]], "status": "suspended"}
        structured(await client.call_tool("set_sim_status", arguments))
        assert (await client.call_tool("get_sim", {"sim": "nope"})).is_error
        await client.call_tool("made_up", {})
        with pytest.raises(MCPError):
            await client.get_prompt("made_up", {})
    measured = {
        (labels["mcp.method.name"], labels.get("gen_ai.tool.name"), labels.get("error.type")): count
        for labels, count in (
            (dict(key), count) for key, count in bench.points("mcp.server.operation.duration").items()
        )
    }
    assert measured["tools/call", "set_sim_status", None] == 1
    assert measured["tools/call", "get_sim", "tool_error"] == 1
    assert [key for key in measured if key[1] == "unknown" and key[2]] != []
    assert measured["prompts/get", None, "-32602"] == 1
    assert bench.points("sim_mcp.approvals") == {(("decision", "approved"), ("route", "policy")): 1}
    assert bench.points("sim_mcp.intents.unsettled") == {(): 0}
    assert "PATCH /api/v1/sim/{id}" in {span.name for span in bench.spans}
