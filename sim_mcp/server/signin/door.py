"""Let in who signed in, and tell everybody else how: every request over HTTP passes here."""

import hmac
import logging
from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sim_mcp.observing import NOBODY, Observer
from sim_mcp.principal import SCOPES, Principal
from sim_mcp.server.http.access_key import AccessKey
from sim_mcp.server.signin.key_file import KeyFile, key_file
from sim_mcp.server.signin.refusals import IssuerAwayError, RefusedTokenError
from sim_mcp.server.signin.session_key import session_key
from sim_mcp.settings import Settings
from sim_mcp.tools.context import local
from sim_mcp.tools.signed_in import SignedIn

log = logging.getLogger(__name__)

DISCOVERY = "/.well-known/"
"""Where clients look for how to sign in."""

_METADATA = f"{DISCOVERY}oauth-protected-resource"
_RETRY_AFTER_S = 10


class Door:
    """What opens this server: its own key, keys that were given out, and tokens of the issuer."""

    def __init__(
        self, settings: Settings, local_key: AccessKey | None, keys: KeyFile, session_key: str | None = None
    ) -> None:
        self.session_key = session_key
        """What the sign-ins of people on the pages are signed with; None where there are no pages."""
        self.settings = settings
        self._local_key = local_key
        self._keys = keys
        self._tokens: Any = None
        if settings.issuer is not None and settings.resource is not None:
            # Here, since it takes a while to import, and who has no issuer needs none of it.
            from sim_mcp.server.signin.tokens import TokenVerifier  # noqa: PLC0415

            self._tokens = TokenVerifier(settings, settings.issuer, settings.audience or settings.resource)

    @property
    def shared_secret(self) -> str | None:
        """Return what all servers behind one address have, and nobody else; None where they have nothing in common."""
        given = self.settings.session_key
        if given is not None:
            return given.get_secret_value()
        if self.session_key is not None or self._local_key is None:
            return self.session_key
        return self._local_key.secret.get_secret_value()

    @property
    def issuer(self) -> str | None:
        """Return who vouches for people, or None where there are keys alone."""
        return self.settings.issuer

    @property
    def public_url(self) -> str | None:
        """Return the address that this server is known by beyond this machine."""
        return self.settings.public_url

    def metadata(self) -> dict[str, Any] | None:
        """Return what clients read before they sign in (RFC 9728), or None where there is no issuer."""
        if self.issuer is None:
            return None
        return {
            "resource": self.resource,
            "authorization_servers": [self.issuer],
            "scopes_supported": self.as_issued(SCOPES),
            "bearer_methods_supported": ["header"],
            "resource_name": "SIM cards (sim_mcp)",
        }

    @property
    def resource(self) -> str | None:
        """Return the address of the MCP endpoint as its callers know it."""
        return self.settings.resource

    @property
    def metadata_paths(self) -> Sequence[str]:
        """Return where that is: for this resource, and where clients look that know no paths."""
        return (_METADATA + urlsplit(self.resource or "").path, _METADATA)

    def as_issued(self, scopes: Sequence[str]) -> list[str]:
        """Return scopes as the issuer calls them."""
        return [self.settings.scope_prefix + scope for scope in scopes]

    async def warm_up(self) -> None:
        """Read the issuer's keys before they are needed, so that a wrong setting is told at the start."""
        if self._tokens is not None:
            await self._tokens.keys.warm_up()

    async def admit(self, authorization: Sequence[str]) -> SignedIn:
        """Return who sent a request.

        Raises:
            RefusedTokenError: Nobody who may; the message says why, and is empty where nothing was sent.
            IssuerAwayError: It cannot be told now.
        """
        if not authorization:
            raise RefusedTokenError
        scheme, _, secret = authorization[0].partition(" ")
        secret = secret.strip()
        if len(authorization) > 1 or scheme.lower() != "bearer" or not secret:
            raise RefusedTokenError("it is not one bearer token")
        if self._local_key is not None and _is_same(secret, self._local_key):
            return _signed_in(local(), "local")
        if (key := self._keys.find(secret)) is not None:
            return _signed_in(key.principal, "key")
        if self._tokens is None:
            raise RefusedTokenError("it is no key of this server")
        found: SignedIn = await self._tokens.verify(secret)
        return found

    def challenge(self, error: str | None = None, why: str = "", scopes: Sequence[str] = ()) -> str:
        """Return the header that tells a client how to come in (RFC 6750, RFC 9728)."""
        told = {"error": error, "error_description": why}
        if self.issuer is not None:
            place = f"{self.settings.public_url}{self.metadata_paths[0]}"
            told |= {"scope": " ".join(self.as_issued(scopes or self._offered())), "resource_metadata": place}
        return ("Bearer " + ", ".join(f'{name}="{value}"' for name, value in told.items() if value)).strip()

    def unauthorized(self, why: str) -> Response:
        """Return the answer to who was not let in."""
        challenge = self.challenge("invalid_token" if why else None, f"The token was refused: {why}" if why else "")
        return refused(401, f"{f'The token was refused: {why}. ' if why else ''}{self._how()}", challenge)

    def _offered(self) -> Sequence[str]:
        """Return what is asked for when a client signs in, since many cannot ask for more later."""
        return ("sims:read", "sims:write", "sims:delete") if self.settings.may_write else ("sims:read",)

    def _how(self) -> str:
        if self.issuer is not None:
            return (
                f"Sign in at {self.issuer}, as clients do by themselves that speak OAuth; or send a key as the header "
                "'Authorization: Bearer KEY', which the operator makes by sim-mcp keys add NAME."
            )
        where = self._local_key.file if self._local_key is not None else "none"
        return (
            f"This server wants its key. It is in the file {where} on this machine; send what is in it as the header "
            "'Authorization: Bearer KEY'."
        )


