"""The uvicorn server that both the MCP endpoint and the approval page run on."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

import httptools
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

_OFFER = frozenset({b"connection", b"upgrade", b"http2-settings"})
_SERVICE_UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class HttpServer(uvicorn.Server):
    """Leave SIGINT and SIGTERM to the process.

    A subclass because uvicorn has no setting for it: in the main thread it always replaces the signal handlers and
    raises the signals again once it has shut down, while here one place decides how the process ends. Set
    `should_exit` to shut it down.
    """

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Install no signal handlers."""
        yield


class _JoiningTransport:
    """Send what is written in one turn of the loop at once: uvicorn writes the head and the body of an answer apart."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._written = bytearray()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Take data to send; a long answer is not gathered, so that the transport can tell when to wait."""
        if not self._written:
            self._loop.call_soon(self._send)
        self._written += data
        if len(self._written) > HIGH_WATER_LIMIT:
            self._send()

    def close(self) -> None:
        """Send what was written, and close the connection."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        if self._written:
            written, self._written = self._written, bytearray()
            self._transport.write(written)


class RequestTimeoutProtocol(HttpToolsProtocol):
    """Close connections whose request does not arrive in time, and refuse those above a maximum.

    A subclass because uvicorn has no settings for these: `timeout_keep_alive` only runs between requests, so a client
    that connects and sends nothing, or half a request, would stay for good; `limit_concurrency` is only checked once a
    whole request has arrived; and httptools, which parses much faster than h11, keeps headers of any length and as
    many requests as are sent ahead. How long a response takes is not limited.
    """

    request_timeout_s = 10.0
    """Time for a whole request, body included, to arrive."""
    max_connections = 200
    max_head_bytes = 65_536
    """What may arrive without making a request, or a piece of its body, whole; beyond what came in one read."""
    max_sent_ahead = 8
    """Requests that may wait for the answers to those before them on their connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Paths of the approval page are secrets. uvicorn's setting works on a logger that other servers share.
        self.access_log = False
        self._request_timer: asyncio.TimerHandle | None = None
        self._was_paused = False
        """Whether reading was paused since the timer was started."""
        self._answering: RequestResponseCycle | None = None
        """The request that the application has; `cycle` is the last that arrived."""
        self._unfinished_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
        """Accept the connection, or answer 503 and close it."""
        super().connection_made(cast("asyncio.Transport", _JoiningTransport(transport, self.loop)))
        if len(self.connections) > self.max_connections:
            transport.write(_SERVICE_UNAVAILABLE)
            transport.close()
            return
        self._update_timer()

    def data_received(self, data: bytes) -> None:
        """Parse the data; further data does not extend the time."""
        if self.transport.is_closing():
            return
        self._unset_keepalive_if_required()
        self._unfinished_bytes += len(data)
        self._parse(data)
        if self._unfinished_bytes > self.max_head_bytes and not self.transport.is_closing():
            self.send_400_response("The headers of the request are too long.")
        self._was_paused = self._was_paused or self.flow.read_paused
        self._update_timer()

    def on_headers_complete(self) -> None:
        """Take a request, unless too many were sent ahead; what stands behind its body is no header of it."""
        self._unfinished_bytes = 0
        if len(self.pipeline) >= self.max_sent_ahead:
            raise ValueError("too many requests were sent ahead")
        if self.parser.should_upgrade():
            return
        super().on_headers_complete()
        self.headers = []

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._unfinished_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the request is whole."""
        self._unfinished_bytes = 0
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer, and tell the application, also where more requests were sent ahead."""
        self._stop_timer()
        self.pipeline.clear()
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True
            self._answering.message_event.set()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def _parse(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._parse_without_offer(data[offer.args[0] :])
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")

    def _parse_without_offer(self, rest: bytes) -> None:
        """Parse a request anew as if its client, Java's for one, had not offered to go on in another protocol.

        With the offer httptools takes the body for that protocol (MagicStack/httptools#124).
        """
        method, version = self.parser.get_method(), self.parser.get_http_version()
        if method == b"CONNECT":
            self.send_400_response("This is no proxy.")
            return
        kept = [b"%s: %s" % header for header in self.headers if header[0] not in _OFFER]
        self.parser = httptools.HttpRequestParser(self)
        self._parse(b"\r\n".join([b"%s %s HTTP/%s" % (method, self.url, version.encode()), *kept, b"", rest]))

    def _update_timer(self) -> None:
        if not self._request_is_incomplete():
            self._stop_timer()
        elif self._request_timer is None:
            self._request_timer = self.loop.call_later(self.request_timeout_s, self._on_timeout)

    def _request_is_incomplete(self) -> bool:
        # uvicorn keeps the cycle of the previous request until the headers of the next one are complete.
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete or cycle.more_body

    def _stop_timer(self) -> None:
        if self._request_timer is not None:
            self._request_timer.cancel()
            self._request_timer = None

    def _on_timeout(self) -> None:
        self._request_timer = None
        if self.flow.read_paused or self._was_paused:
            # The client is not late: nothing is read until the application has taken what was read ahead. From then on
            # it has the whole time for the rest.
            self._was_paused = self.flow.read_paused
            self._update_timer()
        elif not self.transport.is_closing():
            self.transport.close()


def http_server(app: ASGIApp, *, shutdown_timeout_s: int, **options: Any) -> HttpServer:
    """Return a server for an application.

    Args:
        app: the ASGI application.
        shutdown_timeout_s: how long requests in flight may go on after `should_exit` is set, before uvicorn cancels
            them.
        options: further settings of `uvicorn.Config`.
    """
    return HttpServer(
        uvicorn.Config(
            app,
            http=RequestTimeoutProtocol,
            ws="none",
            proxy_headers=False,
            timeout_graceful_shutdown=shutdown_timeout_s,
            **options,
        )
    )
