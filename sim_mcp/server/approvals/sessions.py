"""Who signed in on the pages: in a signed cookie, and in the record, so that each server knows who is not any more."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from starlette.requests import Request
from starlette.responses import Response

from sim_mcp.changes.record.storage import JournalError, Record
from sim_mcp.principal import Principal
from sim_mcp.recorder import Recorder
from sim_mcp.server.approvals.sign_ins import SignIns

SESSION_LASTS_S = 3600
"""How long a sign-in is good: as long as somebody may still approve whose access was taken back at the issuer alone."""

SIGNING_IN_LASTS_S = 600
_ALGORITHM = "HS256"
_SESSION = "session"
_FORM = "form"


@dataclass(frozen=True)
class Session:
    """One sign-in of one person."""

    id: str
    who: Principal


class Sessions:
    """Give out and check what only this server, and those that share its key, can have signed."""

    def __init__(
        self,
        key: str,
        public_url: str,
        record: Record | None,
        *,
        rights: str = "",
        lasts_s: int = SESSION_LASTS_S,
    ) -> None:
        """Sign with a key; what was signed under other `rights` is not good any more.

        Args:
            key: what only servers of one address have.
            public_url: the address.
            record: where sign-ins are kept.
            rights: a mark of the settings that decide who may what.
            lasts_s: how long a sign-in is good.
        """
        self._key = f"{key} {rights}"
        self._kept = None if record is None else SignIns(record)
        self._recorder = Recorder()
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

    async def begin(self, response: Response, who: Principal) -> None:
        """Give a browser the cookie of somebody who has signed in.

        Raises:
            JournalError: It cannot be kept who did.
        """
        claims: dict[str, Any] = {"iss": who.issuer, "sub": who.subject, "name": who.name, "scopes": sorted(who.scopes)}
        if who.claims:
            claims["claims"] = dict(who.claims)
        if who.workspaces is not None:
            claims["workspaces"] = sorted(who.workspaces)
        session_id = secrets.token_urlsafe(16)
        ends = datetime.now(UTC) + timedelta(seconds=self._lasts_s)
        await self._recorder(self._sign_ins.begin, session_id, who.issuer, who.subject, who.name, ends)
        sealed = self.seal(_SESSION, self._lasts_s, jti=session_id, **claims)
        self.set_cookie(response, _SESSION, sealed, self._lasts_s)

    async def end(self, request: Request, response: Response) -> None:
        """Take the cookie back, and end its session for whoever has a copy of it.

        Raises:
            JournalError: It cannot be ended.
        """
        if (found := self.unseal(_SESSION, self.cookie(request, _SESSION))) is not None:
            await self._recorder(self._sign_ins.end, found["jti"])
        self.drop_cookie(response, _SESSION)

    async def of(self, request: Request) -> Session | None:
        """Return the session that a request belongs to, or None where there is none, or it is over or was ended.

        Raises:
            JournalError: It cannot be told.
        """
        found = self.unseal(_SESSION, self.cookie(request, _SESSION))
        if found is None or not await self._recorder(self._sign_ins.is_on, found["jti"]):
            return None
        workspaces = found.get("workspaces")
        limited = None if workspaces is None else frozenset(workspaces)
        who = Principal(
            found["iss"], found["sub"], found["name"], frozenset(found["scopes"]), limited, found.get("claims", {})
        )
        return Session(found["jti"], who)

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

    @property
    def _sign_ins(self) -> SignIns:
        if self._kept is None:
            raise JournalError("There is no place to keep who is signed in: the operator has to set SIM_MCP_STATE_DIR.")
        return self._kept

    def _name(self, name: str) -> str:
        return f"{self._prefix}sim-mcp-{name}"
