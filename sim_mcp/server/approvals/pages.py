"""The pages on which people who signed in see what waits for them, read it SIM by SIM, and press a button."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sim_mcp.changes.approval_page.desk import Desk, Shown
from sim_mcp.changes.approval_page.paper import HEADERS, LOOKS_AGAIN, Paper
from sim_mcp.changes.approval_page.request import RefusedError, fields_of, refuse_expired, refuse_stale_form
from sim_mcp.changes.bell import Bell
from sim_mcp.changes.record.storage import Record
from sim_mcp.changes.service import ChangeService
from sim_mcp.principal import Principal
from sim_mcp.server.approvals.live import Live
from sim_mcp.server.approvals.requests import check_origin
from sim_mcp.server.approvals.sessions import Session, Sessions
from sim_mcp.server.approvals.sign_in import HOME, PATH, TOKENS, SignIn
from sim_mcp.server.approvals.signed_in import for_who_signed_in
from sim_mcp.server.approvals.token_page import TokenPage
from sim_mcp.server.audit_download import AuditDownload, why_no_audit
from sim_mcp.server.reach import Reach
from sim_mcp.server.signin.door import Door
from sim_mcp.settings import Settings

ENTRIES = (HOME, PATH, TOKENS)
"""Where the pages begin; they know by themselves who signed in."""

_RESULT_SHOWN_FOR = timedelta(hours=1)
"""How long after its plan would have expired the page shows what came of it."""


class Served(Protocol):
    """What the pages show of a server; what makes changes is there once it has started."""

    services: Sequence[ChangeService]
    reach: Reach
    bell: Bell
    record: Record | None


class ApprovalPages:
    """The pages at the public address. Each answer is for one person, and holds what is theirs to see."""

    def __init__(self, settings: Settings, sessions: Sessions, sign_in: SignIn, server: Served) -> None:
        self.settings = settings
        self.sessions = sessions
        self.paper = Paper()
        self._sign_in = sign_in
        self._services = server.services
        self._reach = server.reach
        self._live = Live(server.bell, sessions)
        self._tokens = TokenPage(settings, sessions, sign_in, server.reach)

    def routes(self) -> list[Route]:
        """Return the routes of the pages."""
        return [
            Route(PATH, self._sign_in.start, methods=["GET"]),
            Route(f"{PATH}/callback", self._sign_in.finish, methods=["GET"]),
            Route(f"{PATH}/out", self._sign_in.end, methods=["POST"]),
            Route(HOME, self.show_all, methods=["GET"]),
            Route(f"{HOME}/waiting", self.show_waiting, methods=["GET"]),
            Route(f"{HOME}/live", self.tell_news, methods=["GET"]),
            Route(f"{HOME}/audit.csv", self.send_audit, methods=["GET"]),
            Route(f"{HOME}/{{plan}}", self.show, methods=["GET"]),
            Route(f"{HOME}/{{plan}}/result", self.show_result, methods=["GET"]),
            Route(f"{HOME}/{{plan}}/decision", self.decide, methods=["POST"]),
            *self._tokens.routes(),
        ]

    def turn_away(self, request: Request) -> Response:
        """Send a browser to sign in and come back; what a page fetches, or a form sent, is only told so."""
        path = request.url.path
        if request.method == "POST" or path.endswith(("/result", "/waiting", "/live")):
            return self.paper.message(
                401, "You are not signed in any more", "Nothing was decided. Open the link again."
            )
        return self._sign_in.start_at(path)

    @for_who_signed_in
    async def show_all(self, _: Request, session: Session) -> Response:
        """Show what waits, and look again by itself."""
        return await self._list(session, "approvals.html", also=LOOKS_AGAIN)

    @for_who_signed_in
    async def show_waiting(self, _: Request, session: Session) -> Response:
        """Answer with what waits, for the page that looks again."""
        return await self._list(session, "waiting.html")

    @for_who_signed_in
    async def tell_news(self, request: Request, session: Session) -> Response:
        """Tell the page each time that something was asked for or decided, so that it looks again."""
        if (stream := self._live.stream(request, session)) is None:
            raise RefusedError(429, "You have this open often enough", "The page looks again by itself.")
        return stream

    @for_who_signed_in
    async def send_audit(self, _: Request, session: Session) -> Response:
        """Send the audit to who may approve what others asked for."""
        if (refused := why_no_audit(session.who, self._reach)) is not None:
            raise RefusedError(403, "The audit is not for you", refused)
        return AuditDownload(self.settings, self._reach, session.who)

    @for_who_signed_in
    async def show(self, request: Request, session: Session) -> Response:
        """Show one plan, with buttons for who may decide on it."""
        shown = await self._find(request, session)
        if shown.view.state != "waiting":
            return await self._decided(request, session, shown, 200)
        return await self._ask(request, session, shown)

    @for_who_signed_in
    async def show_result(self, request: Request, session: Session) -> Response:
        """Answer with what came of a plan so far, for the page that looks again."""
        shown = await self._find(request, session)
        return await self._page(200, "result.html", view=shown.view, path=_path(request))

    @for_who_signed_in
    async def decide(self, request: Request, session: Session) -> Response:
        """Take a decision, from the form that was shown to the same person in the same session."""
        check_origin(request, self.settings)
        fields = await fields_of(request)
        desk, who, shown = await self._look_for(request, session)
        plan_id = shown.view.plan_id
        if not self.sessions.is_form_for(session, plan_id, fields.get("form", "")):
            refuse_stale_form()
        outcome = await _carry(desk, plan_id, fields, who)
        if outcome == "mistyped":
            return await self._ask(request, session, shown, mistyped=True)
        if outcome == "expired":
            refuse_expired()
        if outcome == "not theirs":
            raise RefusedError(403, "Nothing was decided", "This plan takes somebody else's decision.")
        if outcome == "decided":
            return await self._decided(request, session, await self._find(request, session), 409)
        for service in self._services:
            service.look_again(plan_id)
        return RedirectResponse(_path(request), 303, headers=HEADERS)

    async def _desks(self, session: Session) -> list[tuple[Desk, Principal]]:
        """Return the desk of each workspace that is open to somebody, and who they are there."""
        await self._reach.wake(session.who)
        shared = [each for each in self._services if not each.is_somebodys]
        found = [(each.desk, self._reach.there(each.workspace, session.who)) for each in shared]
        return [(desk, who) for desk, who in found if who is not None]

    async def _find(self, request: Request, session: Session) -> Shown:
        return (await self._look_for(request, session))[2]

    async def _look_for(self, request: Request, session: Session) -> tuple[Desk, Principal, Shown]:
        for desk, who in await self._desks(session):
            if (shown := await desk.plan(request.path_params["plan"], who)) is not None:
                break
        else:
            raise RefusedError(
                404,
                "There is no such plan for you",
                f"It may be another's, or was removed. You are {session.who.name}.",
            )
        ends = shown.view.expires_at + (timedelta() if shown.view.state == "waiting" else _RESULT_SHOWN_FOR)
        if shown.view.state == "expired" or datetime.now(UTC) >= ends:
            refuse_expired()
        return desk, who, shown

    async def _ask(self, request: Request, session: Session, shown: Shown, *, mistyped: bool = False) -> Response:
        left = math.ceil((shown.view.expires_at - datetime.now(UTC)).total_seconds())
        return await self._page(
            422 if mistyped else 200,
            "ask.html",
            view=shown.view,
            action=f"{_path(request)}/decision",
            form=self.sessions.form_for(session, shown.view.plan_id),
            seconds_left=max(0, left),
            mistyped=mistyped,
            you=session.who.name,
            may_approve=shown.may_approve,
            may_reject=shown.may_reject,
        )

    async def _decided(self, request: Request, session: Session, shown: Shown, status: int) -> Response:
        also = "" if shown.view.is_over else LOOKS_AGAIN
        return await self._page(
            status, "decided.html", also=also, view=shown.view, path=_path(request), you=session.who.name
        )

    async def _list(self, session: Session, template: str, *, also: str = "") -> Response:
        found = [shown for desk, who in await self._desks(session) for shown in await desk.waiting(who)]
        found.sort(key=lambda shown: shown.view.expires_at, reverse=True)
        besides = {
            "audit": self._reach.sees_all(session.who),
            "tokens": TOKENS if self._reach.taking_tokens(session.who) else None,
        }
        return await self._page(200, template, also=also, found=found, you=session.who.name, home=HOME, **besides)

    async def _page(self, status: int, template: str, **values: Any) -> Response:
        # Thousands of rows take a while, in which other calls go on.
        return await anyio.to_thread.run_sync(lambda: self.paper.page(status, template, **values))


def approval_pages(door: Door, session_key: str, server: Served) -> ApprovalPages:
    """Return the pages of a server that is entered by a door."""
    settings = door.settings
    sessions = Sessions(session_key, settings.public_url or "", server.record, rights=settings.rights)
    return ApprovalPages(settings, sessions, SignIn(settings, door, sessions, server.reach), server)


async def _carry(desk: Desk, plan_id: str, fields: dict[str, str], who: Principal) -> str:
    match fields.get("decision"):
        case "approve":
            return await desk.approve(plan_id, fields.get("typed", ""), who)
        case "reject":
            return await desk.reject(plan_id, who)
        case _:
            raise RefusedError(400, "Nothing was decided", "The form said neither approve nor reject.")


def _path(request: Request) -> str:
    return f"{HOME}/{request.path_params['plan']}"
