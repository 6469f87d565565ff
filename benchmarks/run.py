"""What the server costs: time as a ratio to plain httpx, and tokens as a ratio to the raw JSON, within one run.

Run with `uv run python benchmarks/run.py`. Each call is paired with the same call by plain httpx, in turn, so that a
machine whose speed drifts slows both alike. Between pairs it waits, outside the timing, because the server keeps
emnify's published limits.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import anyio
import bpe_openai
import httpx
from anyio.streams.text import TextReceiveStream
from mcp import Client, StdioServerParameters
from mcp.types import TextContent
from rich.console import Console
from rich.table import Table

from sim_mcp.sandbox import Sandbox, SandboxSettings, running

PAIRS = 40
PAUSE_S = 0.12
CALLS: list[tuple[str, dict[str, Any], str]] = [
    ("get_sim", {"sim": "2500000"}, "/api/v1/sim/2500000"),
    ("list_sims", {}, "/api/v1/sim?page=1&per_page=25&sort=id"),
]


def tokens(text: str) -> int:
    """Count tokens as o200k does."""
    return len(bpe_openai.get_encoding("o200k_base").encode(text))


@asynccontextmanager
async def over_http(environment: dict[str, str]) -> AsyncIterator[str]:
    """Serve over HTTP as a process of its own; yield its address."""
    command = [sys.executable, "-m", "sim_mcp", "serve", "--http", "--port", "0"]
    async with await anyio.open_process(command, env=environment) as process:
        assert process.stderr is not None
        async for text in TextReceiveStream(process.stderr):
            if "http://" in text:
                yield text[text.index("http://") :].split()[0]
                break
        process.terminate()


async def seconds(call: Callable[[], Awaitable[Any]]) -> float:
    """Time one call."""
    start = time.perf_counter()
    await call()
    return time.perf_counter() - start


async def ratios(ours: Callable[[], Awaitable[Any]], plain: Callable[[], Awaitable[Any]]) -> list[float]:
    """Return our time over plain httpx's, pair by pair."""
    for warm_up in (ours, plain):
        await warm_up()
    found = []
    for _ in range(PAIRS):
        await anyio.sleep(PAUSE_S)
        found.append(await seconds(ours) / await seconds(plain))
    return found


async def measure(world: Sandbox, console: Console) -> None:
    """Measure every call on both transports and print one table."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("EMNIFY_", "SIM_MCP_"))}
    environment |= {"EMNIFY_BASE_URL": world.base_url, "EMNIFY_APPLICATION_TOKEN": world.tokens["enterprise"]}
    table = Table(title="Against the same call by plain httpx")
    for column in ("call", "transport", "time, median", "time, min to max", "tokens, text", "tokens, structure"):
        table.add_column(column)
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=world.base_url))
        login = await http.post("/api/v1/authenticate", json={"application_token": world.tokens["enterprise"]})
        http.headers["Authorization"] = f"Bearer {login.json()['auth_token']}"
        stdio = StdioServerParameters(command=sys.executable, args=["-m", "sim_mcp"], env=environment)
        address = await stack.enter_async_context(over_http(environment))
        clients = {
            "stdio": await stack.enter_async_context(Client(stdio)),
            "HTTP": await stack.enter_async_context(Client(address)),
        }
        for tool, arguments, path in CALLS:
            raw = tokens((await http.get(path)).text)
            for transport, client in clients.items():
                result = await client.call_tool(tool, arguments)
                assert not result.is_error
                text = "".join(block.text for block in result.content if isinstance(block, TextContent))
                structure = json.dumps(result.structured_content, separators=(",", ":"), ensure_ascii=False)
                found = await ratios(partial(client.call_tool, tool, arguments), partial(http.get, path))
                table.add_row(
                    tool,
                    transport,
                    f"{statistics.median(found):.2f} x",
                    f"{min(found):.2f} to {max(found):.2f} x",
                    f"{tokens(text)} ({tokens(text) / raw:.2f} x of {raw})",
                    f"{tokens(structure)} ({tokens(structure) / raw:.2f} x)",
                )
        whole = await clients["stdio"].list_tools()
        whole_tokens = tokens(whole.model_dump_json(by_alias=True, exclude_none=True))
    console.print(table)
    console.print(f"tools/list, output schemas included: {whole_tokens} tokens for {len(whole.tools)} tools")


async def main() -> None:
    """Run the benchmark on a sandbox of 500 SIMs."""
    async with running(SandboxSettings(sims=500)) as world:
        await measure(world, Console(width=130))


if __name__ == "__main__":
    anyio.run(main)
