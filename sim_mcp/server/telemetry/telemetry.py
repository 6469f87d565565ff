"""Traces and metrics for as long as the server runs, where the operator asked for any."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from mcp.server.context import ServerMiddleware

from sim_mcp.logs import hide, tell
from sim_mcp.observing import NOBODY, Observer
from sim_mcp.prompts import load_prompts
from sim_mcp.server.telemetry.wanted import wanted
from sim_mcp.settings import Settings
from sim_mcp.tools import registry


class Telemetry(NamedTuple):
    """Who hears what happens inside, and what measures the messages that arrive."""

    observer: Observer = NOBODY
    middleware: tuple[ServerMiddleware[Any], ...] = ()


UNSEEN = Telemetry()


@contextmanager
def telemetry(settings: Settings, environment: Mapping[str, str], *, scraped: bool) -> Iterator[Telemetry]:
    """Within the block, export what the environment asks for; where it asks for nothing, nothing more is imported.

    Args:
        settings: what the operator decided.
        environment: the variables, of which OpenTelemetry's own count.
        scraped: whether this process may listen for Prometheus.

    Raises:
        TelemetrySettingsError: What is asked for cannot be had.
    """
    port = settings.metrics_port if scraped else None
    asked = wanted(environment, port)
    if asked.warning is not None:
        tell(f"sim-mcp: {asked.warning}")
    if not asked:
        yield UNSEEN
        return
    from sim_mcp.server.telemetry.names import KnownNames  # noqa: PLC0415  # heavy.
    from sim_mcp.server.telemetry.providers import exporting  # noqa: PLC0415  # heavy.

    _hide_keys(environment)
    known = KnownNames(
        (entry.name for entry in registry.tools(may_write=True)), (prompt.name for prompt in load_prompts())
    )
    address = None if port is None else (settings.metrics_host, port)
    with exporting(asked, known, address) as (observer, durations):
        yield Telemetry(observer, (durations,))


def _hide_keys(environment: Mapping[str, str]) -> None:
    """Keep the keys that a collector is sent out of the log."""
    for name, value in environment.items():
        if name.startswith("OTEL_EXPORTER_OTLP_") and name.endswith("HEADERS"):
            for pair in value.split(","):
                hide(pair.partition("=")[2].strip())
