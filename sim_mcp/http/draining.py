"""How calls in flight end when the server does: given a moment, then cancelled, and their clients told."""

from collections.abc import MutableMapping
from typing import Any

import anyio
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_FAREWELL_S = 1.0
_ENDING = (
    "The server is ending. What was begun is on record: once it runs again, continue_change reads how a change "
    "stands and goes on."
)


class Draining:
    """Serve an application until told to end.

    What an application shields, as a write and its record, it finishes first: uvicorn, which cancels tasks
    themselves, would break into that.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._calls: set[anyio.CancelScope] = set()
        self._streams: set[anyio.CancelScope] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or say that the server is ending."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = whole = False

        async def watched(message: MutableMapping[str, Any]) -> None:
            nonlocal begun, whole
            begun = True
            whole = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        # What a client opens with GET is a stream that has no end of its own.
        kind = self._streams if scope["method"] == "GET" else self._calls
        with anyio.CancelScope() as cancelled:
            kind.add(cancelled)
            try:
                await self._app(scope, receive, watched)
            finally:
                kind.discard(cancelled)
        if cancelled.cancel_called and not whole:
            # Who has stopped reading hears no farewell.
            with anyio.move_on_after(_FAREWELL_S):
                if begun:
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
                else:
                    await JSONResponse({"error": _ENDING}, 503)(scope, receive, send)

    async def end(self, grace_s: float) -> None:
        """Cancel streams at once, and calls that take longer than the grace."""
        for stream in list(self._streams):
            stream.cancel()
        await anyio.sleep(grace_s)
        for call in list(self._calls):
            call.cancel()
