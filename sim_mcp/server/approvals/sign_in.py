"""Signing in on the pages: authorization code with PKCE, against the issuer whose tokens open the server."""

import hmac
import logging
import re
import secrets
from base64 import urlsafe_b64encode
from dataclasses import replace
from hashlib import sha256
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import httpx
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sim_mcp.addresses import split_plain
from sim_mcp.changes.approval_page.paper import HEADERS, Paper
from sim_mcp.changes.approval_page.request import RefusedError, fields_of
from sim_mcp.changes.record.storage import JournalError
from sim_mcp.principal import SCOPES
from sim_mcp.sanitize import clean
from sim_mcp.server.approvals.requests import check_host, check_origin
from sim_mcp.server.approvals.sessions import SIGNING_IN_LASTS_S, Sessions
from sim_mcp.server.reach import Reach
from sim_mcp.server.signin.door import Door
from sim_mcp.server.signin.issuer import read_metadata
from sim_mcp.server.signin.refusals import IssuerAwayError, RefusedTokenError
from sim_mcp.settings import Settings

log = logging.getLogger(__name__)

PATH = "/signin"
HOME = "/approvals"
TOKENS = "/tokens"
_OURS = re.compile(rf"{HOME}(/[0-9a-f]{{1,32}}|/audit\.csv)?|{TOKENS}(/[A-Za-z0-9_-]{{1,40}})?")
_SIGNING_IN = "signing-in"
_TIMEOUT_S = 5.0


