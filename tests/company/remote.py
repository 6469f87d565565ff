"""mcp-remote from npm: what hosts that know stdio alone reach a server by; it opens a browser for its person."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from tests.processes.test_serving import Era
from tests.signin.signing_in import open_as

PROGRAM = Path(__file__).parent / "node_modules/.bin/mcp-remote"


@asynccontextmanager
async def by_mcp_remote(address: str, who: str, authority: Path, home: Path, era: Era) -> AsyncIterator[Client]:
    """Connect as a host does that was given the address alone, with somebody at its browser."""
    said = home / "mcp-remote.log"
    env = {
        "MCP_REMOTE_CONFIG_DIR": str(home),
        "NODE_EXTRA_CA_CERTS": str(authority),
        # No browser of this machine: what would be opened is read below.
        "BROWSER": "true",
    }
    server = StdioServerParameters(command="node", args=[str(PROGRAM), address, "--transport", "http-only"], env=env)
    with said.open("w") as sink:
        async with anyio.create_task_group() as group:
            group.start_soon(sign_in, anyio.Path(said), who)
            async with Client(stdio_client(server, errlog=sink), mode=era) as client:
                yield client


async def sign_in(said: anyio.Path, who: str) -> None:
    """Open the page that the program asks for, sign in, and come back to it."""
    with anyio.fail_after(60):
        while (found := re.search(r"(?m)^(https?://\S+/auth\?\S+)$", await said.read_text())) is None:  # noqa: ASYNC110
            await anyio.sleep(0.1)
    async with httpx.AsyncClient(timeout=30) as browser:
        assert (await open_as(browser, who, found[1])).is_success
