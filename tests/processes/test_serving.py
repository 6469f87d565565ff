"""The server as its users start it: a process on stdio, a port over HTTP, both protocol eras."""

import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import anyio
import httpx
import pytest
from anyio.streams.text import TextReceiveStream
from mcp import Client, StdioServerParameters
from mcp.client.session import ClientRequestContext
from mcp.client.stdio import stdio_client
from mcp.types import ElicitRequestFormParams, ElicitRequestParams, ElicitResult

from sim_mcp.tools import registry
from tests.support import Fleet, bearer, structured, text_of, with_key

Era = Literal["auto", "legacy"]
Wire = Literal["stdio", "http"]
EVERY_WAY = [(wire, era) for wire in ("stdio", "http") for era in ("auto", "legacy")]
TOOLS = len(registry.tools(may_write=True))
TWO_WAYS_ON = ("EMNIFY_APPLICATION_TOKEN", "--sandbox")


@cache
def _nowhere_else() -> TemporaryDirectory[str]:
    return TemporaryDirectory()


def environment(fleet: Fleet | None, **extra: str) -> dict[str, str]:
    own = ("EMNIFY_", "SIM_MCP_", "COLUMNS")  # the last is how wide the terminal of the tests is.
    clean = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    clean["SIM_MCP_APPROVAL_WAIT"] = "0"
    clean["SIM_MCP_STATE_DIR"] = _nowhere_else().name
    if fleet is not None:
        clean["EMNIFY_BASE_URL"] = fleet.world.base_url
        clean["SIM_MCP_STATE_DIR"] = str(fleet.state_dir)
        clean["EMNIFY_APPLICATION_TOKEN"] = fleet.world.tokens["enterprise"]
        if fleet.database_url is not None:
            clean["SIM_MCP_DATABASE_URL"] = fleet.database_url.get_secret_value()
    return clean | extra


@asynccontextmanager
async def served(arguments: list[str], env: Mapping[str, str], cwd: Path | None = None) -> AsyncIterator[str]:
    """Serve over HTTP as a process on a free port; yield the address it announces."""
    async with server_process(arguments, env, cwd) as (address, _):
        yield address


@asynccontextmanager
async def server_process(
    arguments: list[str], env: Mapping[str, str], cwd: Path | None = None
) -> AsyncIterator[tuple[str, int]]:
    """Serve over HTTP as a process on a free port; yield the address it announces, and its number."""
    command = [sys.executable, "-m", "sim_mcp", "serve", "--http", "--port", "0", *arguments]
    async with await anyio.open_process(command, env=env, cwd=cwd) as process:
        assert process.stderr is not None
        said_so_far = ""
        with anyio.fail_after(30):
            async for chunk in TextReceiveStream(process.stderr):
                said_so_far += chunk
                if "http://" in said_so_far and "/mcp" in said_so_far:
                    break
        try:
            yield said_so_far[said_so_far.index("http://") :].split()[0], process.pid
        finally:
            # Also where the test fails: whoever waits for the process to end would wait for ever.
            with suppress(ProcessLookupError):
                process.terminate()