class SignIn:
    """Send people to the issuer and take them back; what they may is read from an access token for this server.

    Not from an ID token: the subject in that may be another for each client, and plans belong to a subject.
    """

    def __init__(self, settings: Settings, door: Door, sessions: Sessions, reach: Reach) -> None:
        self._settings = settings
        self._reach = reach
        self._door = door
        self._sessions = sessions
        self._paper = Paper()
        self._callback = f"{settings.public_url}{PATH}/callback"
        self._metadata: dict[str, Any] | None = None

    def start_at(self, path: str) -> Response:
        """Send a browser to where signing in starts, to come back to a path of ours."""
        return RedirectResponse(f"{PATH}?to={quote(path, safe='')}", 303, headers=HEADERS)

    async def start(self, request: Request) -> Response:
        """Send a browser to the issuer."""
        try:
            check_host(request, self._settings)
            place = str((await self._about_issuer())["authorization_endpoint"])
        except RefusedError as refused:
            return self._paper.message(refused.status, refused.heading, refused.text)
        to = request.query_params.get("to", HOME)
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._callback,
            "scope": " ".join(self._door.as_issued(SCOPES)),
            "state": state,
            "code_challenge": urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("="),
            "code_challenge_method": "S256",
            **self._audience(),
        }
        separator = "&" if "?" in place else "?"
        response = RedirectResponse(f"{place}{separator}{urlencode(asked)}", 303, headers=HEADERS)
        # No other address than ours is ever gone to afterwards.
        kept = {"state": state, "verifier": verifier, "to": to if _OURS.fullmatch(to) else HOME}
        sealed = self._sessions.seal(_SIGNING_IN, SIGNING_IN_LASTS_S, **kept)
        self._sessions.set_cookie(response, _SIGNING_IN, sealed, SIGNING_IN_LASTS_S)
        return response

    async def finish(self, request: Request) -> Response:
        """Take a browser back from the issuer, and remember who it is."""
        try:
            check_host(request, self._settings)
            begun = self._begun(request)
            who = (await self._door.admit([f"Bearer {await self._token(request, begun)}"])).principal
        except RefusedError as refused:
            return self._paper.message(refused.status, refused.heading, refused.text)
        except RefusedTokenError as error:
            log.warning("Who came back from the issuer was not signed in: the access token was refused: %s", error)
            return self._refusal(f"The access token that the issuer gave was refused: {error}. Tell the operator.")
        except IssuerAwayError:
            return self._away()
        if who.issuer != self._settings.issuer:
            return self._refusal("What the issuer gave is no access token of it. Tell the operator.")
        response = RedirectResponse(str(begun["to"]), 303, headers=HEADERS)
        # The rest of what the issuer says would not fit into a cookie.
        counted = self._reach.claims_that_count(who.claims)
        try:
            await self._sessions.begin(response, replace(who, claims=counted))
        except JournalError as error:
            log.warning("%s could not be signed in to the approvals: %s", who.name, error)
            return self._paper.message(503, *_NOT_KEPT)
        log.info("%s signed in to the approvals", who.name)
        self._sessions.drop_cookie(response, _SIGNING_IN)
        return response

    async def end(self, request: Request) -> Response:
        """Sign a browser out here; the issuer may still know it."""
        try:
            check_host(request, self._settings)
            check_origin(request, self._settings)
            await fields_of(request)
            response = self._paper.message(200, *_SIGNED_OUT)
            await self._sessions.end(request, response)
        except RefusedError as refused:
            return self._paper.message(refused.status, refused.heading, refused.text)
        except JournalError:
            return self._paper.message(503, *_NOT_ENDED)
        return response

    def _begun(self, request: Request) -> dict[str, Any]:
        """Return what this browser began, which is what it has to finish."""
        begun = self._sessions.unseal(_SIGNING_IN, self._sessions.cookie(request, _SIGNING_IN))
        given = request.query_params
        same = begun is not None and hmac.compare_digest(begun["state"].encode(), given.get("state", "").encode())
        if begun is None or not same or given.get("iss", self._settings.issuer) != self._settings.issuer:
            raise RefusedError(
                403, "You were not signed in", "This sign-in was not begun here, or too long ago. Open the link again."
            )
        return begun

    async def _token(self, request: Request, begun: dict[str, Any]) -> str:
        given = request.query_params
        if "code" not in given:
            why = clean(given.get("error_description") or given.get("error") or "it gave no reason", 200)
            raise RefusedError(403, "You were not signed in", f"The issuer did not let you in: {why}")
        metadata = await self._about_issuer()
        form = {
            "grant_type": "authorization_code",
            "code": given["code"],
            "redirect_uri": self._callback,
            "code_verifier": begun["verifier"],
            **self._audience(),
        }
        try:
            async with httpx.AsyncClient(timeout=_TIMEOUT_S, auth=self._authenticate(form, metadata)) as http:
                answer = await http.post(str(metadata["token_endpoint"]), data=form)
        except httpx.HTTPError:
            raise RefusedError(503, *_AWAY) from None
        try:
            return str(answer.json()["access_token"])
        except (ValueError, KeyError, TypeError):
            log.warning("The issuer gave no access token for a code: HTTP %d", answer.status_code)
            why = "The issuer did not accept what it gave before. Tell the operator."
            raise RefusedError(403, "You were not signed in", why) from None

    def _authenticate(self, form: dict[str, str], metadata: dict[str, Any]) -> httpx.BasicAuth | None:
        """Say who this server is to the issuer, in the way that it takes (RFC 6749, 2.3.1)."""
        client, secret = self._settings.client_id or "", self._settings.client_secret
        if secret is None:
            form["client_id"] = client
            return None
        word = secret.get_secret_value()
        if "client_secret_basic" in metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"]):
            return httpx.BasicAuth(quote_plus(client), quote_plus(word))
        form |= {"client_id": client, "client_secret": word}
        return None

    async def _about_issuer(self) -> dict[str, Any]:
        if self._metadata is None:
            try:
                async with httpx.AsyncClient(timeout=_TIMEOUT_S) as http:
                    found = await read_metadata(http, self._settings.issuer or "")
                for name in ("authorization_endpoint", "token_endpoint"):
                    split_plain(str(found.get(name, "")).partition("?")[0], example="https://login.example.com/token")
            except (httpx.HTTPError, ValueError) as error:
                log.warning("Nobody can sign in to the approvals: %s", str(error) or type(error).__name__)
                raise RefusedError(503, *_AWAY) from None
            self._metadata = found
        return self._metadata

    def _audience(self) -> dict[str, str]:
        """Name what the access token is to be for: by RFC 8707, or as issuers do that have another name for it."""
        if self._settings.audience is not None:
            return {"audience": self._settings.audience}
        return {"resource": self._settings.resource or ""}

    def _refusal(self, why: str) -> Response:
        return self._paper.message(403, "You were not signed in", why)

    def _away(self) -> Response:
        return self._paper.message(503, *_AWAY)


_SIGNED_OUT = ("You are signed out", "The issuer may still know you: sign out there too.")
_NOT_KEPT = ("You were not signed in", "The record cannot be written now. Nothing was decided. Try again in a minute.")
_NOT_ENDED = ("You are still signed in", "The record cannot be written now. Try again in a minute.")
_AWAY = ("Nobody can sign in now", "The issuer cannot be reached. Nothing was decided. Try again in a minute.")
