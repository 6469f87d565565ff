"""End requests in flight when the server shuts down: a grace period, then cancellation and a 503."""

from collections.abc import MutableMapping
from typing import Any

import anyio
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_LAST_RESPONSE_S = 1.0
_SHUTTING_DOWN = (
    "The server is ending. What was begun is on record: once it runs again, continue_change reads how a change "
    "stands and goes on."
)


_NOT_TAKEN = "The server is ending, and nothing was done. Send it again: the next one answers."
READY = "/ready"
"""Where a proxy hears at once that the server ends."""


class DrainingMiddleware:
    """Cancel the requests of an application when it is drained.

    By anyio's cancel scopes, so that what the application shields, such as a write and its record, is finished first;
    uvicorn cancels the tasks themselves, which breaks into shielded code.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._calls: set[anyio.CancelScope] = set()
        self._streams: set[anyio.CancelScope] = set()
        self._ending = self._ended = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection; 503 if it is cancelled before a response began."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._ended or (self._ending and scope["path"] == READY):
            await _refused(_NOT_TAKEN)(scope, receive, send)
            return
        started = complete = False

        async def watch(message: MutableMapping[str, Any]) -> None:
            nonlocal started, complete
            started = True
            complete = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        # A GET opens a stream of server messages, which never ends by itself.
        requests = self._streams if scope["method"] == "GET" else self._calls
        with anyio.CancelScope() as cancel_scope:
            requests.add(cancel_scope)
            try:
                await self._app(scope, receive, watch)
            finally:
                requests.discard(cancel_scope)
        if cancel_scope.cancel_called and not complete:
            # A client that stopped reading must not hold this up.
            with anyio.move_on_after(_LAST_RESPONSE_S):
                if started:
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
                else:
                    await _refused(_SHUTTING_DOWN)(scope, receive, send)

    async def drain(self, grace_s: float) -> None:
        """Cancel streams at once; other requests after a grace period in seconds, and take none from then on.

        What arrives meanwhile was on its way when the listener was closed: not every proxy could send it elsewhere.
        """
        self._ending = True
        for stream in list(self._streams):
            stream.cancel()
        await anyio.sleep(grace_s)
        self._ended = True
        for call in list(self._calls):
            call.cancel()


def _refused(why: str) -> JSONResponse:
    return JSONResponse({"status": "ending", "error": why}, 503, {"Retry-After": "1", "Connection": "close"})
