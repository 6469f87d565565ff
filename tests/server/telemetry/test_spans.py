"""What leaves of a span, whoever started it."""

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, Tracer

from sim_mcp.server.telemetry.names import KnownNames
from sim_mcp.server.telemetry.spans import PlainSpans

ICCID = "8988303000000000129"


@pytest.fixture
def tracer() -> tuple[Tracer, Callable[[], dict[str, ReadableSpan]]]:
    provider, kept = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(PlainSpans(kept, KnownNames(["get_sim"], ["diagnose_sim"]))))

    def exported() -> dict[str, ReadableSpan]:
        assert provider.force_flush()
        return {span.name: span for span in kept.get_finished_spans()}

    return provider.get_tracer("a test"), exported


def message(method: str, **more: Any) -> dict[str, Any]:
    return {"mcp.method.name": method, "mcp.protocol.version": "2026-07-28", "jsonrpc.request.id": "1", **more}


def test_a_message_about_a_tool_there_is_stays_as_it_is(tracer: Any) -> None:
    start, exported = tracer
    attributes = message("tools/call", **{"gen_ai.tool.name": "get_sim", "gen_ai.operation.name": "execute_tool"})
    with start.start_as_current_span("tools/call get_sim", kind=SpanKind.SERVER, attributes=attributes):
        pass
    span = exported()["tools/call get_sim"]
    assert dict(span.attributes or {}) == attributes
    assert span.kind is SpanKind.SERVER
    assert span.resource.attributes
    assert span.end_time >= span.start_time
    assert span.instrumentation_scope.name == "a test"


@pytest.mark.parametrize(
    ("method", "attribute", "name"),
    [
        ("tools/call", "gen_ai.tool.name", "tools/call unknown"),
        ("prompts/get", "gen_ai.prompt.name", "prompts/get unknown"),
        (f"tools/{ICCID}", "gen_ai.tool.name", "unknown"),
    ],
)
def test_a_name_that_was_made_up_becomes_one_word(tracer: Any, method: str, attribute: str, name: str) -> None:
    start, exported = tracer
    attributes = message(method, **{attribute: f"drop_{ICCID}", "mcp.protocol.version": ICCID}) | {
        "jsonrpc.request.id": "7" * 500
    }
    with start.start_as_current_span(f"{method} drop_{ICCID}", attributes=attributes):
        pass
    found = exported()
    assert set(found) == {name}
    assert not [value for value in (found[name].attributes or {}).values() if ICCID in str(value)]
    assert len(str((found[name].attributes or {})["jsonrpc.request.id"])) == 64


def test_what_an_exception_says_does_not_leave(tracer: Any) -> None:
    start, exported = tracer
    with start.start_as_current_span("ours") as span:
        span.record_exception(ValueError(ICCID))
        span.set_status(StatusCode.ERROR, f"there is no {ICCID}")
    found = exported()["ours"]
    assert found.status.status_code is StatusCode.ERROR
    assert found.status.description is None
    assert list(found.events) == []


def test_a_child_stays_the_child_of_its_parent(tracer: Any) -> None:
    start, exported = tracer
    with start.start_as_current_span("parent"), start.start_as_current_span("child"):
        pass
    found = exported()
    assert found["child"].parent.span_id == found["parent"].context.span_id
