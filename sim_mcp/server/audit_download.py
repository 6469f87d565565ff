"""The audit to download: for who may see what all asked for, as it is read."""

import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
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
from sim_mcp.server.workspaces import Workspaces
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

    def __init__(self, settings: Settings, here: Mapping[str, Principal] | None = None) -> None:
        super().__init__()
        self._here = here
        self._settings = settings

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

    def _sees(self, workspace: str, _: tuple[str, ...]) -> bool:
        return self._here is None or (workspace in self._here and self._here[workspace].sees_all)


def audit_endpoint(settings: Settings, workspaces: Workspaces | None) -> Callable[[Request], Awaitable[Response]]:
    """Return the handler of requests that come with a key or a token."""

    async def answer(request: Request) -> Response:
        user = request.scope.get("user")
        token = user.access_token if isinstance(user, AuthenticatedUser) else None
        if not isinstance(token, SignedIn):
            return JSONResponse({"error": "Who you are is not known. Nothing was done."}, 401)
        here = None if workspaces is None else workspaces.open_to(token.principal)
        if (refused := why_no_audit(token.principal, here)) is not None:
            return JSONResponse({"error": refused}, 403)
        return AuditDownload(settings, here)

    return answer


def why_no_audit(who: Principal, here: Mapping[str, Principal] | None) -> str | None:
    """Say why somebody may not have the audit, or None where they may, in one of several workspaces at least."""
    if here is not None:
        who = next((there for there in here.values() if there.sees_all), who.only_with(frozenset()))
    return why_not(who, "The audit", frozenset({"sims:approve"}))


_unreadable = JSONResponse({"error": "The record cannot be read now. Try again in a minute."}, 503)
