"""The page on which people enter their own emnify tokens: tried before they are kept, and never shown again."""

import logging
from typing import NamedTuple

import anyio.to_thread
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sim_mcp.changes.approval_page.paper import Paper
from sim_mcp.changes.approval_page.request import RefusedError, fields_of, refuse_stale_form
from sim_mcp.emnify import AuthenticationError, EmnifyClient, EmnifyError, ForbiddenError, RateLimitedError, anew
from sim_mcp.server.approvals.requests import check_origin
from sim_mcp.server.approvals.sessions import Session, Sessions
from sim_mcp.server.approvals.sign_in import TOKENS, SignIn
from sim_mcp.server.approvals.signed_in import for_who_signed_in
from sim_mcp.server.rates import CallRates, TooManyCallsError
from sim_mcp.server.reach import Reach
from sim_mcp.server.upstreams.token_keys import TokenKeysError
from sim_mcp.server.upstreams.vault import Kept, Owner
from sim_mcp.settings import Settings
from sim_mcp.workspaces.file import Workspace
from sim_mcp.workspaces.token_source import TokenUnavailableError, as_token

log = logging.getLogger(__name__)

_MOST_BYTES = 20_000
_TRIED_WITHIN_S = 15.0
_TRIES_PER_MINUTE = 5
"""emnify locks an account after three refusals, and nobody is to find out here which tokens there are."""


class _Shown(NamedTuple):
    name: str
    kept: Kept | None
    form: str


class _Tried(NamedTuple):
    organisation: int | None
    name: str | None

    @property
    def words(self) -> str:
        called = self.name or "an organisation that emnify did not name"
        return called if self.organisation is None else f"{called} (id {self.organisation})"


class TokenPage:
    """Let who signed in enter, replace and remove their own tokens, and nobody else's."""

    def __init__(self, settings: Settings, sessions: Sessions, sign_in: SignIn, reach: Reach) -> None:
        self.settings = settings
        self.sessions = sessions
        self.paper = Paper()
        self._sign_in = sign_in
        self._reach = reach
        self._tries = CallRates(_TRIES_PER_MINUTE)

    def routes(self) -> list[Route]:
        """Return the routes of the page."""
        return [
            Route(TOKENS, self.show, methods=["GET"]),
            Route(f"{TOKENS}/{{workspace}}", self.show, methods=["GET"]),
            Route(f"{TOKENS}/{{workspace}}", self.change, methods=["POST"]),
        ]

    def turn_away(self, request: Request) -> Response:
        """Send a browser to sign in and come back; a form is only told so."""
        if request.method == "POST":
            return self.paper.message(
                401, "You are not signed in any more", "Nothing was kept or removed. Open the page again."
            )
        return self._sign_in.start_at(request.url.path)

    @for_who_signed_in
    async def show(self, request: Request, session: Session) -> Response:
        """Show for each workspace whether a token is kept, since when, and when it was last used."""
        if "workspace" in request.path_params:
            self._workspace(request, session)
        return await self._page(request, session)

    @for_who_signed_in
    async def change(self, request: Request, session: Session) -> Response:
        """Keep or remove a token, from the form that was shown to the same person in the same session."""
        check_origin(request, self.settings)
        fields = await fields_of(request, _MOST_BYTES)
        workspace, owner = self._workspace(request, session), Owner(session.who.issuer, session.who.subject)
        if not self.sessions.is_form_for(session, _purpose(workspace.name), fields.get("form", "")):
            refuse_stale_form()
        match fields.get("action"):
            case "remove":
                await self._reach.vault().remove(workspace.name, owner)
                log.info("%s removed their own token for the workspace %s", session.who.name, workspace.name)
                return await self._page(request, session, f"Your token for {workspace.name} was removed.")
            case "keep":
                return await self._keep(request, session, workspace, fields.get("token", ""))
            case _:
                raise RefusedError(400, "Nothing was kept or removed", "The form said neither keep nor remove.")

    async def _keep(self, request: Request, session: Session, workspace: Workspace, given: str) -> Response:
        try:
            await self._tries.take(session.who)
            token = as_token(given.encode(), "What you entered")
            tried = await self._try(workspace, token)
            _check_fits(workspace, tried)
            owner = Owner(session.who.issuer, session.who.subject)
            await self._reach.vault().keep(workspace.name, owner, token, tried.organisation)
        except TooManyCallsError:
            return await self._page(request, session, "Too many tries. Nothing was kept. Wait a minute.", 429)
        except (TokenUnavailableError, _NotKeptError) as error:
            return await self._page(request, session, f"{error}. Nothing was kept.", 422)
        except TokenKeysError as error:
            log.warning("A token could not be sealed: %s", error)
            why = "It cannot be sealed now, which the operator has to mend. Nothing was kept."
            return await self._page(request, session, why, 503)
        log.info("%s entered their own token for the workspace %s", session.who.name, workspace.name)
        fits = "which is that of this workspace" if workspace.organisation else "and this workspace takes any"
        return await self._page(request, session, f"Kept for {workspace.name}. It belongs to {tried.words}, {fits}.")

    async def _try(self, workspace: Workspace, token: SecretStr) -> _Tried:
        """Sign in with a token, and ask one thing.

        Raises:
            _NotKeptError: emnify refuses it, or cannot be asked.
        """
        address = workspace.base_url or self.settings.base_url
        async with EmnifyClient(base_url=address, application_token=token) as client:
            try:
                with anew():
                    await client.list_sim_statuses(deadline_s=_TRIED_WITHIN_S)
            except AuthenticationError:
                raise _NotKeptError("emnify does not accept this token") from None
            except (ForbiddenError, RateLimitedError) as error:
                # It signed in; what its role may is seen when it is used.
                if client.last_sign_in.at is None:
                    raise _NotKeptError(f"emnify cannot be asked now ({error}); try again in a minute") from None
            except EmnifyError as error:
                raise _NotKeptError(f"emnify cannot be asked now ({error}); try again in a minute") from None
            return _Tried(client.own_organisation_id, client.own_organisation_name)

    def _workspace(self, request: Request, session: Session) -> Workspace:
        name = request.path_params["workspace"]
        found = next((each for each in self._reach.taking_tokens(session.who) if each.name == name), None)
        if found is None:
            raise RefusedError(
                404, "No such workspace takes a token of yours", f"You are {session.who.name}. Nothing was kept."
            )
        return found

    async def _page(self, request: Request, session: Session, notice: str = "", status: int = 200) -> Response:
        only = request.path_params.get("workspace")
        owner = Owner(session.who.issuer, session.who.subject)
        found = [
            _Shown(
                each.name,
                await self._reach.vault().find(each.name, owner),
                self.sessions.form_for(session, _purpose(each.name)),
            )
            for each in self._reach.taking_tokens(session.who)
            if only in (None, each.name)
        ]
        refused, you = status != 200, session.who.name  # noqa: PLR2004  # all is well.
        return await anyio.to_thread.run_sync(
            lambda: self.paper.page(
                status, "tokens.html", found=found, notice=notice, refused=refused, you=you, home=TOKENS
            )
        )


class _NotKeptError(Exception):
    """A token is not kept; the message says why."""


def _check_fits(workspace: Workspace, tried: _Tried) -> None:
    if workspace.organisation not in (None, tried.organisation):
        raise _NotKeptError(
            f"This token belongs to {tried.words}, and the workspace {workspace.name} is that of id "
            f"{workspace.organisation}"
        )


def _purpose(workspace: str) -> str:
    return f"token for {workspace}"
