"""One line in the log for each tool call: which tool, what came of it, how long it took, and who asked."""

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, InputRequiredResult

from sim_mcp.tools.context import AppState, caller_of

log = logging.getLogger(__name__)


@dataclass
class Result:
    """What a tool call came to."""

    word: str = "failed"
    workspace: str = ""
    """Where it was, if there are several."""

    def take(self, answer: CallToolResult | InputRequiredResult) -> CallToolResult | InputRequiredResult:
        """Note what an answer says, and return it."""
        if isinstance(answer, InputRequiredResult):
            self.word = "asks for a form"
        else:
            self.word = "error" if answer.is_error else "ok"
        return answer


@asynccontextmanager
async def one_line(tool: str, context: Context[AppState] | None) -> AsyncIterator[Result]:
    """Within the block, a tool is called; at its end, however that comes, log the call."""
    result, began = Result(), time.monotonic()
    try:
        yield result
    except ToolError:
        result.word = "error"
        raise
    except anyio.get_cancelled_exc_class():
        result.word = "cancelled"
        raise
    finally:
        took_ms = (time.monotonic() - began) * 1000
        caller = None if context is None else caller_of(context)
        who = caller.words if caller else "this process"
        apart = {"tool": tool, "outcome": result.word, "took_ms": round(took_ms)}
        where = f" in {result.workspace}" if result.workspace else ""
        log.info("%s%s: %s in %.0f ms, asked by %s", tool, where, result.word, took_ms, who, extra=apart)
