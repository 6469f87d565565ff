"""Which exports the environment asks for, by OpenTelemetry's standard variables."""

import importlib.util
from collections.abc import Mapping
from typing import NamedTuple

_PROTOCOL = "http/protobuf"
_INSTALL = "pip install 'sim-mcp[telemetry]'"


class TelemetrySettingsError(Exception):
    """What is asked for cannot be had; the message says why and what to do."""


class Wanted(NamedTuple):
    """What is exported: traces and metrics over OTLP, and metrics for Prometheus to fetch."""

    traces: bool = False
    metrics: bool = False
    scraped: bool = False
    warning: str | None = None
    """What was asked for and is left out, and why."""

    def __bool__(self) -> bool:
        """Tell whether anything is exported at all."""
        return self.traces or self.metrics or self.scraped


def wanted(environment: Mapping[str, str], metrics_port: int | None) -> Wanted:
    """Return what to export; nothing leaves the process where neither an endpoint nor a port is set.

    Endpoints are often set for all programs of a machine: what this one cannot do with them is warned of, and keeps it
    from nothing.

    Args:
        environment: the variables, of which the `OTEL_` ones count.
        metrics_port: the port that Prometheus fetches from, or None.

    Raises:
        TelemetrySettingsError: The port is set, and what serves it is not installed.
    """
    scraped = metrics_port is not None
    on = environment.get("OTEL_SDK_DISABLED", "").strip().lower() != "true"
    sent = {signal for signal in ("TRACES", "METRICS") if on and _is_sent(environment, signal)}
    if not (sent or scraped):
        return Wanted()
    if importlib.util.find_spec("opentelemetry.sdk") is None:
        if scraped:
            raise TelemetrySettingsError(
                f"SIM_MCP_METRICS_PORT is set, but what serves metrics is not installed: {_INSTALL}. "
                "Nothing was started."
            )
        return Wanted(warning=f"No traces and metrics are sent, since what sends them is not installed: {_INSTALL}.")
    other = {signal for signal in sent if _chosen(environment, signal, "PROTOCOL") not in ("", _PROTOCOL)}
    warning = (
        f"This server sends traces and metrics by {_PROTOCOL} alone (port 4318), and so leaves out "
        + " and ".join(sorted(signal.lower() for signal in other))
    )
    return Wanted(
        traces="TRACES" in sent - other,
        metrics="METRICS" in sent - other,
        scraped=scraped,
        warning=f"{warning}: OTEL_EXPORTER_OTLP_PROTOCOL asks for another." if other else None,
    )


def _is_sent(environment: Mapping[str, str], signal: str) -> bool:
    # Of the exporters that can be named, the console's would write to stdout, which carries the protocol.
    exporters = environment.get(f"OTEL_{signal}_EXPORTER", "").strip() or "otlp"
    return bool(_chosen(environment, signal, "ENDPOINT")) and "otlp" in {name.strip() for name in exporters.split(",")}


def _chosen(environment: Mapping[str, str], signal: str, name: str) -> str:
    one, all_ = f"OTEL_EXPORTER_OTLP_{signal}_{name}", f"OTEL_EXPORTER_OTLP_{name}"
    return (environment.get(one) or environment.get(all_) or "").strip()
