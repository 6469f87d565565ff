"""The ASGI application: every route, and what the gateway in front does to requests and responses."""

import asyncio
import gzip
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from sim_mcp.sandbox.api import control, routes
from sim_mcp.sandbox.api.answers import Answer, Backend, Refusal, error, gateway, nothing
from sim_mcp.sandbox.api.core import Call, Core, Handler, RouteEntry
from sim_mcp.sandbox.api.headers import wire_headers
from sim_mcp.sandbox.faults import Fault, Kind
from sim_mcp.sandbox.world.catalogue import EventType
from sim_mcp.sandbox.world.clock import http_date, zulu_date

HangUp = Callable[[Scope], None]
"""Close the connection of a request once what was written is sent."""

_API = "/api/v1"
_AUTHENTICATE = "/api/v1/authenticate"
_ALL_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_GATEWAY_TEXTS = {
    500: "Internal server error",
    502: "Internal server error",
    503: "Service Unavailable",
    504: "Endpoint request timed out",
}


def build(core: Core, base_url: str, hang_up: HangUp) -> Starlette:
    """Return the application that serves a world."""
    front = Gateway(core, hang_up)
    served = [Route(path, front.serving(handler), methods=[method]) for method, path, handler in _table()]
    served.append(Route(_AUTHENTICATE, front.serving(None), methods=["POST"]))
    served.append(Route("/api/{rest:path}", front.serving(_no_route), methods=_ALL_METHODS))
    table = [f"{method} {path}" for method, path, _ in _table()] + [f"POST {_AUTHENTICATE}"]
    return Starlette(routes=served + control.routes(core, base_url, table))


@cache
def _table() -> tuple[RouteEntry, ...]:
    """Return what the modules of `routes` serve; what names a segment comes before what takes any there."""
    found: list[RouteEntry] = []
    for module in pkgutil.iter_modules(routes.__path__, f"{routes.__name__}."):
        for method, path, handler in getattr(importlib.import_module(module.name), "ROUTES", ()):
            found.append((method, path if path.startswith("/api/") else _API + path, handler))
    return tuple(sorted(found, key=lambda entry: [segment.startswith("{") for segment in entry[1].split("/")]))


