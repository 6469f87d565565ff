"""Who signed in on the pages, kept in a signed cookie: any server that has the key knows them."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from starlette.requests import Request
from starlette.responses import Response

from sim_mcp.principal import Principal

SESSION_LASTS_S = 3600
"""How long a sign-in is good: as long as somebody may still approve whose access was taken back at the issuer."""

SIGNING_IN_LASTS_S = 600
_ALGORITHM = "HS256"
_SESSION = "session"
_FORM = "form"


@dataclass(frozen=True)
class Session:
    """One sign-in of one person."""

    id: str
    who: Principal
    here: Mapping[str, Principal] | None = None
    """Who they are in each workspace that is open to them; None where the server has only one."""


class Sessions:
    """Give out and check what only this server, and those that share its key, can have signed."""

    def __init__(self, key: str, public_url: str, *, lasts_s: int = SESSION_LASTS_S) -> None:
        self._key = key
        self._lasts_s = lasts_s
        self._secure = public_url.startswith("https:")
        # A cookie of that prefix comes from this very host, over TLS: no neighbouring site can have set it.
        self._prefix = "__Host-" if self._secure else ""

    def seal(self, purpose: str, lasts_s: int, **claims: Any) -> str:
        """Return claims, signed for a purpose and a time."""
        ends = datetime.now(UTC) + timedelta(seconds=lasts_s)
        return jwt.encode({**claims, "aud": purpose, "exp": ends}, self._key, _ALGORITHM)

    def unseal(self, purpose: str, text: str) -> dict[str, Any] | None:
        """Return the claims that were signed for a purpose, or None where they were not, or their time is over."""
        try:
            found: dict[str, Any] = jwt.decode(
                text, self._key, algorithms=[_ALGORITHM], audience=purpose, options={"require": ["exp", "aud"]}
            )
        except (jwt.PyJWTError, ValueError):
            return None
        return found

    def begin(self, response: Response, who: Principal, here: Mapping[str, Principal] | None = None) -> None:
        """Give a browser the cookie of somebody who has signed in; `here` is who they are in each workspace."""
        claims: dict[str, Any] = {"iss": who.issuer, "sub": who.subject, "name": who.name, "scopes": sorted(who.scopes)}
        if who.workspaces is not None:
            claims["workspaces"] = sorted(who.workspaces)
        if here is not None:
            claims["here"] = {name: sorted(there.scopes) for name, there in here.items()}
        sealed = self.seal(_SESSION, self._lasts_s, jti=secrets.token_urlsafe(16), **claims)
        self.set_cookie(response, _SESSION, sealed, self._lasts_s)

    def end(self, response: Response) -> None:
        """Take the cookie back."""
        self.drop_cookie(response, _SESSION)

    def of(self, request: Request) -> Session | None:
        """Return the session that a request belongs to, or None where there is none, or it is over."""
        found = self.unseal(_SESSION, self.cookie(request, _SESSION))
        if found is None:
            return None
        workspaces = found.get("workspaces")
        limited = None if workspaces is None else frozenset(workspaces)
        who = Principal(found["iss"], found["sub"], found["name"], frozenset(found["scopes"]), limited)
        here = found.get("here")
        in_each = None if here is None else {name: who.only_with(frozenset(scopes)) for name, scopes in here.items()}
        return Session(found["jti"], who, in_each)

    def form_for(self, session: Session, plan_id: str) -> str:
        """Return what a form about one plan holds, so that no other page can send it."""
        return self.seal(_FORM, self._lasts_s, jti=session.id, plan=plan_id)

    def is_form_for(self, session: Session, plan_id: str, given: str) -> bool:
        """Tell whether a form was shown in this session, about this plan."""
        found = self.unseal(_FORM, given)
        return found is not None and (found.get("jti"), found.get("plan")) == (session.id, plan_id)

    def cookie(self, request: Request, name: str) -> str:
        """Return a cookie of ours, empty where there is none."""
        return request.cookies.get(self._name(name), "")

    def set_cookie(self, response: Response, name: str, value: str, lasts_s: int) -> None:
        """Give a browser a cookie that no script reads and no other site's form sends."""
        # Lax, not strict: whoever follows a link from a chat, or comes back from the issuer, is to be known.
        response.set_cookie(
            self._name(name), value, max_age=lasts_s, path="/", secure=self._secure, httponly=True, samesite="lax"
        )

    def drop_cookie(self, response: Response, name: str) -> None:
        """Take a cookie of ours back."""
        response.delete_cookie(self._name(name), path="/", secure=self._secure, httponly=True, samesite="lax")

    def _name(self, name: str) -> str:
        return f"{self._prefix}sim-mcp-{name}"
