"""What one call costs: time as a ratio to plain httpx, and tokens as a ratio to the raw JSON, within one run.

Run with `uv run python benchmarks/overhead.py [--quick]`. Each call is paired with the same call by plain httpx, in
turn, so that a machine whose speed drifts slows both alike. Between pairs it waits, outside the timing, because the
server keeps emnify's published limits.
"""

import argparse
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import httpx
from mcp import Client, StdioServerParameters

from benchmarks.common import (
    Row,
    environment,
    plain,
    present,
    serving,
    spread,
    structured,
    text_of,
    times,
    tokens,
    with_key,
)
from sim_mcp.sandbox import Sandbox, SandboxSettings, running

PAIRS = 40
PAUSE_S = 0.12
CALLS: list[tuple[str, dict[str, Any], str]] = [
    ("get_sim", {"sim": "2500000"}, "/api/v1/sim/2500000"),
    ("list_sims", {}, "/api/v1/sim?page=1&per_page=25&sort=id"),
]


def check_same_sims(answer: Mapping[str, Any], bare: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
    """Check that an answer holds the SIMs of the API's, in the same order.

    Raises:
        AssertionError: It does not.
    """
    found = [row["iccid"] for row in answer.get("sims", [answer])]
    expected = [row["iccid_with_luhn"] for row in ([bare] if isinstance(bare, Mapping) else bare)]
    assert found, "no SIM was found"
    assert found == expected, f"{found} is not {expected}"


async def seconds(call: Callable[[], Awaitable[Any]]) -> float:
    """Time one call."""
    start = time.perf_counter()
    await call()
    return time.perf_counter() - start


async def ratios(ours: Callable[[], Awaitable[Any]], bare: Callable[[], Awaitable[Any]], pairs: int) -> list[float]:
    """Return our time over plain httpx's, pair by pair."""
    for warm_up in (ours, bare):
        await warm_up()
    found = []
    for _ in range(pairs):
        await anyio.sleep(PAUSE_S)
        found.append(await seconds(ours) / await seconds(bare))
    return found


async def measure(world: Sandbox, state: str, pairs: int) -> list[Row]:
    """Measure every call on both transports."""
    variables = environment(world, SIM_MCP_STATE_DIR=state)
    rows = []
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=world.base_url, trust_env=False))
        login = await http.post("/api/v1/authenticate", json={"application_token": world.tokens["enterprise"]})
        http.headers["Authorization"] = f"Bearer {login.json()['auth_token']}"
        stdio = StdioServerParameters(command=sys.executable, args=["-m", "sim_mcp"], env=variables)
        served = ["-m", "sim_mcp", "serve", "--http", "--port", "0"]
        address = await stack.enter_async_context(serving(served, variables))
        clients = {
            "stdio": await stack.enter_async_context(Client(stdio)),
            "HTTP": await stack.enter_async_context(Client(with_key(address, variables))),
        }
        for tool, arguments, path in CALLS:
            bare = await http.get(path)
            raw = tokens(bare.text)
            for transport, client in clients.items():
                result = await client.call_tool(tool, arguments)
                check_same_sims(structured(result), bare.raise_for_status().json())
                text, structure = tokens(text_of(result)), tokens(plain(structured(result)))
                found = await ratios(partial(client.call_tool, tool, arguments), partial(http.get, path), pairs)
                rows.append(
                    Row(
                        f"`{tool}` over {transport}",
                        f"{text:,} tokens of text, {structure:,} of structure",
                        f"plain httpx: {raw:,} tokens",
                        f"{times(text / raw)} tokens, {spread(found)} time",
                    )
                )
    return rows


async def run(pairs: int) -> list[Row]:
    """Measure on a sandbox of 500 SIMs."""
    with TemporaryDirectory() as state:
        async with running(SandboxSettings(sims=500)) as world:
            return await measure(world, state, pairs)


def main() -> None:
    """Read the options and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="10 pairs of each instead of 40")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = anyio.run(run, 10 if options.quick else PAIRS)
    present("Against the same call by plain httpx", rows, as_json=options.json)


if __name__ == "__main__":
    main()
