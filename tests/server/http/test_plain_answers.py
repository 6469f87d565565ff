"""Answers are JSON where no progress is asked for; where it is, it comes; and nobody is left waiting in silence."""

import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server import MCPServer, _streamable_http_modern
from mcp.server.mcpserver import Context

from sim_mcp.http_server import http_server
from sim_mcp.server.http import plain_answers
from sim_mcp.server.http.plain_answers import WHERE_NO_PROGRESS_WAS_ASKED_FOR, PlainAnswers

MODERN, LEGACY = "2026-07-28", "2025-11-25"
JSON, STREAM = "application/json", "text/event-stream"
SHORT_S = 0.1


@dataclass
class Served:
    """A server with a tool that takes its time and one that never ends."""

    url: str = ""
    begun: anyio.Event = field(default_factory=anyio.Event)
    gone: anyio.Event = field(default_factory=anyio.Event)

    async def slow(self, ctx: Context[Any], text: str = "") -> str:
        """Take a while."""
        await ctx.report_progress(1, 2, "half")
        await anyio.sleep(5 * SHORT_S)
        return f"done {text}"

    async def endless(self) -> str:
        """Never answer."""
        self.begun.set()
        try:
            await anyio.sleep_forever()
        finally:
            self.gone.set()
        return ""

    async def ask(
        self, tool: str, version: str, *, token: str | None = None, text: str | None = None
    ) -> httpx.Response:
        headers = {
            "Accept": f"{JSON}, {STREAM}",
            "Content-Type": JSON,
            "MCP-Protocol-Version": version,
            "MCP-Method": "tools/call",
            "MCP-Name": tool,
        }
        namespace = "io.modelcontextprotocol"
        about: dict[str, Any] = {} if token is None else {"progressToken": token}
        about |= {f"{namespace}/protocolVersion": version, f"{namespace}/clientCapabilities": {}}
        params = {"name": tool, "arguments": {} if text is None else {"text": text}, "_meta": about}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            return await http.post(self.url, headers=headers, json=body)


@asynccontextmanager
async def serving(*, stateless: bool = True) -> AsyncIterator[Served]:
    served = Served()
    mcp = MCPServer("slow", log_level="WARNING")
    mcp.add_tool(served.slow)
    mcp.add_tool(served.endless)
    inside = mcp.streamable_http_app(stateless_http=stateless, json_response=WHERE_NO_PROGRESS_WAS_ASKED_FOR)
    server = http_server(PlainAnswers(inside, stateless=stateless), shutdown_timeout_s=1, log_config=None)
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        served.url = f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
        group = await stack.enter_async_context(anyio.create_task_group())
        group.start_soon(server.serve, [listener])
        try:
            yield served
        finally:
            server.should_exit = True


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams begin after a moment, and whoever hangs up is missed after one."""
    monkeypatch.setattr(_streamable_http_modern, "_SSE_PING_INTERVAL", SHORT_S)
    monkeypatch.setattr(plain_answers, "WATCHED_AFTER_S", SHORT_S)


@pytest.mark.parametrize("version", [MODERN, LEGACY])
async def test_who_wants_no_progress_is_answered_in_json(version: str) -> None:
    async with serving() as served:
        answer = await served.ask("slow", version)
    assert answer.headers["content-type"] == JSON
    assert answer.json()["result"]["content"][0]["text"] == "done "


@pytest.mark.parametrize("version", [MODERN, LEGACY])
async def test_who_wants_progress_hears_of_it_also_beside_others(version: str) -> None:
    async with serving() as served:
        answers: dict[str, httpx.Response] = {}

        async def ask(token: str | None) -> None:
            answers[token or ""] = await served.ask("slow", version, token=token)

        async with anyio.create_task_group() as group:
            for token in ("a", None, "b"):
                group.start_soon(ask, token)
    assert answers[""].headers["content-type"] == JSON
    for token in ("a", "b"):
        assert answers[token].headers["content-type"].startswith(STREAM)
        told = [json.loads(line[5:]) for line in answers[token].text.splitlines() if line.startswith("data:")]
        assert [each["params"]["progressToken"] for each in told if "params" in each] == [token]
        assert told[-1]["result"]["content"][0]["text"] == "done "


async def test_what_is_written_with_escapes_may_want_progress() -> None:
    async with serving() as served:
        answer = await served.ask("slow", MODERN, text='a "word"')
    assert answer.headers["content-type"] == STREAM


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("stateless", [True, False])
async def test_clients_hear_of_progress_in_both_eras(mode: Any, stateless: bool) -> None:
    heard: list[float] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        del total, message
        heard.append(progress)

    async with serving(stateless=stateless) as served, Client(streamable_http_client(served.url), mode=mode) as client:
        plain = await client.call_tool("slow", {})
        assert heard == []
        told = await client.call_tool("slow", {}, progress_callback=hear)
    assert heard == [1]
    assert plain.content == told.content


async def test_a_call_whose_caller_hung_up_is_ended() -> None:
    async with serving() as served, anyio.create_task_group() as group:
        group.start_soon(served.ask, "endless", MODERN)
        await served.begun.wait()
        await anyio.sleep(2 * SHORT_S)
        group.cancel_scope.cancel()
        with anyio.CancelScope(shield=True), anyio.fail_after(30):
            await served.gone.wait()


async def test_a_long_call_is_not_silent_and_its_answer_stays_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_answers, "BLANK_EACH_S", SHORT_S)
    async with serving() as served:
        answer = await served.ask("slow", MODERN)
    assert answer.headers["content-type"] == JSON
    assert answer.content.startswith(b" ")
    assert answer.json()["result"]["content"][0]["text"] == "done "
