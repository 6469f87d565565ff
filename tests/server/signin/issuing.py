"""An issuer on loopback that signs whatever a test wants, and this server in the same process, for its tokens."""

import json
import secrets
import socket
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import anyio
import httpx2
import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sim_mcp.observing import NOBODY, Observer
from sim_mcp.server.app import build_server
from sim_mcp.server.serving import http_app
from sim_mcp.server.signin.door import door_of
from sim_mcp.settings import Settings

RESOURCE = "https://sims.example.com/mcp"
RSA = generate_private_key(65537, 2048)
OTHER_RSA = generate_private_key(65537, 2048)
EC = generate_ec_key(SECP256R1())


def rsa_jwk(key: RSAPrivateKey, key_id: str) -> dict[str, Any]:
    return {**json.loads(RSAAlgorithm.to_jwk(key.public_key())), "kid": key_id, "use": "sig", "alg": "RS256"}


def ec_jwk(key_id: str) -> dict[str, Any]:
    return {**json.loads(ECAlgorithm.to_jwk(EC.public_key())), "kid": key_id, "use": "sig", "alg": "ES256"}


@dataclass
class Issuer:
    """What it publishes, and how often it was asked."""

    address: str = ""
    published: list[dict[str, Any]] = field(default_factory=lambda: [rsa_jwk(RSA, "one"), ec_jwk("two")])
    metadata: dict[str, Any] = field(default_factory=dict)
    away: bool = False
    asked: int = 0
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    """What each code was given out for."""

    def claims(self, **changed: Any) -> dict[str, Any]:
        """The claims of a good token; None takes one away."""
        now = int(time.time())
        good = {
            "iss": self.address,
            "aud": RESOURCE,
            "sub": "alice",
            "email": "alice@example.com",
            "client_id": "a-client",
            "scope": "sims:read",
            "iat": now,
            "exp": now + 600,
        }
        return {name: value for name, value in {**good, **changed}.items() if value is not None}

    def token(
        self, *, key: Any = RSA, alg: str = "RS256", header: Mapping[str, Any] | None = None, **claims: Any
    ) -> str:
        """A token; without changes a good one."""
        told = {"typ": "at+jwt", "kid": "one", **(header or {})}
        return jwt.encode(self.claims(**claims), key, alg, headers=told)

    async def keys(self, _: Request) -> Response:
        self.asked += 1
        return JSONResponse({"keys": self.published}, 500 if self.away else 200)

    async def authorize(self, request: Request) -> Response:
        """Let in whoever the browser says it is, at once."""
        asked = dict(request.query_params)
        code = secrets.token_hex(8)
        self.codes[code] = asked
        back = urlencode({"code": code, "state": asked["state"], "iss": self.address})
        return RedirectResponse(f"{asked['redirect_uri']}?{back}", 303)

    async def exchange(self, request: Request) -> Response:
        """Give an access token for a code, once, to who can show that they asked for it."""
        form = dict(parse_qsl((await request.body()).decode()))
        asked = self.codes.pop(form["code"], None)
        challenge = urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        basic = b64encode(b"the-pages:the+secret").decode()
        known = request.headers.get("authorization") == f"Basic {basic}" or form.get("client_id") == "the-pages"
        fits = asked is not None and (challenge, form["redirect_uri"]) == (
            asked["code_challenge"],
            asked["redirect_uri"],
        )
        if asked is None or not known or not fits:
            return JSONResponse({"error": "invalid_grant"}, 400)
        name, scope = asked["who"], asked.get("grant", asked["scope"])
        token = self.token(sub=name, email=f"{name}@example.com", scope=scope, aud=asked["resource"])
        return JSONResponse({"access_token": token, "token_type": "Bearer"})

    async def about(self, _: Request) -> Response:
        places = {
            "jwks_uri": f"{self.address}/keys",
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
        }
        return JSONResponse({"issuer": self.address, **places, **self.metadata})


@asynccontextmanager
async def listening(app: ASGIApp, port: int = 0) -> AsyncIterator[str]:
    """Serve an application on a port, by default a free one; yield its address."""
    server = uvicorn.Server(uvicorn.Config(app, ws="none", log_config=None, timeout_graceful_shutdown=5))
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()

        async def serve() -> None:
            # A test that fails ends it in order too, so that the next one finds the event loop as it should be.
            with anyio.CancelScope(shield=True):
                await server.serve([listener])

        async with anyio.create_task_group() as group:
            group.start_soon(serve)
            try:
                yield f"http://127.0.0.1:{listener.getsockname()[1]}"
            finally:
                server.should_exit = True


@asynccontextmanager
async def issuing(metadata_path: str = "/.well-known/openid-configuration") -> AsyncIterator[Issuer]:
    issuer = Issuer()
    routes = [
        Route("/keys", issuer.keys),
        Route(metadata_path, issuer.about),
        Route("/authorize", issuer.authorize),
        Route("/token", issuer.exchange, methods=["POST"]),
    ]
    app = Starlette(routes=routes)
    async with listening(app) as issuer.address:
        yield issuer


def settings_for(issuer: Issuer | None, state_dir: Path, **chosen: Any) -> Settings:
    """The settings of a server that trusts an issuer."""
    address = issuer.address if issuer is not None else None
    return Settings(
        **{"public_url": RESOURCE.removesuffix("/mcp"), "issuer": address, "state_dir": state_dir, **chosen}
    )


@asynccontextmanager
async def served(
    settings: Settings, *, stateless: bool = False, port: int = 0, observer: Observer = NOBODY
) -> AsyncIterator[str]:
    """Serve MCP by these settings in this process; yield the address."""
    app = http_app(
        build_server(settings, all_sign_in=True), door_of(settings, None), stateless=stateless, observer=observer
    )
    async with listening(app, port) as address:
        yield f"{address}/mcp"


@asynccontextmanager
async def client_with(address: str, secret: str, era: str = "auto", **options: Any) -> AsyncIterator[Client]:
    """A client that sends a key or a token."""
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {secret}"}, timeout=60) as http,
        Client(streamable_http_client(address, http_client=http), mode=era, **options) as client,
    ):
        yield client
