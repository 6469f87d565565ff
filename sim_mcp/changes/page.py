"""The approval page: a person reads what would change, SIM by SIM, and presses a button on this machine."""

import asyncio
import hmac
import math
import secrets
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Literal, NoReturn, Protocol
from urllib.parse import parse_qsl

import anyio
import anyio.to_thread
import uvicorn
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from sim_mcp.untrusted import clean

State = Literal["waiting", "approved", "rejected", "expired"]
Verdict = Literal["change", "already", "refused"]

_COOKIE = "sim_mcp_approval"
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_BODY_LIMIT = 4096
_FIELD_LIMIT = 4
_LINKS_PER_PLAN = 64
_LONGEST_TEXT = 2000
_TRANSITIONS_SHOWN = 6
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Under no-referrer browsers post forms with "Origin: null"; this tells other origins just as little.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True)
class Row:
    """Show one SIM of a plan; every text but the verdict may be a customer's."""

    iccid: str
    device: str
    organisation: str
    before: str
    after: str
    verdict: Verdict
    effect: str


@dataclass(frozen=True)
class View:
    """Hold all that a person needs to decide on a plan."""

    plan_id: str
    summary: str
    rows: tuple[Row, ...]
    service: str
    bill: str
    client: str
    expires_at: datetime
    """In UTC."""
    typing_request: str
    """What to type so as to confirm, as a sentence; empty if nothing is to be typed."""
    irreversible: bool
    state: State


class Decisions(Protocol):
    """Keep plans and what was decided on them; each plan is decided at most once."""

    def view(self, plan_id: str) -> View | None:
        """Return the plan as it stands, or None if there is none."""

    def approve(self, plan_id: str, typed: str) -> Literal["approved", "mistyped", "expired", "decided"]:
        """Approve the plan, unless what was typed does not confirm it, it has expired, or it is decided already."""

    def reject(self, plan_id: str) -> Literal["rejected", "expired", "decided"]:
        """Reject the plan, unless it has expired or is decided already."""


@dataclass(frozen=True)
class _Link:
    digest: bytes
    plan_id: str
    expires_at: datetime
    used: set[str] = field(default_factory=set)
    """Forms of this link that have been sent."""


class _RefusedError(Exception):
    def __init__(self, status: int, heading: str, text: str) -> None:
        super().__init__(heading)
        self.status, self.heading, self.text = status, heading, text


