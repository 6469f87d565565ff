"""The audit to download: for who may see what all asked for, as it is read."""

import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

import anyio.from_thread
import anyio.to_thread
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from sim_mcp.changes.record.audit import audit
from sim_mcp.changes.record.audit_csv import audit_csv
from sim_mcp.changes.record.storage import JournalError
from sim_mcp.principal import Principal
from sim_mcp.server.reach import Reach
from sim_mcp.settings import Settings
from sim_mcp.tools.permission import why_not
from sim_mcp.tools.signed_in import SignedIn

log = logging.getLogger(__name__)

PATH = "/audit.csv"
_HEADERS = (
    (b"content-type", b"text/csv; charset=utf-8"),
    (b"content-disposition", b'attachment; filename="audit.csv"'),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)


class AuditDownload(Response):
    """Send the audit while it is read, in a thread of its own, no faster than it is taken."""

    def __init__(self, settings: Settings, reach: Reach, who: Principal) -> None:
        super().__init__()
        self._settings = settings
        self._reach = reach
        self._who = who

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        begun = False

        async def write(piece: bytes, *, more: bool) -> None:
            nonlocal begun
            if not begun:
                await send({"type": "http.response.start", "status": 200, "headers": [*_HEADERS]})
                begun = True
            await send({"type": "http.response.body", "body": piece, "more_body": more})

        try:
            await anyio.to_thread.run_sync(self._send_all, write)
        except (JournalError, OSError) as error:
            log.warning("The audit was not sent: %s", error)
            if begun:  # Whoever takes it sees that it broke off, rather than less of it than there is.
                raise
            await _unreadable(scope, receive, send)

    def _send_all(self, write: Callable[..., Coroutine[Any, Any, None]]) -> None:
        for piece in audit_csv(audit(self._settings.record_place(), sees=self._sees)):
            anyio.from_thread.run(partial(write, piece.encode(), more=True))
        anyio.from_thread.run(partial(write, b"", more=False))

    def _sees(self, workspace: str, owner: tuple[str, ...]) -> bool:
        del owner  # who may have the audit of a workspace has all of it.
        there = self._reach.there(workspace, self._who)
        return there is not None and there.sees_all


def audit_endpoint(settings: Settings, reach: Reach) -> Callable[[Request], Awaitable[Response]]:
    """Return the handler of requests that come with a key or a token."""

    async def answer(request: Request) -> Response:
        user = request.scope.get("user")
        token = user.access_token if isinstance(user, AuthenticatedUser) else None
        if not isinstance(token, SignedIn):
            return JSONResponse({"error": "Who you are is not known. Nothing was done."}, 401)
        if (refused := why_no_audit(token.principal, reach)) is not None:
            return JSONResponse({"error": refused}, 403)
        return AuditDownload(settings, reach, token.principal)

    return answer


def why_no_audit(who: Principal, reach: Reach) -> str | None:
    """Say why somebody may have the audit of no workspace, or None where they may have that of one."""
    return None if reach.sees_all(who) else why_not(who, "The audit", frozenset({"sims:approve"}))


_unreadable = JSONResponse({"error": "The record cannot be read now. Try again in a minute."}, 503)
