"""What a server that ends still answers, and what it does not."""

import anyio
import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sim_mcp.server.http.draining import DrainingMiddleware


class Application:
    """Answers at once, but for one path where it waits to be told."""

    def __init__(self) -> None:
        self.begun, self.go_on = anyio.Event(), anyio.Event()
        self.taken: list[str] = []
        routes = [Route(path, self.answer, methods=["GET", "POST"]) for path in ("/mcp", "/ready", "/health")]
        self.drained = DrainingMiddleware(Starlette(routes=routes))

    async def answer(self, request: Request) -> Response:
        self.taken.append(request.url.path)
        if request.headers.get("waits"):
            self.begun.set()
            await self.go_on.wait()
        return JSONResponse({"answered": True})

    def http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.drained), base_url="http://127.0.0.1")


async def test_what_was_begun_or_on_its_way_is_finished_while_proxies_are_told_to_look_elsewhere() -> None:
    app = Application()
    answers: list[httpx.Response] = []
    async with app.http() as http, anyio.create_task_group() as group:

        async def ask() -> None:
            answers.append(await http.post("/mcp", headers={"waits": "1"}))

        group.start_soon(ask)
        await app.begun.wait()
        group.start_soon(app.drained.drain, 3600)
        await anyio.wait_all_tasks_blocked()
        later, ready, alive = await http.post("/mcp"), await http.get("/ready"), await http.get("/health")
        app.go_on.set()
        with anyio.fail_after(30):
            while not answers:  # noqa: ASYNC110  # what is waited for is a list.
                await anyio.sleep(0.01)
        group.cancel_scope.cancel()
    assert answers[0].json() == {"answered": True}
    assert (later.status_code, alive.status_code) == (200, 200)
    assert (ready.status_code, ready.json()["status"]) == (503, "ending")
    assert app.taken == ["/mcp", "/mcp", "/health"]


async def test_what_does_not_finish_in_time_is_cancelled_and_told_where_to_look() -> None:
    app = Application()
    answers: list[httpx.Response] = []
    async with app.http() as http, anyio.create_task_group() as group:

        async def ask() -> None:
            answers.append(await http.post("/mcp", headers={"waits": "1"}))

        group.start_soon(ask)
        await app.begun.wait()
        await app.drained.drain(0)
        later = await http.post("/mcp")
    assert answers[0].status_code == 503
    assert "continue_change" in answers[0].json()["error"]
    # Too late for this one: its caller may send it again at once.
    assert (later.status_code, later.headers["Retry-After"]) == (503, "1")
    assert "nothing was done" in later.json()["error"]
    assert app.taken == ["/mcp"]