class Gateway:
    """Handle every request as the gateway does: log, limit, authenticate, answer, and inject faults."""

    def __init__(self, core: Core, hang_up: HangUp) -> None:
        self._core = core
        self._hang_up = hang_up

    def serving(self, handler: Handler | None) -> Callable[[Request], object]:
        """Return the endpoint for a handler; None is the one that hands out tokens."""

        async def endpoint(request: Request) -> Response:
            try:
                return await self._serve(request, handler)
            except ClientDisconnect:
                return _HungUp()

        return endpoint

    async def _serve(self, request: Request, handler: Handler | None) -> Response:
        core, path = self._core, request.url.path
        body = await request.body()
        entry = core.request_log.open(zulu_date(core.clock.now()), request.method, path, request.url.query, body)
        number = core.request_log.counted
        struck = core.faults.strike(request.method, path)
        if Kind.LATENCY in struck:
            await asyncio.sleep(struck[Kind.LATENCY].value)
        if Kind.DROP in struck:
            return await self._drop(request)
        answer = self._before(request, struck) or self._act(request, handler, body)
        if Kind.ERROR_AFTER in struck:
            answer = _failed(struck[Kind.ERROR_AFTER])
        if Kind.DROP_AFTER in struck:
            return await self._drop(request)
        if Kind.EMPTY in struck:
            answer = replace(answer, body=b"")
        elif Kind.MALFORMED in struck:
            answer = replace(answer, body=b"<html><head><title>Oops</title></head><body>{", content_type="text/html")
        entry["status"] = answer.status
        zipped = bool(answer.body) and "gzip" in request.headers.get("accept-encoding", "")
        if zipped:
            answer = replace(answer, body=gzip.compress(answer.body, 1, mtime=0)).with_headers(
                ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")
            )
        headers = wire_headers(answer, http_date(core.clock.now()), number, core.settings.seed)
        entry["request_id"] = next(value for name, value in headers if name.lower() == "x-amzn-requestid")
        return _Wired(answer, headers, self._hang_up if Kind.TRUNCATE in struck else None)

    def _before(self, request: Request, struck: dict[Kind, Fault]) -> Answer | None:
        core = self._core
        address = request.client.host if request.client else ""
        authenticating = request.url.path == _AUTHENTICATE
        limited = core.settings.limits and not core.limits.address_allows(address, authenticating=authenticating)
        if limited or Kind.THROTTLE in struck:
            return self._throttled()
        if Kind.ERROR in struck:
            return _failed(struck[Kind.ERROR])
        if Kind.EXPIRE_TOKENS in struck:
            core.authority.void(request.headers.get("authorization"))
        return None

    def _act(self, request: Request, handler: Handler | None, body: bytes) -> Answer:
        core, path = self._core, request.url.path
        core.registry.settle()
        core.entitlements.settle()
        try:
            if handler is None:
                return self._authenticate(request, body)
            identity = core.authority.identify(request.headers.get("authorization"))
            if core.settings.limits and not core.limits.path_allows(identity.organisation.id, request.method, path):
                return self._throttled()
            return handler(Call(core, identity, request.path_params, request.query_params, request.headers, body))
        except Refusal as refusal:
            return refusal.answer

    def _authenticate(self, request: Request, body: bytes) -> Answer:
        core = self._core
        try:
            sent = Call(core, None, {}, {}, {}, body).json()  # type: ignore[arg-type]  # nobody is known yet
        except Refusal as refusal:
            return replace(refusal.answer, backend=Backend.EXPRESS)
        answer, org = core.authority.authenticate(sent)
        if org is not None:
            address = request.client.host if request.client else "unknown"
            text = f"Failed authentication request from '{org.name}', Reason: TokenStatus Revoked from IP {address}"
            core.event_log.record(EventType.APP_AUTH_FAILED, text, org.id)
        return answer

    def _throttled(self) -> Answer:
        unknowns = self._core.settings.unknowns
        match unknowns.throttle_body:
            case "message":
                answer = gateway(429, "Too Many Requests", "TooManyRequestsException")
            case "error":
                answer = error(429, 1105, "TooManyRequests", "Too many requests.")
            case _:
                answer = nothing(Backend.GATEWAY, 429)
        if unknowns.retry_after is None:
            return answer
        return answer.with_headers(("Retry-After", str(unknowns.retry_after)))

    async def _drop(self, request: Request) -> Response:
        self._hang_up(request.scope)
        await _disconnected(request.receive)
        return _HungUp()


class _Wired(Response):
    """Send headers in exactly the casing and order given."""

    def __init__(self, answer: Answer, headers: list[tuple[str, str]], cut: HangUp | None) -> None:
        super().__init__(answer.body, answer.status)
        self.raw_headers = [(name.encode("latin-1"), value.encode("utf-8")) for name, value in headers]
        self._cut = cut

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if self._cut is not None:
            await send({"type": "http.response.body", "body": self.body[: len(self.body) // 2], "more_body": True})
            self._cut(scope)
            await _disconnected(receive)
            return
        await send({"type": "http.response.body", "body": self.body})


class _HungUp(Response):
    """Send nothing: the client has disconnected."""

    async def __call__(self, _scope: Scope, _receive: Receive, _send: Send) -> None:
        """Return at once."""


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _failed(fault: Fault) -> Answer:
    status = int(fault.value)
    return gateway(status, _GATEWAY_TEXTS.get(status, "Internal server error"), "InternalServerErrorException")


def _no_route(_: Call) -> Answer:
    return gateway(404, "Not Found", "NotFoundException")
