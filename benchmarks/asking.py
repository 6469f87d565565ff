"""Two servers to ask, ours and the peer's, each beside a sandbox of its own, and what asking them costs."""

import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import httpx
from mcp import Client, StdioServerParameters

from benchmarks.common import environment, plain, structured, text_of, tokens
from sim_mcp.sandbox import Sandbox, SandboxSettings, running

CLOCK = datetime(2026, 11, 22, 12, tzinfo=UTC)
PEER = Path(__file__).with_name("peer_server.py")
PACED = {"list_sims", "list_endpoints", "get_sim_stats"}
PACE_S, BURST = 0.101, 4
"""The published limit of these, 10 a second and 5 at once, with a hair's breadth to spare: the peer keeps no limits, so
its caller does, and is spared the refusals."""


@dataclass
class Asker:
    """Ask a server as a model would, and keep count of the calls, the tokens and the seconds."""

    client: Client
    world: Sandbox
    scenarios: dict[str, dict[str, Any]]
    calls: int = 0
    seconds: float = 0
    texts: list[str] = field(default_factory=list)
    """What went to and fro; counted at the end, for counting takes time."""
    due: dict[str, float] | None = None
    """When each paced tool may be called again but for its burst; None where the server keeps the limits itself."""

    async def ask(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool; return the structured content, whose facts are those of the text that is counted."""
        began = time.perf_counter()
        if self.due is not None and tool in PACED:
            due = max(began, self.due.get(tool, began))
            await anyio.sleep(max(0.0, due - began - (BURST - 1) * PACE_S))
            self.due[tool] = due + PACE_S
        result = await self.client.call_tool(tool, arguments, read_timeout_seconds=120)
        self.seconds += time.perf_counter() - began
        self.calls += 1
        self.texts += [plain(arguments), text_of(result)]
        return structured(result)

    def writes(self, text: str) -> None:
        """Count what the model has to write because no tool does."""
        self.texts.append(text)

    def reset(self) -> None:
        """Begin to count."""
        self.calls, self.seconds = 0, 0.0
        self.texts.clear()

    @property
    def tokens(self) -> int:
        """Count the tokens of all arguments, answers and what the model had to write."""
        return sum(map(tokens, self.texts))


@asynccontextmanager
async def ours(sims: int, role: str) -> AsyncIterator[Asker]:
    """Start our server as a process beside a new sandbox with the published limits."""
    async with AsyncExitStack() as stack:
        world, scenarios = await _sandbox(stack, sims)
        state = stack.enter_context(TemporaryDirectory())
        variables = environment(world, role, SIM_MCP_STATE_DIR=state, SIM_MCP_EXPORT_DIR=state, SIM_MCP_CONFIRM="host")
        server = StdioServerParameters(command=sys.executable, args=["-m", "sim_mcp"], env=variables)
        asker = Asker(await stack.enter_async_context(Client(server)), world, scenarios)
        await asker.ask("list_sim_statuses")
        asker.reset()
        yield asker


@asynccontextmanager
async def peer(sims: int, role: str) -> AsyncIterator[Asker]:
    """Start the peer as a process in an environment of its own beside a new sandbox with the published limits."""
    async with AsyncExitStack() as stack:
        world, scenarios = await _sandbox(stack, sims)
        alone = ["run", "--quiet", "--isolated", "--only-group", "benchmarks", "python", str(PEER)]
        variables = environment(world, role, FASTMCP_LOG_LEVEL="CRITICAL")
        uv = os.environ.get("UV", "uv")  # uv tells those it runs where it is.
        server = StdioServerParameters(command=uv, args=[*alone, world.base_url, world.tokens[role]], env=variables)
        asker = Asker(await stack.enter_async_context(Client(server)), world, scenarios, due={})
        await asker.ask("list_sim_statuses")
        asker.reset()
        yield asker


async def _sandbox(stack: AsyncExitStack, sims: int) -> tuple[Sandbox, dict[str, dict[str, Any]]]:
    world = await stack.enter_async_context(running(SandboxSettings(sims=sims, clock=CLOCK, limits=True)))
    async with httpx.AsyncClient(base_url=world.base_url, trust_env=False) as http:
        found = (await http.get("/sandbox/scenarios")).json()
    return world, {str(each["key"]): each for each in found}
