"""Authentication: application tokens, users, and the JWTs they are exchanged for (`POST /api/v1/authenticate`)."""

import hashlib
from dataclasses import dataclass

import jwt

from sim_mcp.sandbox.api.answers import Answer, Backend, Refusal, error, express, gateway, nothing
from sim_mcp.sandbox.settings import Unknowns
from sim_mcp.sandbox.world.catalogue import (
    ENTERPRISE_ORG,
    ISSUER_ORG,
    ORGANISATIONS,
    OTHER_ORG,
    RESELLER_ORG,
    Organisation,
    Role,
)
from sim_mcp.sandbox.world.clock import MINUTE, SECOND, Clock

LIFETIME = 14_400
"""Lifetime of a JWT in seconds, as recorded."""
_AUDIENCE = "/api/v1/authentication"
_FAILURES = 3
_LOCKED = 5 * MINUTE
_ROLES = {
    "enterprise": ENTERPRISE_ORG,
    "reseller": RESELLER_ORG,
    "issuer": ISSUER_ORG,
    "blocked": OTHER_ORG,
    "revoked": ENTERPRISE_ORG,
}
_SEGMENTS = 3


@dataclass(frozen=True)
class Identity:
    """The caller of a request."""

    organisation: Organisation
    application: int
    user: dict[str, object] | None = None
    """Set for people only; applications leave no name in events."""

    @property
    def role(self) -> Role:
        """What the organisation may do."""
        return self.organisation.role


class Authority:
    """Issue JWTs and verify them."""

    def __init__(self, seed: int, clock: Clock, unknowns: Unknowns) -> None:
        self._clock = clock
        self._unknowns = unknowns
        self._key = _derive(seed, "key") * 2
        self._failures: dict[str, tuple[int, int]] = {}
        self._void: set[str] = set()
        self.tokens = {name: f"sandbox-{name}-{_derive(seed, name)[:32]}" for name in _ROLES}
        self.users = {
            f"admin@{name}.example": (org, f"password-{name}") for name, org in _ROLES.items() if name != "revoked"
        }

    def authenticate(self, body: object) -> tuple[Answer, Organisation | None]:
        """Answer a request for a JWT; also return the organisation if its revoked token was used."""
        if not isinstance(body, dict):
            return error(400, 1000, "BadRequest", "Malformed request body.", backend=Backend.EXPRESS), None
        token, username, refresh = (body.get(key) for key in ("application_token", "username", "refresh_token"))
        credential = token or username or refresh
        if not isinstance(credential, str):
            return error(400, 1000, "BadRequest", "Malformed request body.", backend=Backend.EXPRESS), None
        name = credential.strip()
        failures, until = self._failures.get(name, (0, 0))
        if failures >= _FAILURES:
            if self._clock.now() < until:
                locked = "Too many failed attempts. Please try again later."
                return error(401, 1105, "TooManyRequests", locked, backend=Backend.EXPRESS), None
            failures = 0
        granted = self._grant(name, body)
        if granted is None:
            self._failures[name] = (failures + 1, self._clock.now() + _LOCKED)
            revoked = ORGANISATIONS[_ROLES["revoked"]] if name == self.tokens["revoked"] else None
            return nothing(Backend.EXPRESS, 401), revoked
        self._failures.pop(name, None)
        return express(granted), None

    def identify(self, authorization: str | None) -> Identity:
        """Return the caller that a bearer token belongs to.

        Raises:
            Refusal: with the answer of the gateway, if it is nobody's.
        """
        if authorization is None:
            if self._unknowns.missing_token == "unauthorized":  # noqa: S105  # the name of a setting's value
                raise Refusal(gateway(401, "Unauthorized", "UnauthorizedException"))
            raise Refusal(_denied("token contains an invalid number of segments"))
        token = authorization.removeprefix("Bearer ").strip()
        if token.count(".") + 1 != _SEGMENTS:
            raise Refusal(_denied("token contains an invalid number of segments"))
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=["HS512"],
                audience=_AUDIENCE,
                options={"verify_exp": False, "verify_iat": False},
            )
        except jwt.InvalidTokenError:
            raise Refusal(_denied("signature is invalid")) from None
        if claims["exp"] * SECOND <= self._clock.now() or token in self._void:
            raise Refusal(self.expired())
        organisation = ORGANISATIONS[claims["esc.org"]]
        username = claims.get("esc.user")
        user = {"id": organisation.id + 70_000, "name": "Admin", "username": username} if username else None
        return Identity(organisation, claims["esc.app"], user)

    def void(self, authorization: str | None) -> None:
        """Invalidate a JWT before it expires."""
        if authorization is not None:
            self._void.add(authorization.removeprefix("Bearer ").strip())

    def expired(self) -> Answer:
        """Return the answer to a lapsed token."""
        if self._unknowns.expired_token == "application":  # noqa: S105  # the name of a setting's value
            return error(401, 1103, "TokenExpired", "Token expired.")
        return _denied("Token is expired")

    def _grant(self, name: str, body: dict[object, object]) -> dict[str, str] | None:
        for role, org in _ROLES.items():
            if role != "revoked" and name == self.tokens[role]:
                return {"auth_token": self._sign(org, org + 40_000, None)}
        if "refresh_token" in body:
            for username, (org, _) in self.users.items():
                if name == self._refresh_token(username):
                    return {"auth_token": self._sign(org, 0, username), "refresh_token": name}
        org, password = self.users.get(name, (0, ""))
        if org and body.get("password") == hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest():
            return {"auth_token": self._sign(org, 0, name), "refresh_token": self._refresh_token(name)}
        return None

    def _sign(self, org: int, application: int, username: str | None) -> str:
        issued = self._clock.now() // SECOND
        claims: dict[str, object] = {
            "esc.org": org,
            "esc.orgName": ORGANISATIONS[org].name,
            "api_key": "",
            "esc.app": application,
            "esc.mainOrg": org,
            "iat": issued,
            "exp": issued + LIFETIME,
            "aud": _AUDIENCE,
            "iss": "esa-api",
        }
        if username:
            claims["esc.user"] = username
        token = jwt.encode(claims, self._key, algorithm="HS512")
        self._void.discard(token)  # a token of the same second is the same token
        return token

    def _refresh_token(self, username: str) -> str:
        return f"sandbox-refresh-{hashlib.sha256(f'{self._key}:{username}'.encode()).hexdigest()[:32]}"


def _denied(message: str) -> Answer:
    return gateway(401, message, "AccessDeniedException")


def _derive(seed: int, purpose: str) -> str:
    return hashlib.sha256(f"sandbox:{seed}:{purpose}".encode()).hexdigest()
