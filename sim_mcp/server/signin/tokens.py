"""Access tokens of the issuer: checked, and read for who they stand for and what those may."""

import re
from collections.abc import Mapping
from typing import Any

import jwt

from sim_mcp.principal import SCOPES, Principal
from sim_mcp.sanitize import clean
from sim_mcp.server.signin.issuer import IssuerKeys
from sim_mcp.server.signin.refusals import RefusedTokenError
from sim_mcp.sign_in_settings import SignInSettings
from sim_mcp.tools.signed_in import SignedIn
from sim_mcp.workspaces.grant import values_of

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Asymmetric ones alone: with a shared secret whoever can check a token can also make one."""

_LONGEST = 16_384
_PLAIN = re.compile(r"[a-z0-9.+/-]{1,40}")
_CLOCKS_DIFFER_S = 5
_REQUIRED = ["exp", "iss", "aud", "sub"]
_CLIENT = ("client_id", "azp", "appid", "cid")
_NAMES = ("email", "preferred_username", "upn", "unique_name", "name", "sub")

_REASONS: tuple[tuple[type[jwt.PyJWTError], str], ...] = (
    (jwt.ExpiredSignatureError, "it has expired"),
    (jwt.ImmatureSignatureError, "it is not valid yet; perhaps the clocks differ"),
    (jwt.InvalidAudienceError, "it was issued for another audience"),
    (jwt.InvalidIssuerError, "it is from another issuer"),
    (jwt.MissingRequiredClaimError, "it lacks a claim that is required"),
    (jwt.InvalidAlgorithmError, "it is not signed in a way that is accepted"),
    (jwt.InvalidSignatureError, "its signature is wrong"),
)


class TokenVerifier:
    """Accept access tokens that one issuer made for this server (RFC 9068)."""

    def __init__(self, settings: SignInSettings, issuer: str, audience: str) -> None:
        self._settings = settings
        self._issuer = issuer
        self._audience = audience
        self.keys = IssuerKeys(issuer, settings.jwks_uri)

    async def verify(self, token: str) -> SignedIn:
        """Return who a token stands for.

        Raises:
            RefusedTokenError: It is not good here.
            IssuerAwayError: It cannot be checked now.
        """
        if len(token) > _LONGEST:
            raise RefusedTokenError("it is longer than any access token")
        try:
            header = jwt.get_unverified_header(token)
            self._check_kind(header)
            key = await self.keys.key(header["kid"])
            claims = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=self._audience,
                issuer=self._issuer,
                leeway=_CLOCKS_DIFFER_S,
                options={"require": _REQUIRED},
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise RefusedTokenError(_reason(error)) from None
        _check_purpose(claims)
        client = next((str(claims[name]) for name in _CLIENT if claims.get(name)), "")
        return SignedIn.of(principal_of(claims, self._settings), client, int(claims["exp"]))

    def _check_kind(self, header: Mapping[str, Any]) -> None:
        kind = str(header.get("typ") or "none").lower().removeprefix("application/")
        if kind not in self._settings.token_types:
            told = f"{kind}: SIM_MCP_TOKEN_TYPES" if _PLAIN.fullmatch(kind) else ""
            raise RefusedTokenError("it is of a type that is not accepted", told)
        if header.get("alg") not in ALGORITHMS:
            raise RefusedTokenError("it is not signed in a way that is accepted")
        if not isinstance(header.get("kid"), str) or not header["kid"]:
            raise RefusedTokenError("it does not say which key signed it")


def principal_of(claims: Mapping[str, Any], settings: SignInSettings) -> Principal:
    """Return who the claims are about, and what they may: by scopes, and by roles that the operator mapped."""
    granted = [*_words(claims.get("scope")), *_words(claims.get("scp")), *values_of(claims, settings.roles_claim)]
    scopes = {name.removeprefix(settings.scope_prefix) for name in granted} & set(SCOPES)
    mapped = (settings.scope_map.get(name, frozenset[str]()) for name in granted)
    name = next(text for claim in _NAMES if (text := clean(str(claims.get(claim) or ""), 60)))
    granted_here = frozenset(scopes).union(*mapped)
    return Principal(str(claims["iss"]), str(claims["sub"]), name, granted_here, claims=claims)


def _check_purpose(claims: Mapping[str, Any]) -> None:
    """Refuse what was not made to be sent here: many issuers mark ID tokens and access tokens alike in the header."""
    if not str(claims["sub"]).strip():
        raise RefusedTokenError("it does not say who it is about")
    if "at_hash" in claims or "c_hash" in claims or str(claims.get("typ", "")).lower() in ("id", "refresh", "logout"):
        raise RefusedTokenError("it is no access token")
    if not any(claims.get(name) for name in ("scope", "scp", *_CLIENT)):
        raise RefusedTokenError("it is no access token: it names neither a client nor a scope")


def _words(value: Any) -> list[str]:
    if isinstance(value, str):
        return value.split()
    return [word for word in value if isinstance(word, str)] if isinstance(value, list) else []


def _reason(error: Exception) -> str:
    return next((words for kind, words in _REASONS if isinstance(error, kind)), "it is damaged, or no token at all")
