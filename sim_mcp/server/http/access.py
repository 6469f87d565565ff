"""Check Host, Origin and key of every HTTP request before anything else sees it."""

import hmac
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sim_mcp.observing import NOBODY, Observer
from sim_mcp.server.http.access_key import AccessKey
from sim_mcp.settings import is_loopback

PROBES = ("/health", "/ready")
"""Paths of liveness and readiness probes, which contain no secrets and need no key."""
_DISCOVERY = "/.well-known/"
"""Where clients look for OAuth metadata; they get a 404 rather than a 401, since there is none."""


class AccessMiddleware:
    """Refuse requests for other hosts, from other origins, or without the key; None as the key skips the last."""

    def __init__(self, app: ASGIApp, key: AccessKey | None, observer: Observer = NOBODY) -> None:
        self._app = app
        self._key = key
        self._observer = observer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection: 421, 403 or 401, or whatever the application answers."""
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = _single(headers.getlist("host"))
        if host is None or not _is_loopback_origin(f"http://{host}"):
            self._observer.caller_refused("host")
            # With DNS rebinding, a browser still sends the foreign name.
            return _refused(421, f"{_quote(host)} is not this machine: send requests to the address that is served.")
        for origin in headers.getlist("origin"):
            if not _is_loopback_origin(origin) or _port(origin) != _port(f"http://{host}"):
                self._observer.caller_refused("origin")
                return _refused(403, f"The page at {_quote(origin)} may not call this server.")
        if self._key is None or scope["path"] in PROBES or scope["path"].startswith(_DISCOVERY):
            return None
        return self._check_key(self._key, headers.getlist("authorization"))

    def _check_key(self, key: AccessKey, given: list[str]) -> Response | None:
        scheme, _, secret = (_single(given) or "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(
            secret.strip().encode(errors="surrogatepass"), key.secret.get_secret_value().encode()
        ):
            return None
        self._observer.caller_refused("wrong key" if given else "no key")
        wrong = "That is not the key of this server" if given else "This server wants its key"
        challenge = 'Bearer error="invalid_token"' if given else "Bearer"
        return _refused(
            401,
            f"{wrong}. It is in the file {key.file} on this machine; send what is in it as the header "
            "'Authorization: Bearer KEY'.",
            {"WWW-Authenticate": challenge},
        )


def _is_loopback_origin(url: str) -> bool:
    """Return whether a URL is a bare origin: http, loopback, and no path, query, fragment or user."""
    try:
        parts = urlsplit(url)
        plain = parts.netloc and not parts.path and not parts.query and not parts.fragment and "@" not in parts.netloc
        return bool(plain) and parts.scheme == "http" and parts.port != 0 and is_loopback(parts.hostname or "")
    except ValueError:
        return False


def _port(url: str) -> int:
    return urlsplit(url).port or 80


def _single(values: list[str]) -> str | None:
    return values[0] if len(values) == 1 else None


def _quote(value: str | None) -> str:
    return repr((value or "")[:100])


def _refused(status: int, why: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": f"{why} Nothing was done."}, status, headers)