class ApprovalPage:
    """Show plans to a person and take their decisions, by links that only their holder can open.

    A link alone decides nothing: a decision is posted by the form that the link shows, from the page's own origin.
    """

    def __init__(self, decisions: Decisions, *, now: Callable[[], datetime]) -> None:
        self._decisions = decisions
        self._now = now
        self._key = secrets.token_bytes(32)
        self._links: list[_Link] = []
        self._awaited: dict[str, anyio.Event] = {}
        self._templates = Environment(
            loader=PackageLoader("sim_mcp.changes"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=_shown,
        )
        self._templates.filters["clean"] = clean

    def path_for(self, plan_id: str) -> str:
        """Return a path that shows the plan; earlier ones go on working.

        Raises:
            LookupError: if there is no such plan.
        """
        view = self._decisions.view(plan_id)
        if view is None:
            raise LookupError(f"no plan {plan_id}")
        now = self._now()
        own = [link for link in self._links if link.plan_id == plan_id]
        outlived = own[: max(0, len(own) + 1 - _LINKS_PER_PLAN)]
        self._links = [link for link in self._links if now < link.expires_at and link not in outlived]
        secret = secrets.token_urlsafe(32)
        self._links.append(_Link(_digest(secret), plan_id, view.expires_at))
        return f"/approve/{secret}"

    def routes(self) -> list[Route]:
        """Return the routes of the page, for the root of any Starlette application on loopback."""
        return [
            Route("/approve/{secret}", self._show, methods=["GET"]),
            Route("/approve/{secret}/decision", self._decide, methods=["POST"]),
        ]

    async def wait_for_decision(self, plan_id: str, timeout_s: float) -> State:
        """Wait until the plan is decided here, expires, or the seconds are over; return its state then."""
        view = self._decisions.view(plan_id)
        if view is None:
            return "expired"
        if view.state == "waiting":
            event = self._awaited.setdefault(plan_id, anyio.Event())
            left = (view.expires_at - self._now()).total_seconds()
            with anyio.move_on_after(max(0.0, min(timeout_s, left))):
                await event.wait()
            view = self._decisions.view(plan_id)
        if view is None or (view.state == "waiting" and self._now() >= view.expires_at):
            return "expired"
        return view.state

    def message(self, status: int, heading: str, text: str) -> Response:
        """Return a page that only says something, with no plan on it."""
        return self._page(status, "message.html", heading=heading, text=text)

    async def _show(self, request: Request) -> Response:
        try:
            _check_host(request)
            link, view = self._open(request)
        except _RefusedError as refused:
            return self.message(refused.status, refused.heading, refused.text)
        if request.method == "HEAD":
            return Response(headers=_HEADERS, media_type="text/html")
        if view.state != "waiting":
            return self._decided(view, 200)
        return await self._ask(request, link, view)

    async def _decide(self, request: Request) -> Response:
        try:
            _check_host(request)
            _check_origin(request)
            fields = await _fields(request)
            link, view = self._open(request)
            form = self._check_form(request, link, fields.get("form", ""))
            if form in link.used:
                return self._decided(view, 409) if view.state != "waiting" else _refuse_stale_form()
            link.used.add(form)
            return await self._carry(request, link, view, fields)
        except _RefusedError as refused:
            return self.message(refused.status, refused.heading, refused.text)

    async def _carry(self, request: Request, link: _Link, view: View, fields: dict[str, str]) -> Response:
        outcome: Literal["approved", "rejected", "mistyped", "expired", "decided"]
        match fields.get("decision"):
            case "approve":
                outcome = self._decisions.approve(link.plan_id, fields.get("typed", ""))
            case "reject":
                outcome = self._decisions.reject(link.plan_id)
            case _:
                raise _RefusedError(400, "Nothing was decided", "The form said neither approve nor reject.")
        if outcome == "mistyped":
            return await self._ask(request, link, view, mistyped=True)
        if outcome == "expired":
            _refuse_expired()
        if outcome == "decided":
            return self._decided(self._decisions.view(link.plan_id) or view, 409)
        if event := self._awaited.pop(link.plan_id, None):
            event.set()
        return RedirectResponse(_path(request), 303, headers=_HEADERS)

    def _open(self, request: Request) -> tuple[_Link, View]:
        digest = _digest(request.path_params["secret"])
        # All links are compared, each in constant time: how long it takes tells nothing of them.
        found = [link for link in self._links if hmac.compare_digest(link.digest, digest)]
        view = self._decisions.view(found[0].plan_id) if found else None
        if view is None:
            raise _RefusedError(404, "This link is not valid", "Ask for a new link where you got this one.")
        if view.state == "expired" or self._now() >= found[0].expires_at:
            _refuse_expired()
        return found[0], view

    async def _ask(self, request: Request, link: _Link, view: View, *, mistyped: bool = False) -> Response:
        left = math.ceil((link.expires_at - self._now()).total_seconds())
        form = secrets.token_urlsafe(16)

        def render() -> Response:
            return self._page(
                422 if mistyped else 200,
                "ask.html",
                view=view,
                counts=Counter(row.verdict for row in view.rows),
                transitions=_transitions(view.rows),
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

    def _decided(self, view: View, status: int) -> Response:
        return self._page(status, "decided.html", view=view)

    def _check_form(self, request: Request, link: _Link, given: str) -> str:
        form, _, seal = given.partition(".")
        cookie = request.cookies.get(_COOKIE, "")
        genuine = _same(seal, self._seal("form", link, form)) and _same(cookie, self._seal("cookie", link))
        return form if genuine else _refuse_stale_form()

    def _seal(self, purpose: str, link: _Link, text: str = "") -> str:
        return hmac.digest(self._key, b"|".join((purpose.encode(), link.digest, text.encode())), "sha256").hex()

    def _page(self, status: int, template: str, **values: object) -> Response:
        nonce = secrets.token_urlsafe(16)
        policy = (
            f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; img-src data:; "
            "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        )
        content = self._templates.get_template(template).render(nonce=nonce, **values)
        return HTMLResponse(content, status, headers={**_HEADERS, "Content-Security-Policy": policy})


@asynccontextmanager
async def listening(page: ApprovalPage) -> AsyncIterator[str]:
    """Serve the page on a free port of 127.0.0.1 until the block ends; yield its base URL."""

    def lost(_request: Request, _error: Exception) -> Response:
        return page.message(404, "There is nothing here", "Ask for a new link where you got this one.")

    def failed(_request: Request, _error: Exception) -> Response:
        return page.message(500, "Something went wrong", "Open the link again to see whether anything was decided.")

    app = Starlette(routes=page.routes(), exception_handlers={404: lost, 405: lost, 500: failed})
    config = uvicorn.Config(
        app,
        http=_Wire,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )
    # Only for sockets that say they are TCP does asyncio send small packets at once.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.ended.set()
            with anyio.CancelScope(shield=True):
                await serving


class _Wire(H11Protocol):
    """Log no access, which would write the secrets of links, however the process logs that of other servers."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they come
        self.access_log = False


class _Server(uvicorn.Server):
    """Sleep until told to end, and leave the signals to the process that serves the page beside its own work."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ended = asyncio.Event()

    async def main_loop(self) -> None:
        """Wait for the end, where uvicorn would look ten times a second."""
        await self.ended.wait()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Capture none."""
        yield


def _check_host(request: Request) -> None:
    # A name that was rebound to this machine still sends its own name here.
    host, colon, port = (request.headers.get("host") or "").rpartition(":")
    server = request.scope.get("server")
    if not (colon and server and host.lower() in _LOOPBACK and port == str(server[1])):
        raise _RefusedError(421, "This page is only for this machine", "Open the link exactly as you were given it.")


def _check_origin(request: Request) -> None:
    origin = request.headers.getlist("origin")
    site = request.headers.getlist("sec-fetch-site")
    if origin != [f"http://{request.headers['host']}"] or site not in ([], ["same-origin"]):
        raise _RefusedError(403, "Nothing was decided", "Only the form on this page can decide.")


async def _fields(request: Request) -> dict[str, str]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise _RefusedError(415, "Nothing was decided", "Only the form on this page can decide.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY_LIMIT:
            raise _RefusedError(413, "Nothing was decided", "What was sent is longer than any answer to the form.")
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=_FIELD_LIMIT
        )
    except ValueError:
        pairs = []
    fields = dict(pairs)
    if not pairs or len(fields) != len(pairs):
        raise _RefusedError(400, "Nothing was decided", "What was sent is no answer to the form.")
    return fields


def _refuse_stale_form() -> NoReturn:
    raise _RefusedError(403, "Nothing was decided", "This form was used or is not valid any more. Open the link again.")


def _refuse_expired() -> NoReturn:
    raise _RefusedError(
        410, "This link has expired", "It decides nothing any more. Ask for a new one where you got it, if you need it."
    )


def _path(request: Request) -> str:
    return f"/approve/{request.path_params['secret']}"


def _digest(secret: str) -> bytes:
    return sha256(secret.encode(errors="surrogatepass")).digest()


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(errors="surrogatepass"), expected.encode())


def _transitions(rows: tuple[Row, ...]) -> list[tuple[str, str, int]]:
    counted = Counter((row.before, row.after) for row in rows if row.verdict == "change")
    return [(before, after, count) for (before, after), count in counted.most_common(_TRANSITIONS_SHOWN)]


def _shown(value: object) -> object:
    # Whatever a template shows passes here, so that no text reaches the page uncleaned.
    return clean(value, _LONGEST_TEXT) if isinstance(value, str) and not isinstance(value, Markup) else value