async def agree(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
    """Do what a person does who reads the form and means it."""
    del context
    assert isinstance(params, ElicitRequestFormParams)
    if "typed" not in params.requested_schema["properties"]:
        return ElicitResult(action="accept", content={"agree": True})
    iccid = params.message.split("SIM ")[2].split(" ")[0].rstrip(":")
    return ElicitResult(action="accept", content={"typed": iccid[-4:]})


@asynccontextmanager
async def connected(wire: Wire, era: Era, env: dict[str, str]) -> AsyncIterator[Client]:
    async with AsyncExitStack() as stack:
        if wire == "stdio":
            server: Any = StdioServerParameters(command=sys.executable, args=["-m", "sim_mcp"], env=env)
        else:
            server = with_key(await stack.enter_async_context(served([], env)), env)
        yield await stack.enter_async_context(Client(server, mode=era, elicitation_callback=agree))


@pytest.mark.parametrize(("wire", "era"), EVERY_WAY)
async def test_all_ten_operations_work_from_a_client(fleet: Fleet, wire: Wire, era: Era) -> None:
    scenarios = fleet.scenarios
    sim, idle, bic = (
        scenarios["healthy"]["iccid"],
        scenarios["no_device"]["iccid"],
        scenarios["batch_registrable"]["bic"],
    )
    async with connected(wire, era, environment(fleet)) as client:
        assert structured(await client.call_tool("list_sims", {"status": "activated"}))["total"] > 0
        by_id = str(scenarios["healthy"]["sim_id"])
        assert structured(await client.call_tool("get_sim", {"sim": by_id}))["status"] == "Activated"
        assert structured(await client.call_tool("list_sim_events", {"sim": sim}))["events"]
        assert structured(await client.call_tool("get_sim_usage", {"sim": sim}))["current_month"]
        assert structured(await client.call_tool("get_sim_daily_usage", {"sim": sim}))["days"]
        assert len(structured(await client.call_tool("list_sim_statuses", {}))["statuses"]) == 5
        changed = structured(await client.call_tool("set_sim_status", {"sims": [sim], "status": "suspended"}))
        assert changed["counts"] == {"changed": 1}
        deleted = structured(await client.call_tool("delete_sims", {"sims": [idle]}))
        assert deleted["counts"] == {"changed": 1}
        assert structured(await client.call_tool("validate_sim_batch", {"bic": bic}))["sims"] == 10
        assert structured(await client.call_tool("register_sim_batch", {"bic": bic}))["counts"] == {"changed": 10}
        assert (client.protocol_version >= "2026-07-28") is (era == "auto")
    sent = {(request["method"], _template(request["path"])) for request in await fleet.requests()}
    assert sent >= {
        ("GET", "/api/v1/sim"),
        ("GET", "/api/v1/sim/N"),
        ("PATCH", "/api/v1/sim/N"),
        ("DELETE", "/api/v1/sim/N"),
        ("GET", "/api/v1/sim/N/event"),
        ("GET", "/api/v1/sim/N/stats"),
        ("GET", "/api/v1/sim/N/stats/daily"),
        ("GET", "/api/v1/sim/status"),
    }
    assert {method for method, path in sent if "/sim_batch/bic/" in path} == {"GET", "PATCH"}


def _template(path: str) -> str:
    return "/".join("N" if part.isdecimal() else part for part in path.split("/"))


@pytest.mark.parametrize(("wire", "era"), EVERY_WAY)
async def test_prompts_are_served(wire: Wire, era: Era) -> None:
    async with connected(wire, era, environment(None)) as client:
        prompts = {prompt.name: prompt for prompt in (await client.list_prompts()).prompts}
        assert len(prompts) >= 4
        assert prompts["diagnose_sim"].arguments is not None
        filled = await client.get_prompt("diagnose_sim", {"sim": "8988303000000000129"})
        assert "8988303000000000129" in filled.messages[0].content.model_dump()["text"]


@pytest.mark.parametrize(("wire", "era"), EVERY_WAY)
async def test_without_a_token_tools_are_listed_and_calls_name_the_two_ways_on(wire: Wire, era: Era) -> None:
    async with connected(wire, era, environment(None)) as client:
        assert len((await client.list_tools()).tools) == TOOLS
        for tool, arguments in (("list_sims", {}), ("delete_sims", {"sims": ["1"]})):
            result = await client.call_tool(tool, arguments)
            assert result.is_error
            assert all(way in text_of(result) for way in TWO_WAYS_ON)


async def test_stdout_carries_nothing_but_json_rpc(fleet: Fleet, tmp_path: Path) -> None:
    requests = [
        {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "initialize",
            "params": {
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": {"name": "t", "version": "0"},
            },
        },
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
        {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "list_sims", "arguments": {}}},
        {
            "jsonrpc": "2.0",
            "id": 4,
            "method": "tools/call",
            "params": {"name": "get_sim", "arguments": {"sim": "nope"}},
        },
        {"jsonrpc": "2.0", "id": 5, "method": "no/such"},
    ]
    env = environment(fleet, SIM_MCP_LOG_LEVEL="DEBUG")
    async with await anyio.open_process([sys.executable, "-m", "sim_mcp"], env=env, cwd=tmp_path) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for request in requests:
            await process.stdin.send(json.dumps(request).encode() + b"\n")
        await process.stdin.send(b"this is not JSON\n")
        seen: set[int] = set()
        rest = ""
        with anyio.fail_after(30):
            async for chunk in TextReceiveStream(process.stdout):
                *lines, rest = (rest + chunk).split("\n")
                for line in lines:
                    message = json.loads(line)
                    assert message["jsonrpc"] == "2.0"
                    seen.add(message.get("id") or 0)
                if seen >= {1, 2, 3, 4, 5}:
                    break
        process.terminate()


