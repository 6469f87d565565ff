"""What the benchmarks share: rows of the one table, tokens, medians, and how servers are started."""

import argparse
import json
import math
import os
import statistics
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import bpe_openai
import httpx2
from anyio.streams.text import TextReceiveStream
from mcp.client._transport import TransportStreams
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, ListToolsResult, TextContent
from rich.console import Console
from rich.table import Table

from sim_mcp.sandbox import Sandbox

COLUMNS = ("what", "here", "compared with", "ratio")
WIDTH = 140


class Row(NamedTuple):
    """Hold one row of the table; the ratio is of what is here over what it is compared with."""

    what: str
    here: str
    compared: str
    ratio: str


def present(title: str, rows: Sequence[Row], *, as_json: bool) -> None:
    """Print rows: as a table for people, or as JSON for `benchmarks/all.py`."""
    if as_json:
        print(json.dumps([row._asdict() for row in rows]))
        return
    table = Table(title=title)
    for column in COLUMNS:
        table.add_column(column)
    for row in rows:
        table.add_row(*row)
    Console(width=WIDTH).print(table)


def run_for_sizes(
    title: str, measure_all: Callable[[list[int]], Awaitable[list[Row]]], sizes: Sequence[int], about: str | None
) -> None:
    """Read from the command line which sizes are to be measured, measure them, and print the table."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("sims", type=int, nargs="*", default=sizes)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    present(title, anyio.run(measure_all, list(options.sims)), as_json=options.json)


def tokens(text: str) -> int:
    """Count tokens as o200k does."""
    return len(bpe_openai.get_encoding("o200k_base").encode(text))


def listing_tokens(tools: ListToolsResult) -> int:
    """Count the tokens of a whole `tools/list`, output schemas included."""
    return tokens(tools.model_dump_json(by_alias=True, exclude_none=True))


def plain(value: object) -> str:
    """Write a value as compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def text_of(result: CallToolResult) -> str:
    """Return the text of an answer."""
    return "".join(block.text for block in result.content if isinstance(block, TextContent))


def spread(ratios: Sequence[float]) -> str:
    """Write the median of ratios with the least and the greatest."""
    return f"{times(statistics.median(ratios))} ({min(ratios):.2f} to {max(ratios):.2f})"


def times(ratio: float) -> str:
    """Write a ratio with at least two digits that count."""
    if ratio >= 100:  # noqa: PLR2004  # three digits are enough.
        return f"{ratio:,.0f} x"
    digits = 2 if ratio <= 0 else max(2, 1 - math.floor(math.log10(ratio)))
    return f"{ratio:.{digits}f} x"


def environment(world: Sandbox, role: str = "enterprise", **more: str) -> dict[str, str]:
    """Return the environment of a server that talks to a sandbox."""
    return variables(world.base_url, world.tokens[role], **more)


def variables(url: str, token: str, **more: str) -> dict[str, str]:
    """Return the environment of a server that talks to an emnify there, without what the person at work has set."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("EMNIFY_", "SIM_MCP_"))}
    return inherited | {"EMNIFY_BASE_URL": url, "EMNIFY_APPLICATION_TOKEN": token} | more


@asynccontextmanager
async def serving(command: Sequence[str], variables: dict[str, str]) -> AsyncIterator[str]:
    """Run a Python program that serves over HTTP and says where on stderr; yield its address."""
    async with await anyio.open_process([sys.executable, *command], env=variables) as process:
        assert process.stderr is not None
        try:
            async for text in TextReceiveStream(process.stderr):
                if "http://" in text:
                    yield text[text.index("http://") :].split()[0]
                    break
        finally:
            process.terminate()


def bearer(variables: dict[str, str]) -> dict[str, str]:
    """Return the header with the key that a server with these variables made."""
    key = (Path(variables["SIM_MCP_STATE_DIR"]) / "http-key").read_text(encoding="ascii").strip()
    return {"Authorization": f"Bearer {key}"}


@asynccontextmanager
async def with_key(address: str, variables: dict[str, str]) -> AsyncIterator[TransportStreams]:
    """Connect to such a server as a client that was given the key."""
    async with (
        httpx2.AsyncClient(headers=bearer(variables), trust_env=False, timeout=60) as http,
        streamable_http_client(address, http_client=http) as streams,
    ):
        yield streams


def structured(result: CallToolResult) -> dict[str, Any]:
    """Return the structured content of an answer."""
    assert not result.is_error, text_of(result)
    return result.structured_content or {}
