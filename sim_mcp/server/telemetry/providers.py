"""OpenTelemetry's providers for as long as the server runs. Imported only where something is exported: it is heavy."""

import threading
import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from prometheus_client import start_http_server

from sim_mcp import __version__
from sim_mcp.server.telemetry.calls import CallDurations
from sim_mcp.server.telemetry.instruments import Instruments
from sim_mcp.server.telemetry.names import KnownNames
from sim_mcp.server.telemetry.spans import PlainSpans
from sim_mcp.server.telemetry.wanted import TelemetrySettingsError, Wanted

FLUSHING = "flushing telemetry"
FLUSHED_WITHIN_S = 1.5
"""How long the end waits for a collector: what is left of the ten seconds that a signal leaves."""

_SCOPE = "sim_mcp"
_NAMELESS = "unknown_service"


@contextmanager
def exporting(
    wanted: Wanted, known: KnownNames, metrics_address: tuple[str, int] | None
) -> Iterator[tuple[Instruments, CallDurations]]:
    """Within the block, export what happens; at its end, send what is left, if the collector takes it in time.

    Raises:
        TelemetrySettingsError: The port for metrics cannot be listened on.
    """
    resource = _resource()
    with ExitStack() as stack:
        tracers = _tracer_provider(resource, known, sent=wanted.traces)
        readers: list[MetricReader] = [PeriodicExportingMetricReader(OTLPMetricExporter())] if wanted.metrics else []
        if metrics_address is not None:
            readers.append(PrometheusMetricReader(scope_info_enabled=False))
            stack.enter_context(_scraped_at(metrics_address))
        meters = MeterProvider(readers, resource, shutdown_on_exit=False)
        # The MCP SDK finds the first by itself: it makes a span of each message.
        trace.set_tracer_provider(tracers)
        metrics.set_meter_provider(meters)
        stack.callback(_shut_down, [tracers, meters])
        meter = meters.get_meter(_SCOPE, __version__)
        yield Instruments(tracers.get_tracer(_SCOPE, __version__), meter), CallDurations(meter, known)


def _tracer_provider(resource: Resource, known: KnownNames, *, sent: bool) -> TracerProvider:
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    if sent:
        provider.add_span_processor(BatchSpanProcessor(PlainSpans(OTLPSpanExporter(), known)))
    return provider


def _resource() -> Resource:
    """Return what tells this process from others: what the operator set, else our name and an id of its own."""
    found = Resource.create({SERVICE_VERSION: __version__})
    if str(found.attributes[SERVICE_NAME]).startswith(_NAMELESS):
        found = found.merge(Resource({SERVICE_NAME: "sim-mcp"}))
    if SERVICE_INSTANCE_ID not in found.attributes:
        found = found.merge(Resource({SERVICE_INSTANCE_ID: str(uuid.uuid4())}))
    return found


@contextmanager
def _scraped_at(address: tuple[str, int]) -> Iterator[None]:
    host, port = address
    try:
        server, thread = start_http_server(port, host)
    except OSError as error:
        raise TelemetrySettingsError(
            f"SIM_MCP_METRICS_PORT: {host}, port {port}, cannot be listened on ({error.strerror or error}): choose "
            "another port, or SIM_MCP_METRICS_HOST. Nothing was started."
        ) from None
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _shut_down(providers: Iterable[TracerProvider | MeterProvider]) -> None:
    """Send what is left; a collector that does not answer must not hold up the end."""

    def flush() -> None:
        for provider in providers:
            provider.shutdown()

    # A daemon, since Python waits for all other threads before it ends.
    flushing = threading.Thread(target=flush, name=FLUSHING, daemon=True)
    flushing.start()
    flushing.join(FLUSHED_WITHIN_S)
