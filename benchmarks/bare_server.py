"""The least an MCP server in Python can be: the SDK, one tool that answers as much as it is told to, one that asks.

Run as `python benchmarks/bare_server.py` over stdio, or with `--http h11` or `--http httptools` over HTTP, by the
parser that comes with the SDK or by the one that ours uses.
"""

import os
import sys
from functools import cache

import httpx
import uvicorn
from mcp.server import MCPServer

# The level is ours: by default the SDK writes a line for each request, which takes longer than the request.
server = MCPServer("bare", log_level="WARNING")


@server.tool()
async def say(characters: int) -> str:
    """Say so much."""
    return "x" * characters


@server.tool()
async def fetch(path: str, characters: int) -> str:
    """Ask emnify, and say so much of what it answers."""
    answer = await _emnify().get(path)
    return answer.raise_for_status().text[:characters]


@cache
def _emnify() -> httpx.AsyncClient:
    url, token = os.environ["EMNIFY_BASE_URL"], os.environ["EMNIFY_APPLICATION_TOKEN"]
    login = httpx.post(f"{url}/api/v1/authenticate", json={"application_token": token}, trust_env=False)
    headers = {"Authorization": f"Bearer {login.raise_for_status().json()['auth_token']}"}
    return httpx.AsyncClient(base_url=url, headers=headers, trust_env=False)


class AnnouncingServer(uvicorn.Server):
    """Say where it listens once it does."""

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]  # uvicorn types the list's items
        """Start, then write the address to stderr."""
        await super().startup(sockets)  # type: ignore[arg-type]  # as above
        port = self.servers[0].sockets[0].getsockname()[1]
        print(f"http://127.0.0.1:{port}/mcp", file=sys.stderr, flush=True)


def main() -> None:
    """Serve."""
    if "--http" in sys.argv:
        parser = sys.argv[sys.argv.index("--http") + 1]
        AnnouncingServer(uvicorn.Config(server.streamable_http_app(), port=0, log_level="warning", http=parser)).run()
    else:
        server.run()


if __name__ == "__main__":
    main()
