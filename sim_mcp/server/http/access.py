"""Check Host and Origin of every HTTP request before anything else sees it."""

from functools import lru_cache
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sim_mcp.addresses import is_loopback
from sim_mcp.observing import NOBODY, Observer

PROBES = ("/health", "/ready")
"""Paths of liveness and readiness probes, which contain no secrets and need no key."""


class AccessMiddleware:
    """Refuse requests for other hosts or from other origins than this machine and the public address, if it has one."""

    def __init__(self, app: ASGIApp, public_url: str | None = None, observer: Observer = NOBODY) -> None:
        self._app = app
        self._public_url = public_url
        self._public_host = urlsplit(public_url).netloc if public_url else None
        self._observer = observer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection: 421 or 403, or whatever the application answers."""
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = _single(headers.getlist("host"))
        if host is not None and self._public_host is not None and host.lower() == self._public_host:
            return self._refuse_other_sites(headers.getlist("origin"))
        if host is None or not _is_loopback_origin(f"http://{host}"):
            self._observer.caller_refused("host")
            # With DNS rebinding, a browser still sends the foreign name.
            return _refused(421, f"{_quote(host)} is not this machine: send requests to the address that is served.")
        for origin in headers.getlist("origin"):
            if not _is_loopback_origin(origin) or _port(origin) != _port(f"http://{host}"):
                self._observer.caller_refused("origin")
                return _refused(403, f"The page at {_quote(origin)} may not call this server.")
        return None

    def _refuse_other_sites(self, origins: list[str]) -> Response | None:
        """Refuse what a page of another site sent to the public address."""
        if all(origin == self._public_url for origin in origins):
            return None
        self._observer.caller_refused("origin")
        return _refused(403, f"The page at {_quote(origins[0])} may not call this server.")


@lru_cache(maxsize=64)
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


def _refused(status: int, why: str) -> Response:
    return JSONResponse({"error": f"{why} Nothing was done."}, status)
