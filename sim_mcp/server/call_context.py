"""What a tool is handed for one call: the SDK's context, whose progress never goes back and never repeats.

A call may work in phases, each of which counts from nothing (the fleet is read, then its usage), and may wait for
long at one point. MCP wants a value that rises with every notification, and clients show it as a bar; so all that
tools report passes here.
"""

import math

import anyio
from mcp.server.mcpserver import Context

from sim_mcp.tools.context import AppState

SAID_AGAIN_AFTER_S = 5.0
"""When a wait is told once more: some clients take silence for a server that hangs."""


class CallContext(Context[AppState]):
    """Report progress that rises with every notification."""

    _before: int = 0
    """What earlier phases of the call came to."""
    _phase: float = 0.0
    """What this phase came to."""
    _told: float = -1.0
    _message: str | None = None
    _again: int = 0
    """How often the same was told."""
    _told_at: float = -math.inf

    async def report_progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Report how far a phase is; one that begins at nothing again is counted on top of those before.

        What is the same as before is told again only after a while, as a little more, but less than one whole step.
        """
        if progress < self._phase:
            self._before = math.ceil(self._told)
        self._phase = progress
        value = self._before + progress
        if value > self._told:
            self._again = 0
        elif message == self._message and anyio.current_time() < self._told_at + SAID_AGAIN_AFTER_S:
            return
        else:
            self._again += 1
            value = math.floor(value) + self._again / (self._again + 1)
        self._told, self._message, self._told_at = value, message, anyio.current_time()
        whole = None if total is None else max(self._before + total, math.ceil(value))
        await super().report_progress(value, whole, message)


def context_for_call(context: Context[AppState]) -> CallContext:
    """Return the context of a call, as tools are handed it."""
    return CallContext(
        request_context=context.request_context,
        mcp_server=context.mcp_server,
        # The SDK hands a context on by these alone.
        input_params=context._input_params,  # noqa: SLF001
        subscriptions=context._subscriptions,  # noqa: SLF001
    )
