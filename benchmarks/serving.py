"""What serving costs: requests a second over HTTP and the time to start, against the SDK's server with one empty tool.

Run with `uv run python benchmarks/serving.py [--quick]`. Both are processes of their own and are measured in turn; the
requests are bare HTTP, eight at a time, so that no client library is what is measured. Ours counts 450 SIMs by status
and customer, from its inventory; the other does nothing.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import anyio
import httpx
from mcp import Client, StdioServerParameters

from benchmarks.common import Row, bearer, environment, plain, present, serving, spread
from sim_mcp.sandbox import SandboxSettings, running

BARE = str(Path(__file__).with_name("bare_server.py"))
AT_ONCE, BATCH, PAIRS = 8, 200, 15
STARTS = 9
VERSION, LEGACY_VERSION = "2026-07-28", "2025-11-25"


class Call(NamedTuple):
    """Hold a tool call as it goes over the wire."""

    url: str
    tool: str
    arguments: dict[str, Any]

    def body(self) -> str:
        """Return the JSON-RPC request."""
        namespace = "io.modelcontextprotocol"
        about = {"name": "benchmark", "version": "1"}
        meta = {
            f"{namespace}/protocolVersion": VERSION,
            f"{namespace}/clientInfo": about,
            f"{namespace}/clientCapabilities": {},
        }
        params = {"name": self.tool, "arguments": self.arguments, "_meta": meta}
        return plain({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})

    def legacy_body(self) -> str:
        """Return the JSON-RPC request of a client of 2025, where no sessions are kept."""
        params = {"name": self.tool, "arguments": self.arguments}
        return plain({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})

    def legacy_headers(self) -> dict[str, str]:
        """Return the headers the protocol of 2025 asks for."""
        return {
            "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json",
            "MCP-Protocol-Version": LEGACY_VERSION,
        }

    def headers(self) -> dict[str, str]:
        """Return the headers the protocol asks for."""
        return {
            "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json",
            "MCP-Protocol-Version": VERSION,
            "MCP-Method": "tools/call",
            "MCP-Name": self.tool,
        }


def check_answered(body: str) -> None:
    """Check that a JSON-RPC response, alone or as a server-sent event, holds the result of a tool that did not fail.

    Raises:
        AssertionError: It does not.
    """
    parse_answer(body)


def parse_answer(body: str) -> dict[str, Any]:
    """Return the structured content of a tool's result, of one that did not fail.

    Raises:
        AssertionError: There is no such result.
    """
    events = [line.removeprefix("data:") for line in body.splitlines() if line.startswith("data:")]
    response = json.loads(events[-1] if events else body)
    assert "error" not in response, body
    assert response["result"]["content"], body
    assert not response["result"].get("isError", False), body
    structured: dict[str, Any] = response["result"].get("structuredContent", {})
    return structured


async def rate(http: httpx.AsyncClient, call: Call, batch: int) -> float:
    """Return the requests a second of a batch."""
    body, headers = call.body(), call.headers()
    left = iter(range(batch))

    async def keep_asking() -> None:
        for _ in left:
            answer = await http.post(call.url, content=body, headers=headers)
            assert answer.status_code == httpx.codes.OK, answer.text
            check_answered(answer.text)

    began = time.perf_counter()
    async with anyio.create_task_group() as asking:
        for _ in range(AT_ONCE):
            asking.start_soon(keep_asking)
    return batch / (time.perf_counter() - began)


async def rates(pairs: int, variables: dict[str, str]) -> Row:
    """Compare how many requests a second each answers."""
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(serving(["-m", "sim_mcp", "serve", "--http", "--port", "0"], variables))
        bare = await stack.enter_async_context(serving([BARE, "--http"], variables))
        # The other asks for no key and gets it all the same, so that both read the same headers.
        client = httpx.AsyncClient(trust_env=False, timeout=60, headers=bearer(variables))
        http = await stack.enter_async_context(client)
        counting = Call(ours, "summarize_sims", {"group_by": ["status", "customer"]})
        nothing = Call(bare, "nothing", {})
        for call in (counting, nothing):
            await rate(http, call, AT_ONCE)
        found = [await rate(http, counting, BATCH) / await rate(http, nothing, BATCH) for _ in range(pairs)]
    return Row(
        "Requests a second over HTTP (more is better)",
        "`summarize_sims`",
        "a bare SDK server with one empty tool",
        spread(found),
    )


async def start_s(arguments: Sequence[str], variables: dict[str, str]) -> float:
    """Return the seconds from starting a process to its first answer."""
    began = time.perf_counter()
    async with Client(StdioServerParameters(command=sys.executable, args=list(arguments), env=variables)):
        return time.perf_counter() - began


async def starts(pairs: int, variables: dict[str, str]) -> Row:
    """Compare how long each takes to start."""
    found = []
    for _ in range(pairs + 1):
        ours, bare = await start_s(["-m", "sim_mcp"], variables), await start_s([BARE], variables)
        found.append(ours / bare)
    # The first pair reads everything from disk.
    return Row("Start to first answer, stdio", "", "a bare SDK server with one empty tool", spread(found[1:]))


async def measure(*, quick: bool) -> list[Row]:
    """Measure both."""
    with TemporaryDirectory() as state:
        async with running(SandboxSettings(sims=500)) as world:
            variables = environment(world, SIM_MCP_STATE_DIR=state)
            return [await rates(3 if quick else PAIRS, variables), await starts(3 if quick else STARTS, variables)]


def main() -> None:
    """Read the options and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="3 pairs of each")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    async def run() -> list[Row]:
        return await measure(quick=options.quick)

    present("Against a bare SDK server", anyio.run(run), as_json=options.json)


if __name__ == "__main__":
    main()
