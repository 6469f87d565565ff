"""Spans as they leave the process: with names that are known, and without words that a person may have typed."""

from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Status
from opentelemetry.util.types import AttributeValue

from sim_mcp.server.telemetry.names import OTHER, KnownNames

_MADE_UP = ("gen_ai.tool.name", "gen_ai.prompt.name")
_LONGEST_ID = 64


class PlainSpans(SpanExporter):
    """Hand spans on to an exporter, without names that clients made up and without what exceptions say."""

    def __init__(self, exporter: SpanExporter, known: KnownNames) -> None:
        self._exporter = exporter
        self._known = known

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export what may be told of some spans."""
        return self._exporter.export([self._plain(span) for span in spans])

    def shutdown(self) -> None:
        """Shut the exporter down."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Have the exporter send what it holds."""
        return self._exporter.force_flush(timeout_millis)

    def _plain(self, span: ReadableSpan) -> ReadableSpan:
        name, attributes = self._named(span.name, dict(span.attributes or {}))
        return ReadableSpan(
            name=name,
            context=span.get_span_context(),
            parent=span.parent,
            resource=span.resource,
            attributes=attributes,
            links=span.links,
            kind=span.kind,
            # Its description, and events, may quote what was sent; the log has them.
            status=Status(span.status.status_code),
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )

    def _named(self, name: str, attributes: dict[str, AttributeValue]) -> tuple[str, dict[str, AttributeValue]]:
        """Return the name and the attributes of a span; those that the MCP SDK starts have the method and the id."""
        sent = attributes.get("mcp.method.name")
        if not isinstance(sent, str):
            return name, attributes
        method = self._known.method(sent)
        made_up = next((attributes[key] for key in _MADE_UP if key in attributes), None)
        target = self._known.target(method, made_up)
        plain = {
            "mcp.method.name": method,
            "mcp.protocol.version": self._known.version(attributes.get("mcp.protocol.version")),
        }
        plain |= {key: target or OTHER for key in _MADE_UP if key in attributes}
        if isinstance(request := attributes.get("jsonrpc.request.id"), str):
            plain["jsonrpc.request.id"] = request[:_LONGEST_ID]
        return (method if target is None else f"{method} {target}"), {**attributes, **plain}
