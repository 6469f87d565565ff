"""The issuer's signing keys: found by its metadata, read anew as they age, kept while it is away."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx
import jwt

from sim_mcp.addresses import split_plain
from sim_mcp.server.signin.refusals import IssuerAwayError, RefusedTokenError

log = logging.getLogger(__name__)

FRESH_FOR_S = 300.0
KEPT_FOR_S = 3600.0
"""How long the keys read last are good while the issuer cannot be reached."""

COOLDOWN_S = 10.0
"""How often a token with an unknown key, or a failure, may lead to another reading."""

_TIMEOUT_S = 3.0
_METADATA = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")


class IssuerKeys:
    """The keys an issuer signs with. One reading at a time, and no reading for each junk token."""

    def __init__(self, issuer: str, jwks_uri: str | None, now_s: Callable[[], float] = time.monotonic) -> None:
        self._issuer = issuer
        self._jwks_uri = jwks_uri
        self._now_s = now_s
        self._turn = anyio.Lock()
        self._keys: dict[str, jwt.PyJWK] = {}
        self._read_at: float | None = None
        self._failed_at: float | None = None

    async def warm_up(self) -> None:
        """Read the keys before the first token comes; where that fails, the log says so, and it is tried again then."""
        with suppress(RefusedTokenError, IssuerAwayError):
            await self.key("")

    async def key(self, key_id: str) -> jwt.PyJWK:
        """Return the key of that id.

        Raises:
            RefusedTokenError: The issuer has no such key.
            IssuerAwayError: Its keys are not known and cannot be read now.
        """
        if self._age() >= FRESH_FOR_S or (key_id not in self._keys and self._age() >= COOLDOWN_S):
            async with self._turn:
                # Whoever waited finds what the one before read, or that it could not.
                if self._age() >= FRESH_FOR_S or (key_id not in self._keys and self._age() >= COOLDOWN_S):
                    await self._renew()
        if (found := self._keys.get(key_id)) is None:
            raise RefusedTokenError("it is signed with a key that the issuer does not publish")
        return found

    def _age(self) -> float:
        return float("inf") if self._read_at is None else self._now_s() - self._read_at

    async def _renew(self) -> None:
        if self._failed_at is None or self._now_s() - self._failed_at >= COOLDOWN_S:
            try:
                self._keys = await self._read()
            except (httpx.HTTPError, ValueError, jwt.PyJWTError) as error:
                self._failed_at = self._now_s()
                log.warning("The keys of %s cannot be read: %s", self._issuer, str(error) or type(error).__name__)
            else:
                self._read_at, self._failed_at = self._now_s(), None
                return
        if self._age() >= KEPT_FOR_S:
            raise IssuerAwayError

    async def _read(self) -> dict[str, jwt.PyJWK]:
        async with httpx.AsyncClient(timeout=_TIMEOUT_S) as http:
            if self._jwks_uri is None:
                self._jwks_uri = await self._discover(http)
            answer = await http.get(self._jwks_uri)
            answer.raise_for_status()
        found = jwt.PyJWKSet.from_dict(answer.json())
        return {key.key_id: key for key in found.keys if key.key_id and key.public_key_use in ("sig", None)}

    async def _discover(self, http: httpx.AsyncClient) -> str:
        """Return where the issuer says that its keys are.

        Raises:
            ValueError: It says so nowhere, or speaks for another issuer.
        """
        metadata = await read_metadata(http, self._issuer)
        split_plain(str(metadata["jwks_uri"]), example="https://login.example.com/keys")
        return str(metadata["jwks_uri"])


async def read_metadata(http: httpx.AsyncClient, issuer: str) -> dict[str, Any]:
    """Return what an issuer says of itself (RFC 8414, OpenID Connect Discovery).

    Raises:
        httpx.HTTPError: It cannot be reached.
        ValueError: It says so nowhere, or speaks for another issuer.
    """
    parts = urlsplit(issuer)
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    for place in (f"{origin}{path}{_METADATA[0]}", f"{origin}{_METADATA[1]}{path}"):
        answer = await http.get(place)
        if answer.is_success:
            found: dict[str, Any] = answer.json()
            if found.get("issuer") != issuer:
                raise ValueError(f"its metadata names the issuer {found.get('issuer')!r}: set SIM_MCP_ISSUER to that")
            return found
    raise ValueError(f"it has no metadata at {_METADATA[0]} or {_METADATA[1]}; set SIM_MCP_JWKS_URI")
