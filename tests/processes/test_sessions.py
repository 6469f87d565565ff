"""A session of an older client takes memory while it lives, and gives it back when it ends, however it ends."""

import gc
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import uvicorn
from mcp.server.streamable_http import StreamableHTTPServerTransport

from sim_mcp.server.app import build_server
from sim_mcp.server.serving import MAX_SESSIONS, SESSION_IDLE_S, http_app
from tests.support import Fleet

HEADERS = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
VERSION = "2025-11-25"
SESSIONS = 30


def message(method: str, number: int | None = None, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": method, "params": params} | ({} if number is None else {"id": number})


@asynccontextmanager
async def served_here(fleet: Fleet, session_idle_s: float) -> AsyncIterator[str]:
    """Serve within this process, whose objects can be counted."""
    app = http_app(build_server(fleet.settings()), None, session_idle_s=session_idle_s)
    server = uvicorn.Server(uvicorn.Config(app, ws="none", log_config=None, timeout_graceful_shutdown=5))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        async with anyio.create_task_group() as group:
            group.start_soon(server.serve, [listener])
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
            server.should_exit = True


async def opened(http: httpx.AsyncClient, url: str) -> dict[str, str]:
    """Open a session and ask something; return the headers that go on with it."""
    about = {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}
    answer = await http.post(url, json=message("initialize", 1, **about), headers=HEADERS)
    headers = {**HEADERS, "Mcp-Session-Id": answer.headers["mcp-session-id"], "MCP-Protocol-Version": VERSION}
    await http.post(url, json=message("notifications/initialized"), headers=headers)
    assert (await http.post(url, json=message("tools/list", 2), headers=headers)).status_code == 200
    return headers


def alive() -> int:
    gc.collect()
    return sum(isinstance(found, StreamableHTTPServerTransport) for found in gc.get_objects())


async def test_a_session_that_its_client_ends_returns_its_memory(fleet: Fleet) -> None:
    async with served_here(fleet, 600) as url, httpx.AsyncClient(timeout=60) as http:
        before = alive()
        for _ in range(SESSIONS):
            headers = await opened(http, url)
            assert (await http.delete(url, headers=headers)).status_code == 200
            assert (await http.post(url, json=message("tools/list", 3), headers=headers)).status_code == 404
        assert alive() - before <= 1  # the last one may still be winding down.


async def test_a_session_whose_client_leaves_without_a_word_returns_its_memory_after_a_while(fleet: Fleet) -> None:
    async with served_here(fleet, 1) as url, httpx.AsyncClient(timeout=60) as http:
        before = alive()
        for _ in range(SESSIONS):
            await opened(http, url)
        assert alive() > before
        with anyio.fail_after(60):
            while alive() > before:  # noqa: ASYNC110  # garbage collection tells nobody.
                await anyio.sleep(0.2)


async def test_a_session_that_is_listened_to_is_not_given_up(fleet: Fleet) -> None:
    async with served_here(fleet, 0.5) as url, httpx.AsyncClient(timeout=60) as http:
        headers = await opened(http, url)
        async with http.stream("GET", url, headers=headers) as stream:
            assert stream.status_code == 200
            await anyio.sleep(1.5)
            assert (await http.post(url, json=message("tools/list", 3), headers=headers)).status_code == 200


def test_abandoned_sessions_are_bounded_in_number_and_time() -> None:
    """Each holds its last answer: at some 150 kB, what all of them hold stays under 100 MB."""
    assert MAX_SESSIONS <= 500
    assert SESSION_IDLE_S <= 600
