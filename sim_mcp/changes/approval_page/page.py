"""The approval page: a person reads what would change, SIM by SIM, and presses a button on this machine."""

import hmac
import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sim_mcp.changes.approval_page.paper import HEADERS, Paper
from sim_mcp.changes.approval_page.request import (
    RefusedError,
    check_host,
    check_origin,
    fields_of,
    refuse_expired,
    refuse_stale_form,
)
from sim_mcp.changes.approval_page.view import Decisions, State, View
from sim_mcp.changes.approval_page.waiters import Waiters

_COOKIE = "sim_mcp_approval"
_LINKS_PER_PLAN = 64
_RESULT_SHOWN_FOR = timedelta(hours=1)
"""How long after its plan would have expired a link shows what came of it."""


@dataclass(frozen=True)
class _Link:
    digest: bytes
    plan_id: str
    expires_at: datetime
    used: set[str] = field(default_factory=set)
    """Forms of this link that have been sent."""


class ApprovalPage:
    """Show plans to a person and take their decisions, by links that only their holder can open.

    A link alone decides nothing: a decision is posted by the form that the link shows, from the page's own origin.
    """

    def __init__(self, decisions: Decisions, *, now: Callable[[], datetime]) -> None:
        self._decisions = decisions
        self._now = now
        self._key = secrets.token_bytes(32)
        self._links: list[_Link] = []
        self._waiters = Waiters()
        self._paper = Paper()

    async def path_for(self, plan_id: str) -> str:
        """Return a path that shows the plan; earlier ones go on working.

        Raises:
            LookupError: if there is no such plan.
        """
        view = await self._decisions.view(plan_id)
        if view is None:
            raise LookupError(f"no plan {plan_id}")
        now = self._now()
        own = [link for link in self._links if link.plan_id == plan_id]
        outlived = own[: max(0, len(own) + 1 - _LINKS_PER_PLAN)]
        self._links = [
            link for link in self._links if now < link.expires_at + _RESULT_SHOWN_FOR and link not in outlived
        ]
        secret = secrets.token_urlsafe(32)
        self._links.append(_Link(_digest(secret), plan_id, view.expires_at))
        return f"/approve/{secret}"

    def routes(self) -> list[Route]:
        """Return the routes of the page, for the root of any Starlette application on loopback."""
        return [
            Route("/approve/{secret}", self._show, methods=["GET"]),
            Route("/approve/{secret}/result", self._result, methods=["GET"]),
            Route("/approve/{secret}/decision", self._decide, methods=["POST"]),
        ]

    async def wait_for_decision(self, plan_id: str, timeout_s: float) -> State:
        """Wait until the plan is decided, expires, or the seconds are over; return its state then."""
        return await self._waiters.wait(plan_id, self._decisions.view, self._now, timeout_s)

    def look_again(self, plan_id: str) -> None:
        """Have whoever waits for a decision look whether there is one, made here or on another server."""
        self._waiters.look_again(plan_id)

    def message(self, status: int, heading: str, text: str) -> Response:
        """Return a page that only says something, with no plan on it."""
        return self._paper.message(status, heading, text)

    async def _show(self, request: Request) -> Response:
        try:
            check_host(request)
            link, view = await self._open(request)
        except RefusedError as refused:
            return self.message(refused.status, refused.heading, refused.text)
        if request.method == "HEAD":
            return Response(headers=HEADERS, media_type="text/html")
        if view.state != "waiting":
            return await self._decided(request, view, 200)
        return await self._ask(request, link, view)

    async def _result(self, request: Request) -> Response:
        """Answer with what came of a plan so far, for the page that shows it to look again."""
        try:
            check_host(request)
            _, view = await self._open(request)
        except RefusedError as refused:
            return self.message(refused.status, refused.heading, refused.text)
        return await self._told(view, 200, "result.html", path=_path(request))

    async def _decide(self, request: Request) -> Response:
        try:
            check_host(request)
            check_origin(request)
            fields = await fields_of(request)
            link, view = await self._open(request)
            form = self._check_form(request, link, fields.get("form", ""))
            if form in link.used:
                return await self._decided(request, view, 409) if view.state != "waiting" else refuse_stale_form()
            link.used.add(form)
            return await self._carry(request, link, view, fields)
        except RefusedError as refused:
            return self.message(refused.status, refused.heading, refused.text)

    async def _carry(self, request: Request, link: _Link, view: View, fields: dict[str, str]) -> Response:
        outcome: Literal["approved", "rejected", "mistyped", "expired", "decided"]
        match fields.get("decision"):
            case "approve":
                outcome = await self._decisions.approve(link.plan_id, fields.get("typed", ""))
            case "reject":
                outcome = await self._decisions.reject(link.plan_id)
            case _:
                raise RefusedError(400, "Nothing was decided", "The form said neither approve nor reject.")
        if outcome == "mistyped":
            return await self._ask(request, link, view, mistyped=True)
        if outcome == "expired":
            refuse_expired()
        if outcome == "decided":
            return await self._decided(request, await self._decisions.view(link.plan_id) or view, 409)
        self.look_again(link.plan_id)
        return RedirectResponse(_path(request), 303, headers=HEADERS)

    async def _open(self, request: Request) -> tuple[_Link, View]:
        digest = _digest(request.path_params["secret"])
        # All links are compared, each in constant time: how long it takes tells nothing of them.
        found = [link for link in self._links if hmac.compare_digest(link.digest, digest)]
        view = await self._decisions.view(found[0].plan_id) if found else None
        if view is None:
            raise RefusedError(404, "This link is not valid", "Ask for a new link where you got this one.")
        ends = found[0].expires_at + (timedelta() if view.state == "waiting" else _RESULT_SHOWN_FOR)
        if view.state == "expired" or self._now() >= ends:
            refuse_expired()
        return found[0], view

    async def _ask(self, request: Request, link: _Link, view: View, *, mistyped: bool = False) -> Response:
        left = math.ceil((link.expires_at - self._now()).total_seconds())
        form = secrets.token_urlsafe(16)

        def render() -> Response:
            return self._paper.page(
                422 if mistyped else 200,
                "ask.html",
                view=view,
                action=f"{_path(request)}/decision",
                form=f"{form}.{self._seal('form', link, form)}",
                seconds_left=left,
                mistyped=mistyped,
            )

        # Thousands of rows take a while, in which other calls go on.
        response = await anyio.to_thread.run_sync(render)
        response.set_cookie(
            _COOKIE, self._seal("cookie", link), max_age=left, path=_path(request), httponly=True, samesite="strict"
        )
        return response

    async def _decided(self, request: Request, view: View, status: int) -> Response:
        # It looks again by itself, for as long as something may still come of the plan.
        also = "" if view.is_over else "connect-src 'self'; "
        return await self._told(view, status, "decided.html", also=also, path=_path(request))

    async def _told(self, view: View, status: int, template: str, **values: str) -> Response:
        # As above.
        return await anyio.to_thread.run_sync(lambda: self._paper.page(status, template, view=view, **values))

    def _check_form(self, request: Request, link: _Link, given: str) -> str:
        form, _, seal = given.partition(".")
        cookie = request.cookies.get(_COOKIE, "")
        genuine = _same(seal, self._seal("form", link, form)) and _same(cookie, self._seal("cookie", link))
        return form if genuine else refuse_stale_form()

    def _seal(self, purpose: str, link: _Link, text: str = "") -> str:
        return hmac.digest(self._key, b"|".join((purpose.encode(), link.digest, text.encode())), "sha256").hex()


def _path(request: Request) -> str:
    return f"/approve/{request.path_params['secret']}"


def _digest(secret: str) -> bytes:
    return sha256(secret.encode(errors="surrogatepass")).digest()


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(errors="surrogatepass"), expected.encode())
