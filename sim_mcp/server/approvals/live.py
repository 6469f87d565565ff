"""Tell open pages that something was asked for or decided, as a stream of events; what it is they read themselves."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import anyio
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from sim_mcp.changes.approval_page.paper import HEADERS
from sim_mcp.changes.bell import Bell
from sim_mcp.changes.record.storage import JournalError
from sim_mcp.server.approvals.sessions import Session, Sessions

HEARTBEAT_S = 10.0
"""How often it is told to look in any case: what waited may have lapsed, and news may be missed."""

AT_ONCE = 4
"""Streams of one person: a browser has six connections to a server, and needs some for pages."""

_LOOK = "data: look\n\n"


class Live:
    """Keep a stream to each open page, a few for each person."""

    def __init__(self, bell: Bell, sessions: Sessions) -> None:
        self._bell = bell
        self._sessions = sessions
        self._open = Counter[str]()

    def stream(self, request: Request, session: Session) -> "Stream | None":
        """Return a stream of news, or None where the person has as many as they may."""
        if self._open[session.who.key] >= AT_ONCE:
            return None
        return Stream(self, request, session)

    @contextmanager
    def counted(self, session: Session) -> Iterator[None]:
        """Count a stream of somebody while the block lasts."""
        self._open[session.who.key] += 1
        try:
            yield
        finally:
            self._open[session.who.key] -= 1
            self._open += Counter()  # without those who have none.

    async def news(self, request: Request) -> AsyncIterator[str]:
        """Yield when to look again, until the session is over."""
        try:
            while await self._sessions.of(request) is not None:
                with self._bell.heard() as rung:
                    yield _LOOK
                    with anyio.move_on_after(HEARTBEAT_S):
                        await rung.wait()
        except JournalError:  # the page asks by itself, and is told.
            return


class Stream(StreamingResponse):
    """The stream to one page."""

    def __init__(self, live: Live, request: Request, session: Session) -> None:
        self._live = live
        self._session = session
        headers = {**HEADERS, "X-Accel-Buffering": "no"}
        super().__init__(live.news(request), media_type="text/event-stream", headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it until either side ends it."""
        with self._live.counted(self._session):
            await super().__call__(scope, receive, send)
