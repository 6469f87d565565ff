"""Connections to our HTTP servers: a request becomes whole in time or is hung up on, and there are only so many."""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class TimelyConnection(H11Protocol):
    """Hang up on who connects and sends nothing, or half a request; an answer may take as long as it takes.

    uvicorn itself counts the time between requests, and none other.
    """

    request_within_s = 10.0
    """How long a request may take to arrive, its body included, from the moment it is waited for."""
    most_at_once = 200

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they come
        self._request_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
        """Take a connection, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self.most_at_once:
            transport.write(_BUSY)
            transport.close()
            return
        self._watch_request()

    def data_received(self, data: bytes) -> None:
        """Take what arrived."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        self._watch_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_watching()
        super().connection_lost(exc)

    def _watch_request(self) -> None:
        """Let the time of a request run until it is whole; what trickles in gains it none."""
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._stop_watching()
        elif self._request_due is None:
            self._request_due = self.loop.call_later(self.request_within_s, self._hang_up)

    def _stop_watching(self) -> None:
        if self._request_due is not None:
            self._request_due.cancel()
            self._request_due = None

    def _hang_up(self) -> None:
        self._request_due = None
        if self.flow.read_paused:
            # It is we who do not read: a large body waits for its application.
            self._watch_request()
        elif not self.transport.is_closing():
            self.transport.close()
