"""What is exported is sent at the end too, but a collector that does not answer holds nobody up."""

import socket
import subprocess
import sys

from tests.processes.test_serving import environment

_LEAVES = """
import os
import threading
from sim_mcp.server.telemetry.names import KnownNames
from sim_mcp.server.telemetry.providers import FLUSHING, exporting
from sim_mcp.server.telemetry.wanted import Wanted

with exporting(Wanted(traces=True, metrics=True), KnownNames([], []), None):
    from opentelemetry import trace
    with trace.get_tracer("a test").start_as_current_span("a span"):
        pass
# The libraries give up by themselves after half a minute.
if FLUSHING in [thread.name for thread in threading.enumerate()]:
    os.write(1, b"left it flushing")
os._exit(0)
"""


def test_a_collector_that_takes_everything_and_answers_nothing_does_not_hold_up_the_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        env = environment(
            None,
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{silent.getsockname()[1]}",
            OTEL_EXPORTER_OTLP_TIMEOUT="3600",
            OTEL_BSP_EXPORT_TIMEOUT="3600000",
        )
        done = subprocess.run([sys.executable, "-c", _LEAVES], env=env, timeout=120, capture_output=True, check=False)
        assert (done.returncode, done.stdout) == (0, b"left it flushing"), done.stderr
        # And there was something to wait for.
        silent.settimeout(0)
        asked, _ = silent.accept()
        asked.close()
