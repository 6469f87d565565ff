"""Who may come in: what was sent to this machine by its own name, from no other site, and with the key."""

import hmac
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sim_mcp.http.access_key import AccessKey
from sim_mcp.settings import is_loopback

STATE_OF_THE_SERVER = ("/health", "/ready")
"""Where whoever restarts servers asks, and is told nothing that is anybody's secret."""
_DISCOVERY = "/.well-known/"
"""Where clients look for a sign-in of another kind, and are to find none."""


class Access:
    """Refuse what does not belong here before anything else sees it; without a key, whoever is on this machine does."""

    def __init__(self, app: ASGIApp, key: AccessKey | None) -> None:
        self._app = app
        self._key = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: with a refusal, or as the application does."""
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = _only(headers.getlist("host"))
        if host is None or not _is_ours(f"http://{host}"):
            # A name that was rebound to this machine still sends its own name here.
            return _refused(421, f"{_cut(host)} is not this machine: send requests to the address that is served.")
        for origin in headers.getlist("origin"):
            if not _is_ours(origin) or _port(origin) != _port(f"http://{host}"):
                return _refused(403, f"The page at {_cut(origin)} may not call this server.")
        if self._key is None or scope["path"] in STATE_OF_THE_SERVER or scope["path"].startswith(_DISCOVERY):
            return None
        return self._without_key(self._key, headers.getlist("authorization"))

    def _without_key(self, key: AccessKey, given: list[str]) -> Response | None:
        scheme, _, secret = (_only(given) or "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(
            secret.strip().encode(errors="surrogatepass"), key.secret.get_secret_value().encode()
        ):
            return None
        wrong = "That is not the key of this server" if given else "This server wants its key"
        challenge = 'Bearer error="invalid_token"' if given else "Bearer"
        return _refused(
            401,
            f"{wrong}. It is in the file {key.file} on this machine; send what is in it as the header "
            "'Authorization: Bearer KEY'.",
            {"WWW-Authenticate": challenge},
        )


def _is_ours(url: str) -> bool:
    """Tell whether a URL is plain http to a name or address that means this machine and nothing else."""
    try:
        parts = urlsplit(url)
        plain = parts.netloc and not parts.path and not parts.query and not parts.fragment and "@" not in parts.netloc
        return bool(plain) and parts.scheme == "http" and parts.port != 0 and is_loopback(parts.hostname or "")
    except ValueError:
        return False


def _port(url: str) -> int:
    return urlsplit(url).port or 80


def _only(values: list[str]) -> str | None:
    return values[0] if len(values) == 1 else None


def _cut(value: str | None) -> str:
    return repr((value or "")[:100])


def _refused(status: int, why: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": f"{why} Nothing was done."}, status, headers)
