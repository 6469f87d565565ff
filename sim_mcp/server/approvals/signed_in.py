"""Pages for who signed in: everybody else is sent to do so."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Protocol, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from sim_mcp.changes.approval_page.paper import Paper
from sim_mcp.changes.approval_page.request import RefusedError
from sim_mcp.changes.record.storage import JournalError
from sim_mcp.server.approvals.requests import check_host
from sim_mcp.server.approvals.sessions import Session, Sessions
from sim_mcp.settings import Settings


class Pages(Protocol):
    """What answers who signed in."""

    settings: Settings
    sessions: Sessions
    paper: Paper

    def turn_away(self, request: Request) -> Response:
        """Answer who did not sign in."""


PagesT = TypeVar("PagesT", bound=Pages)


def for_who_signed_in(
    handler: Callable[[PagesT, Request, Session], Awaitable[Response]],
) -> Callable[[PagesT, Request], Awaitable[Response]]:
    """Answer who signed in; send everybody else to do so, where the browser shows what comes back."""

    @wraps(handler)
    async def answer(pages: PagesT, request: Request) -> Response:
        try:
            check_host(request, pages.settings)
            session = await pages.sessions.of(request)
            if session is None:
                return pages.turn_away(request)
            return await handler(pages, request, session)
        except RefusedError as refused:
            return pages.paper.message(refused.status, refused.heading, refused.text)
        except JournalError:
            return pages.paper.message(
                503, "The record cannot be read now", "Nothing was decided by this. Try again in a minute."
            )

    return answer