class SignInMiddleware:
    """Answer 401 to who did not sign in, and 503 while that cannot be told; let all others in by their name."""

    def __init__(
        self,
        app: ASGIApp,
        door: Door,
        open_paths: Sequence[str],
        observer: Observer = NOBODY,
        *,
        pages: Sequence[str] = (),
    ) -> None:
        """Let everybody reach some paths, and all below `pages`, which know by themselves who signed in."""
        self._app = AuthContextMiddleware(app)
        self._observer = observer
        self._door = door
        self._open_paths = frozenset(open_paths).union(pages)
        self._below = (DISCOVERY, *(f"{page}/" for page in pages))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http" or scope["path"] in self._open_paths or scope["path"].startswith(self._below):
            await self._app(scope, receive, send)
            return
        try:
            who = await self._door.admit(Headers(scope=scope).getlist("authorization"))
        except RefusedTokenError as error:
            self._observer.caller_refused(str(error) or "no token")
            if str(error):
                log.info("A token was refused: %s", error.words)
            await self._door.unauthorized(error.words)(scope, receive, send)
        except IssuerAwayError:
            self._observer.caller_refused("issuer away")
            await _away(scope, receive, send)
        else:
            await self._app({**scope, "user": AuthenticatedUser(who)}, receive, send)


_away = JSONResponse(
    {
        "error": "Who you are cannot be checked now: the issuer's keys cannot be read. Your sign-in is still good. "
        f"Try again in {_RETRY_AFTER_S} s. Nothing was done."
    },
    503,
    {"Retry-After": str(_RETRY_AFTER_S)},
)


def door_of(settings: Settings, local_key: AccessKey | None) -> Door:
    """Return what opens the server by these settings.

    Raises:
        KeyFileError: The keys that were given out cannot be read.
        AccessKeyError: The key for sign-ins on the pages cannot be kept.
    """
    keys = key_file(settings)
    keys.keys()
    return Door(settings, local_key, keys, session_key(settings))


def metadata_endpoint(door: Door) -> Any:
    """Return the handler of the metadata, which web pages may read too: it is meant for everybody."""

    async def answer(_: Request) -> Response:
        return JSONResponse(door.metadata(), headers={"Access-Control-Allow-Origin": "*"})

    return answer


def refused(status: int, why: str, challenge: str) -> Response:
    """Return a refusal with its challenge."""
    return JSONResponse({"error": f"{why} Nothing was done."}, status, {"WWW-Authenticate": challenge})


@lru_cache(maxsize=64)
def _signed_in(who: Principal, by: str) -> SignedIn:
    return SignedIn.of(who, by)


def _is_same(secret: str, key: AccessKey) -> bool:
    return hmac.compare_digest(secret.encode(errors="surrogatepass"), key.secret.get_secret_value().encode())
