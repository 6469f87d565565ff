"""An id for each message that is answered, on every line that is logged meanwhile."""

import re
import secrets
from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerMiddleware, ServerRequestContext
from opentelemetry.trace import format_trace_id, get_current_span
from starlette.requests import Request

from sim_mcp.logs import logging_with

_HEADER = "x-request-id"
_USABLE = re.compile(r"[\w.:-]{8,64}", re.ASCII)


class RequestIds(ServerMiddleware[Any]):
    """Take the id that a proxy gave a request, or give it one; and note the trace it belongs to, if there is one."""

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Pass a message on."""
        fields = {"request": _given(ctx.request) or secrets.token_hex(8)}
        span = get_current_span().get_span_context()
        if span.is_valid:
            fields["trace"] = format_trace_id(span.trace_id)
        with logging_with(fields):
            return await call_next(ctx)


def _given(request: object) -> str | None:
    text = request.headers.get(_HEADER, "") if isinstance(request, Request) else ""
    return text if _USABLE.fullmatch(text) else None
