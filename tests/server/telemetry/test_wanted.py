"""What is exported, by the variables that operators know."""

import importlib.util
import subprocess
import sys

import pytest

from sim_mcp.server.telemetry.wanted import TelemetrySettingsError, Wanted, wanted

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


@pytest.mark.parametrize(
    ("environment", "port", "expected"),
    [
        ({}, None, Wanted()),
        ({"OTEL_SERVICE_NAME": "sims", "OTEL_TRACES_EXPORTER": "console"}, None, Wanted()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, None, Wanted()),
        (ENDPOINT, None, Wanted(traces=True, metrics=True)),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, None, Wanted(traces=True)),
        (ENDPOINT | {"OTEL_METRICS_EXPORTER": "none"}, None, Wanted(traces=True)),
        (ENDPOINT | {"OTEL_TRACES_EXPORTER": "console, otlp"}, None, Wanted(traces=True, metrics=True)),
        (ENDPOINT | {"OTEL_SDK_DISABLED": "TRUE"}, None, Wanted()),
        ({}, 9464, Wanted(scraped=True)),
        (ENDPOINT | {"OTEL_SDK_DISABLED": "true"}, 9464, Wanted(scraped=True)),
        (ENDPOINT | {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, None, Wanted(traces=True, metrics=True)),
    ],
)
def test_what_is_exported(environment: dict[str, str], port: int | None, expected: Wanted) -> None:
    assert wanted(environment, port) == expected
    assert bool(expected) is any(expected[:3])


def test_a_protocol_that_is_not_spoken_is_told_and_keeps_the_server_from_nothing() -> None:
    """The variable is often set for every program of a machine."""
    found = wanted(ENDPOINT | {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, None)
    assert not found
    assert found.warning is not None
    assert "http/protobuf" in found.warning
    assert "metrics and traces" in found.warning
    one = wanted(ENDPOINT | {"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "grpc"}, None)
    assert (one.traces, one.metrics) == (True, False)


def test_without_the_extra_a_port_is_refused_and_an_endpoint_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(TelemetrySettingsError, match=r"sim-mcp\[telemetry\].*Nothing was started"):
        wanted({}, 9464)
    found = wanted(ENDPOINT, None)
    assert not found
    assert "sim-mcp[telemetry]" in (found.warning or "")


def test_what_exports_is_not_imported_where_nothing_is_exported() -> None:
    """A server on somebody's desk starts as fast as without."""
    heavy = ("opentelemetry.sdk", "opentelemetry.exporter", "prometheus_client", "requests")
    code = f"import sys, sim_mcp.cli.commands; print([name for name in sys.modules if name.startswith({heavy})])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
