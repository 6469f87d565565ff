"""Answer in JSON where no progress was asked for: a stream takes almost as long again as the rest of a quick answer.

The SDK has one setting for all requests, which it looks at when it answers each. With it, it forgets who hung up and
sends nothing until the answer is there; so both are seen to here, for whatever takes long enough to need it.
"""

import asyncio
from contextvars import ContextVar
from typing import cast

import anyio
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PATH = "/mcp"
WATCHED_AFTER_S = 0.5
"""From when on it is noticed that whoever asked hung up; most answers are there before."""
BLANK_EACH_S = 15.0
"""How often a blank is sent meanwhile, as the SDK does in streams: proxies hang up on what is silent."""

_TOKEN = b"progressToken"
_HEADERS = [
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]
_answering: ContextVar["_Request | None"] = ContextVar("answering", default=None)


class _Choice:
    def __bool__(self) -> bool:
        request = _answering.get()
        return request is not None and request.is_plain


WHERE_NO_PROGRESS_WAS_ASKED_FOR = cast("bool", _Choice())
"""What the SDK takes for `json_response`: true while a request is answered that wants no progress."""


class PlainAnswers:
    """Look through requests for whether they want progress; those of sessions can be asked things, and need streams."""

    def __init__(self, app: ASGIApp, *, stateless: bool) -> None:
        self._app = app
        self._stateless = stateless

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] != PATH or not self._fits(scope):
            await self._app(scope, receive, send)
            return
        request = _Request(receive, send)
        before = _answering.set(request)
        try:
            await request.answer_by(self._app, scope)
        finally:
            _answering.reset(before)

    def _fits(self, scope: Scope) -> bool:
        version = Headers(scope=scope).get("mcp-protocol-version")
        return self._stateless or (version is not None and version not in HANDSHAKE_PROTOCOL_VERSIONS)


class _Request:
    def __init__(self, receive: Receive, send: Send) -> None:
        self.is_plain = False
        self._receive = receive
        self._send = send
        self._body = bytearray()
        self._scope = anyio.CancelScope()
        self._timer: asyncio.TimerHandle | None = None
        self._watching: asyncio.Task[None] | None = None
        self._begun = self._answered = False

    async def answer_by(self, app: ASGIApp, scope: Scope) -> None:
        with self._scope:
            try:
                await app(scope, self._read, self._write)
            finally:
                if self._timer is not None:
                    self._timer.cancel()
                if self._watching is not None:
                    self._watching.cancel()

    async def _read(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request" and not self.is_plain:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                # What is written with escapes might say it too.
                self.is_plain = _TOKEN not in self._body and b"\\" not in self._body
                if self.is_plain:
                    self._timer = asyncio.get_running_loop().call_later(WATCHED_AFTER_S, self._start_watching)
                self._body.clear()
        return message

    async def _write(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._answered = True
            if self._begun:
                return
        await self._send(message)

    def _start_watching(self) -> None:
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        while not self._answered:
            with anyio.move_on_after(BLANK_EACH_S) as waited:
                if (await self._receive())["type"] == "http.disconnect":
                    self._scope.cancel()
                    return
            if waited.cancelled_caught and not self._answered:
                await self._send_blank()

    async def _send_blank(self) -> None:
        if not self._begun:
            self._begun = True
            await self._send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await self._send({"type": "http.response.body", "body": b" ", "more_body": True})