async def test_secrets_are_in_no_answer_and_no_log_line(fleet: Fleet, tmp_path: Path) -> None:
    token = fleet.world.tokens["enterprise"]
    env = environment(fleet, SIM_MCP_LOG_LEVEL="DEBUG")
    log = tmp_path / "stderr"
    with log.open("w") as sink:
        server = StdioServerParameters(command=sys.executable, args=["-m", "sim_mcp"], env=env)
        async with Client(stdio_client(server, errlog=sink)) as client:
            answers = [await client.call_tool("list_sims", {}), await client.call_tool("get_sim", {"sim": "zzz"})]
            await fleet.faults("error=500:1")
            answers.append(await client.call_tool("list_sim_statuses", {}))
    written = log.read_text() + "".join(answer.model_dump_json() for answer in answers)
    assert "GET /api/v1/sim" in written
    assert token not in written
    assert "Bearer" not in written
    assert "eyJ" not in written


async def test_a_client_that_shows_only_urls_is_not_asked_by_form(fleet: Fleet) -> None:
    """Hosts that declare `elicitation: {url: {}}` would be taken for form-capable by a careless check."""
    env = environment(fleet)
    async with served([], env) as address, httpx.AsyncClient() as http:
        call = {
            "name": "set_sim_status",
            "arguments": {"sims": [fleet.scenarios["healthy"]["iccid"]], "status": "suspended"},
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"url": {}}},
                "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "0"},
            },
        }
        response = await http.post(
            address,
            json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call},
            headers={
                **bearer(env),
                "Accept": "application/json, text/event-stream",
                "MCP-Protocol-Version": "2026-07-28",
                "Mcp-Method": "tools/call",
                "Mcp-Name": "set_sim_status",
            },
        )
    assert "waiting for approval" in response.text, response.text
    assert await fleet.writes() == []


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.com"])  # noqa: S104  # that it is refused is the point.
async def test_serving_beyond_this_machine_is_refused(host: str) -> None:
    command = [sys.executable, "-m", "sim_mcp", "serve", "--http", "--host", host]
    done = await anyio.run_process(command, check=False, env=environment(None))
    assert done.returncode == 2
    assert b"127.0.0.1" in done.stderr


async def test_health_answers_while_serving(fleet: Fleet) -> None:
    async with served([], environment(fleet)) as address, httpx.AsyncClient() as http:
        assert (await http.get(address.replace("/mcp", "/health"))).json()["status"] == "ok"
        port = httpx.URL(address).port
        done = await anyio.run_process([sys.executable, "-m", "sim_mcp", "health", "--port", str(port)])
        assert f"{TOOLS} tools".encode() in done.stdout


async def test_with_sandbox_the_server_needs_nothing_else(tmp_path: Path) -> None:
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "sim_mcp", "--sandbox"], env=environment(None), cwd=tmp_path
    )
    async with Client(server) as client:
        assert structured(await client.call_tool("list_sims", {}))["total"] > 400


async def test_without_a_token_stderr_says_so_once(tmp_path: Path) -> None:
    done = await anyio.run_process(
        [sys.executable, "-m", "sim_mcp"], input=b"", check=False, env=environment(None), cwd=tmp_path
    )
    assert done.stderr.count(b"EMNIFY_APPLICATION_TOKEN") == 1
    assert done.stdout == b""
