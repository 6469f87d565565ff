"""How the server reaches its clients: over stdio or HTTP, and where wanted with a sandbox of its own."""

import gc
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import click
import uvicorn
from pydantic import SecretStr

from sim_mcp.sandbox import SandboxSettings, running
from sim_mcp.server import build_server
from sim_mcp.settings import Settings
from sim_mcp.tools.state import why_no_token


async def serve_stdio(settings: Settings, sandbox: bool) -> None:
    """Serve over stdio until the client goes away."""
    async with upstream(settings, sandbox) as ready:
        _warn_without_token(ready)
        server = build_server(ready)
        settle()
        await server.run_stdio_async()


async def serve_http(settings: Settings, sandbox: bool, host: str, port: int, stateless: bool) -> None:
    """Serve Streamable HTTP at /mcp until told to end."""
    async with upstream(settings, sandbox) as ready:
        _warn_without_token(ready)
        app = build_server(ready).streamable_http_app(host=host, stateless_http=stateless)
        server = _AnnouncingServer(uvicorn.Config(app, host=host, port=port, log_level="warning"))
        settle()
        await server.serve()


def settle() -> None:
    """Have what stays to the end never searched for garbage again: it is most of what there is.

    Reading a fleet makes so many records that each search through the modules takes a quarter of the whole time.
    """
    gc.freeze()


class _AnnouncingServer(uvicorn.Server):
    """Say where it listens once it does; port 0 is known only then."""

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]  # uvicorn types the list's items
        await super().startup(sockets)  # type: ignore[arg-type]  # as above
        for listener in self.servers:
            for bound in listener.sockets:
                host, port = bound.getsockname()[:2]
                shown = f"[{host}]" if ":" in host else host
                click.echo(f"sim-mcp serves MCP at http://{shown}:{port}/mcp", err=True)


@asynccontextmanager
async def upstream(settings: Settings, sandbox: bool) -> AsyncIterator[Settings]:
    """Yield the settings, pointed at a sandbox of this process where one is wanted."""
    if not sandbox:
        yield settings
        return
    async with running(SandboxSettings()) as world:
        token = SecretStr(world.tokens["enterprise"])
        yield settings.model_copy(update={"base_url": world.base_url, "application_token": token})


def is_taken(host: str, port: int) -> bool:
    """Tell whether somebody listens there already."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        return probe.connect_ex((host, port)) == 0


def _warn_without_token(settings: Settings) -> None:
    if settings.application_token is None:
        click.echo(f"sim-mcp: {why_no_token(settings)}", err=True)
