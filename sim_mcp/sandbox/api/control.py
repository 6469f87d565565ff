"""The control plane, apart from the API: requests so far, faults, clock and scenarios."""

import dataclasses
import html
import json
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from sim_mcp.sandbox.api.core import Core
from sim_mcp.sandbox.faults import Faults
from sim_mcp.sandbox.world.catalogue import ORGANISATIONS
from sim_mcp.sandbox.world.clock import SECOND, zulu_date

_LOCAL_NAMES = {"127.0.0.1", "localhost", "::1"}


def routes(core: Core, base_url: str, table: list[str]) -> list[Route]:
    """Return the routes of the control plane."""
    plane = _Plane(core, base_url, table)
    return [
        Route("/", plane.page, methods=["GET"]),
        Route("/sandbox", _local(plane.about), methods=["GET"]),
        Route("/sandbox/requests", _local(plane.requests), methods=["GET", "DELETE"]),
        Route("/sandbox/faults", _local(plane.faults), methods=["GET", "PUT"]),
        Route("/sandbox/clock", _local(plane.clock), methods=["GET", "POST"]),
        Route("/sandbox/scenarios", _local(plane.scenarios), methods=["GET"]),
        Route("/sandbox/stories", _local(plane.scenarios), methods=["GET"]),  # what it was called before.
    ]


def scenarios(core: Core) -> list[dict[str, object]]:
    """Return each scenario with every identifier of its SIM or batch (`GET /sandbox/scenarios`)."""
    found: list[dict[str, object]] = []
    for key, about, sim_id, bic in core.store.rows("SELECT key, about, sim, bic FROM story ORDER BY place"):
        scenario: dict[str, object] = {"key": key, "about": about}
        sim = core.store.sim(int(str(sim_id))) if sim_id is not None else None
        if sim is not None and bic is None:
            scenario |= {
                "sim_id": sim.id,
                "iccid": sim.iccid,
                "iccid_with_luhn": sim.iccid_with_luhn,
                "imsi": sim.imsi,
                "msisdn": sim.msisdn,
                "eid": sim.eid,
                "device_id": sim.endpoint_id,
                "device_name": sim.endpoint.name if sim.endpoint else None,
                "organisation": sim.customer,
            }
        if bic is not None:
            scenario["bic"] = bic
            scenario["sim_id"] = sim_id
        found.append(scenario)
    return found


class _Plane:
    def __init__(self, core: Core, base_url: str, table: list[str]) -> None:
        self._core = core
        self._base_url = base_url
        self._table = table

    async def about(self, _: Request) -> Response:
        core = self._core
        settings = {
            "seed": core.settings.seed,
            "sims": core.settings.sims,
            "limits": core.settings.limits,
            "unknowns": dataclasses.asdict(core.settings.unknowns),
        }
        return JSONResponse(
            {
                "what": "a sandbox that answers as the emnify API does; none of it is real",
                "base_url": self._base_url,
                "tokens": core.authority.tokens,
                "users": {name: password for name, (_, password) in core.authority.users.items()},
                "organisations": [
                    {"id": each.id, "name": each.name, "role": each.role.name.lower(), "parent": each.parent}
                    for each in ORGANISATIONS.values()
                ],
                "sims": core.store.rows("SELECT count(*) FROM sim")[0][0],
                "clock": zulu_date(core.clock.now()),
                "settings": settings,
                "faults": core.faults.faults.texts(),
                "routes": self._table,
            }
        )

    async def requests(self, request: Request) -> Response:
        if request.method == "DELETE":
            self._core.request_log.clear()
            return Response(status_code=204)
        since = request.query_params.get("since", "0")
        return JSONResponse(self._core.request_log.since(int(since) if since.isdecimal() else 0))

    async def faults(self, request: Request) -> Response:
        if request.method == "PUT":
            try:
                wanted = await request.json()
                if not isinstance(wanted, list) or not all(isinstance(each, str) for each in wanted):
                    return _refused("expected a JSON list of faults, each a string")
                self._core.faults.use(Faults.parse(wanted))
            except ValueError as problem:
                return _refused(str(problem))
        return JSONResponse(self._core.faults.faults.texts())

    async def clock(self, request: Request) -> Response:
        if request.method == "POST":
            try:
                body = await request.json()
                self._core.clock.advance(int(float(body["advance_s"]) * SECOND))
            except (json.JSONDecodeError, KeyError, TypeError, ValueError, OverflowError):
                return _refused('expected {"advance_s": n} with n of 0 or more')
        return JSONResponse({"now": zulu_date(self._core.clock.now())})

    async def scenarios(self, _: Request) -> Response:
        return JSONResponse(scenarios(self._core))

    async def page(self, _: Request) -> Response:
        rows = "".join(
            f"<tr><td>{html.escape(str(each['key']))}</td><td>{html.escape(str(each['about']))}</td>"
            f"<td>{html.escape(str(each.get('iccid_with_luhn') or each.get('bic')))}</td></tr>"
            for each in scenarios(self._core)
        )
        return HTMLResponse(
            "<!doctype html><html lang=en><meta charset=utf-8><title>SIM sandbox</title>"
            "<style>body{font:16px/1.5 system-ui;max-width:60em;margin:2em auto}td{padding:.2em 1em .2em 0}</style>"
            "<h1>SIM sandbox</h1><p>It answers as the emnify API does, and none of it is real. "
            f"Base URL <code>{html.escape(self._base_url)}</code>; tokens, settings and routes: "
            "<a href=/sandbox>/sandbox</a>, requests so far: <a href=/sandbox/requests>/sandbox/requests</a>, "
            f"scenarios: <a href=/sandbox/scenarios>/sandbox/scenarios</a>.</p><table>{rows}</table></html>"
        )


def _refused(problem: str) -> Response:
    return JSONResponse({"error": problem}, status_code=422)


def _local(serve: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """Refuse requests from web pages of other origins, which can reach loopback through a browser."""

    async def endpoint(request: Request) -> Response:
        here = request.url.hostname
        server = request.scope["server"][0]
        rebound = server in _LOCAL_NAMES and here not in _LOCAL_NAMES
        origin = request.headers.get("origin")
        if rebound or (origin is not None and urlsplit(origin).hostname != here):
            return Response(status_code=403)
        return await serve(request)

    return endpoint
