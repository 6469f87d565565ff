"""A stand-in for an OpenTelemetry collector: takes OTLP over HTTP on loopback, and keeps it decoded."""

import gzip
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

Labels = dict[str, Any]


@dataclass
class Collector:
    """What was received."""

    url: str
    traces: list[ExportTraceServiceRequest] = field(default_factory=list)
    metrics: list[ExportMetricsServiceRequest] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    authorizations: set[str] = field(default_factory=set)

    def environment(self) -> dict[str, str]:
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url, "OTEL_EXPORTER_OTLP_HEADERS": "authorization=key-of-collector"}

    @property
    def spans(self) -> list[Span]:
        return [
            span
            for request in self.traces
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def resources(self) -> list[Labels]:
        return [labels_of(each.resource.attributes) for request in self.traces for each in request.resource_spans]

    def points(self, name: str) -> list[tuple[Labels, float]]:
        """What a metric was when it was sent last: labels, and a value, or a count where it is a histogram."""
        found = [metric for metric in self._last_metrics() if metric.name == name]
        points: list[tuple[Labels, float]] = []
        for metric in found:
            numbers = (*metric.sum.data_points, *metric.gauge.data_points)
            points += [(labels_of(number.attributes), number.as_int or number.as_double) for number in numbers]
            points += [(labels_of(each.attributes), each.count) for each in metric.histogram.data_points]
        return points

    @property
    def names(self) -> set[str]:
        return {metric.name for metric in self._last_metrics()}

    def _last_metrics(self) -> list[Metric]:
        return [
            metric
            for request in self.metrics[-1:]
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        ]


def labels_of(attributes: Any) -> Labels:
    pairs: list[KeyValue] = list(attributes)
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value") for pair in pairs}


def value_of(points: list[tuple[Labels, float]], wanted: Mapping[str, Any]) -> float:
    """The sum of the points that have these labels."""
    return sum(value for labels, value in points if wanted.items() <= labels.items())


@contextmanager
def collecting() -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the library's name.
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            collector.authorizations.add(self.headers.get("Authorization", ""))
            collector.bodies.append(body)
            if self.path == "/v1/traces":
                collector.traces.append(ExportTraceServiceRequest.FromString(body))
            else:
                collector.metrics.append(ExportMetricsServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's name.
            del format, args

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
