"""How long MCP messages take to answer, and what comes of them."""

import time
from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerMiddleware, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolResult
from opentelemetry.metrics import Meter

from sim_mcp.server.telemetry.names import KnownNames

_BUCKETS_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)


class CallDurations(ServerMiddleware[Any]):
    """Measure each message by method, protocol version, tool and error."""

    def __init__(self, meter: Meter, known: KnownNames) -> None:
        self._known = known
        self._durations = meter.create_histogram(
            "mcp.server.operation.duration",
            unit="s",
            description="How long MCP messages take to answer.",
            explicit_bucket_boundaries_advisory=_BUCKETS_S,
        )

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Pass a message on, and measure it whatever comes of it."""
        began = time.perf_counter()
        labels = self._labels(ctx)
        try:
            result = await call_next(ctx)
            if _is_error(result):
                labels["error.type"] = "tool_error"
        except MCPError as error:
            labels["error.type"] = str(error.error.code)
            raise
        except BaseException as error:
            labels["error.type"] = type(error).__qualname__
            raise
        else:
            return result
        finally:
            self._durations.record(time.perf_counter() - began, labels)

    def _labels(self, ctx: ServerRequestContext[Any, Any]) -> dict[str, str]:
        labels = {
            "mcp.method.name": self._known.method(ctx.method),
            "mcp.protocol.version": self._known.version(ctx.protocol_version),
        }
        tool = self._known.target(ctx.method, (ctx.params or {}).get("name")) if ctx.method == "tools/call" else None
        if tool is not None:
            labels |= {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool}
        return labels


def _is_error(result: HandlerResult) -> bool:
    if isinstance(result, CallToolResult):
        return bool(result.is_error)
    return isinstance(result, dict) and result.get("isError") is True
