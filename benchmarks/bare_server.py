"""The least an MCP server in Python can be: the SDK and one empty tool.

Run as `python benchmarks/bare_server.py` over stdio, or with `--http` over HTTP, served as ours is.
"""

import sys

import uvicorn
from mcp.server import MCPServer

# The level is ours: by default the SDK writes a line for each request, which takes longer than the request.
server = MCPServer("bare", log_level="WARNING")


@server.tool()
async def nothing() -> str:
    """Do nothing."""
    return ""


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
        AnnouncingServer(uvicorn.Config(server.streamable_http_app(), port=0, log_level="warning")).run()
    else:
        server.run()


if __name__ == "__main__":
    main()
