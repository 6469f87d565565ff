"""Refuse, before it is read by anything else, what takes a scope that was not granted: only so can a client ask for it.

From inside a tool the answer has begun, and it is too late for a 403. The tools refuse by themselves as well.
"""

import json
from collections.abc import Iterator
from typing import Any

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.transport_security import DEFAULT_MAX_REQUEST_BODY_SIZE
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sim_mcp.principal import SCOPES, Principal
from sim_mcp.principal import Scope as Granted
from sim_mcp.server.signin.door import Door, refused
from sim_mcp.tools import registry
from sim_mcp.tools.signed_in import SignedIn

_NO_SCOPE_NEEDED = frozenset[Granted]()
_ANY = frozenset(SCOPES)


class ScopeGate:
    """Answer 403 with the scopes that are missing to who signed in with the issuer."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        who = _who(scope)
        # Whoever comes with a key cannot be granted more by signing in: the tool's own words say what to do.
        if who is None or who.issuer != self._door.issuer or scope["method"] != "POST" or who.scopes >= _ANY:
            await self._app(scope, receive, send)
            return
        body = await _body_of(receive)
        if body is None:
            await JSONResponse({"error": "The request is too large. Nothing was done."}, 413)(scope, receive, send)
            return
        if missing := _missing(who, body):
            await self._refuse(who, missing)(scope, receive, send)
            return
        await self._app(scope, _again(body, receive), send)

    def _refuse(self, who: Principal, missing: frozenset[Granted]) -> ASGIApp:
        wanted = [scope for scope in SCOPES if scope in missing]
        # Also what was granted before: some clients ask for exactly what they are told, and would lose it.
        all_together = [scope for scope in SCOPES if scope in missing | who.scopes]
        why = f"This takes the scope {', '.join(wanted)}, which was not granted"
        challenge = self._door.challenge("insufficient_scope", why, all_together)
        return refused(403, f"{why}. Sign in again and grant it.", challenge)


def _who(scope: Scope) -> Principal | None:
    user = scope.get("user") if scope["type"] == "http" else None
    token = user.access_token if isinstance(user, AuthenticatedUser) else None
    return token.principal if isinstance(token, SignedIn) else None


async def _body_of(receive: Receive) -> bytes | None:
    """Return the body, or None where it is longer than a request may be."""
    body = bytearray()
    while (message := await receive())["type"] == "http.request":
        body += message.get("body", b"")
        if len(body) > DEFAULT_MAX_REQUEST_BODY_SIZE:
            return None
        if not message.get("more_body", False):
            break
    return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return what hands a body on that was read before."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def read() -> Message:
        return waiting.pop() if waiting else await receive()

    return read


def _missing(who: Principal, body: bytes) -> frozenset[Granted]:
    needed = [scopes for scopes in _needed(body) if scopes and not who.has_one_of(scopes)]
    # Of several that would do, the one that allows least.
    return frozenset(next(scope for scope in SCOPES if scope in scopes) for scopes in needed)


def _needed(body: bytes) -> Iterator[frozenset[Granted]]:
    """Yield for each message the scopes of which it takes one; older clients send several at once."""
    yield _ANY
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):  # the SDK says what is wrong with it.
        return
    for message in read if isinstance(read, list) else [read]:
        if isinstance(message, dict):
            yield _needed_for(message.get("method"), message.get("params"))


def _needed_for(method: Any, params: Any) -> frozenset[Granted]:
    if method == "resources/read":
        return frozenset({"sims:read"})
    name = params.get("name") if method == "tools/call" and isinstance(params, dict) else None
    return registry.scopes_of(name) if isinstance(name, str) else _NO_SCOPE_NEEDED
