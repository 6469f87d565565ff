"""Exchange the application token for an auth token; never more than one sign-in at a time."""

import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

import anyio
import jwt
from pydantic import SecretStr

from sim_mcp.emnify.errors import AuthenticationError

_RENEW_EARLY_S = 60.0
_RENEW_EARLY_SHARE = 0.1
_UNREADABLE_LIFETIME_S = 600.0
_REFUSED_PAUSE_S = 300.0
"""Three refused sign-ins lock an account for five minutes: a refused token is not sent again for as long."""

SignIn = Callable[[], Awaitable[str]]


class ApplicationTokens(Protocol):
    """Where the application token comes from, if it may be another one by and by."""

    def may_have_changed(self) -> bool:
        """Tell at little cost whether the token may be another than the one that was read last."""

    async def read(self) -> SecretStr:
        """Return the token as it is now.

        Raises:
            AuthenticationError: There is none.
        """


@dataclass(frozen=True)
class AuthToken:
    """A bearer token, when to renew it (on this machine's monotonic clock), and its workspace."""

    bearer: str
    renew_at: float
    organisation_id: int | None
    organisation_name: str | None = None

    def __repr__(self) -> str:
        """Keep the bearer out of logs and tracebacks."""
        return f"AuthToken(renew_at={self.renew_at:.0f})"


class SignedIn(NamedTuple):
    """How signing in went last."""

    at: datetime | None = None
    """When it last succeeded, by this machine's clock; None before the first time."""
    refused: bool = False
    """Whether emnify has refused the application token since."""


class Authenticator:
    """Hold the auth token of one application token, and renew it before it expires."""

    def __init__(
        self,
        sign_in: SignIn,
        clock: Callable[[], float] = time.monotonic,
        *,
        may_have_changed: Callable[[], bool] = lambda: False,
        renew: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        """Sign in by a function.

        Args:
            sign_in: exchanges the application token.
            clock: monotonic seconds.
            may_have_changed: tells at little cost whether the application token may be another by now.
            renew: reads the application token again; tells whether it is another than the one before.
        """
        self._sign_in = sign_in
        self._may_have_changed = may_have_changed
        self._renew = renew
        self._clock = clock
        self._lock = anyio.Lock()
        self._token: AuthToken | None = None
        self._organisation: int | None = None
        self._refused: AuthenticationError | None = None
        self._paused_until = 0.0
        self.last = SignedIn()

    @property
    def organisation_id(self) -> int | None:
        """Return the workspace the token belongs to, once signed in (claim `esc.org`)."""
        return self._token.organisation_id if self._token else None

    @property
    def organisation_name(self) -> str | None:
        """Return what emnify calls the workspace of the token, once signed in (claim `esc.orgName`)."""
        return self._token.organisation_name if self._token else None

    async def token(self) -> AuthToken:
        """Return a valid token, signing in first if necessary.

        Raises:
            AuthenticationError: emnify refused the application token, now or within the last five minutes.
        """
        if (fresh := self._fresh()) is not None and not self._may_have_changed():
            return fresh
        # Waiters queue here and find the token of the first. If that one is cancelled, the next signs in.
        async with self._lock:
            fresh = self._fresh()
            if fresh is not None and not self._may_have_changed():
                return fresh
            if self._renew is not None and await self._renew():
                fresh = self._token = self._refused = None
            if fresh is not None:
                return fresh
            if self._refused is not None and self._clock() < self._paused_until:
                raise _still_refused(self._refused, self._paused_until - self._clock())
            try:
                token = _parse_token(await self._sign_in(), self._clock())
                self._check_workspace(token.organisation_id)
            except AuthenticationError as error:
                self._refused, self._paused_until = error, self._clock() + _REFUSED_PAUSE_S
                self.last = self.last._replace(refused=True)
                raise
            self._refused = None
            self.last = SignedIn(datetime.now(UTC))
            self._token = token
            return self._token

    def _check_workspace(self, organisation: int | None) -> None:
        """Refuse a new token of another workspace: what is kept of the one before must not answer for it."""
        if self._renew is None:
            return
        if self._organisation not in (None, organisation):
            raise AuthenticationError(
                f"the token is of another workspace now (id {organisation}) than before (id {self._organisation}), so "
                "nothing was asked. The operator should put one of the same workspace back, or restart the server"
            )
        self._organisation = organisation

    def reject(self, token: AuthToken) -> None:
        """Forget a token that emnify no longer accepts, unless it was renewed meanwhile."""
        if self._token is token:
            self._token = None

    def _fresh(self) -> AuthToken | None:
        token = self._token
        return token if token is not None and self._clock() < token.renew_at else None


def _still_refused(refused: AuthenticationError, wait_s: float) -> AuthenticationError:
    """Return the same refusal, with the time for which the token is not sent."""
    return AuthenticationError(
        f"{refused}; so that it does not lock the account, it is not offered again for {math.ceil(wait_s)} s",
        operation=refused.operation,
        status=refused.status,
        code=refused.code,
        token=refused.token,
        upstream_message=refused.upstream_message,
    )


def _parse_token(bearer: str, now: float) -> AuthToken:
    """Parse a token; its lifetime is `exp` minus `iat`, so that a wrong clock does not matter."""
    claims: dict[str, Any] = {}
    try:
        claims = jwt.decode(bearer, options={"verify_signature": False})
        lifetime = float(claims["exp"]) - float(claims["iat"])
    except (jwt.PyJWTError, KeyError, TypeError, ValueError, OverflowError):
        lifetime = _UNREADABLE_LIFETIME_S
    if not (math.isfinite(lifetime) and lifetime > 0):
        lifetime = _UNREADABLE_LIFETIME_S
    organisation, name = claims.get("esc.org"), claims.get("esc.orgName")
    return AuthToken(
        bearer=bearer,
        renew_at=now + lifetime - min(_RENEW_EARLY_S, lifetime * _RENEW_EARLY_SHARE),
        organisation_id=organisation if isinstance(organisation, int) else None,
        organisation_name=name if isinstance(name, str) and name.strip() else None,
    )
