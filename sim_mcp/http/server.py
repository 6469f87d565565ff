"""The HTTP server itself: where it listens, what it says of that, and when it gives up on what is left."""

import errno
import json
import os
import shlex
import socket
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Any

import click
import uvicorn
from starlette.types import ASGIApp

from sim_mcp.http.access_key import AccessKey
from sim_mcp.http.connections import TimelyConnection

_BACKLOG = 128
_CANCELS_AFTER_S = 7
"""When uvicorn breaks into what is left, shielded or not: by then everything had its time."""


def listen(host: str, port: int) -> list[socket.socket]:
    """Listen on a port of every address that a name stands for; 0 takes any free one, the same for all.

    Raises:
        OSError: The port is taken, or there is no such address on this machine.
    """
    with ExitStack() as opened:
        listeners: list[socket.socket] = []
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        for family, kind, protocol, _, address in found:
            # asyncio sends small packets at once only for sockets that say they are TCP.
            listener = opened.enter_context(socket.socket(family, kind, protocol))
            try:
                _bind(listener, (address[0], port, *address[2:]))
            except OSError as error:
                # localhost stands for addresses of both families, on machines that may have only one.
                if error.errno != errno.EADDRNOTAVAIL:
                    raise
                continue
            listeners.append(listener)
            port = listener.getsockname()[1]
        opened.pop_all()
    if not listeners:
        raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    return listeners


class HttpServer(uvicorn.Server):
    """Serve an application; say where, once that is so, and how clients come in."""

    def __init__(self, app: ASGIApp, key: AccessKey | None) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=TimelyConnection,
                ws="none",
                log_level="warning",
                proxy_headers=False,
                timeout_graceful_shutdown=_CANCELS_AFTER_S,
            )
        )
        self._key = key

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say where."""
        await super().startup(sockets)
        urls = [_url_of(listener) for listener in sockets or []]
        click.echo(
            "\n".join([*(f"sim-mcp serves MCP at {url}" for url in urls), _way_in(urls[0], self._key)]), err=True
        )

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Capture none: how the process ends is decided in one place for both transports."""
        yield


def _bind(listener: socket.socket, address: tuple[Any, ...]) -> None:
    if address[1] and _somebody_answers(listener.family, address):
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    if os.name == "posix":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if listener.family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind(address)
    listener.listen(_BACKLOG)


def _somebody_answers(family: int, address: tuple[Any, ...]) -> bool:
    """Tell whether a server is there already; one that has all addresses would not keep us from ours everywhere."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(address) == 0


def _url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/mcp" if ":" in host else f"http://{host}:{port}/mcp"


def _way_in(url: str, key: AccessKey | None) -> str:
    """Say how a client is given the key, which itself is in no log."""
    if key is None:
        return "Without a key: every program on this machine may ask. Changes are agreed to on the approval page alone."
    entry = {"sim": {"type": "http", "url": url, "headers": {"Authorization": "Bearer ${SIM_KEY}"}}}
    header = f'"Authorization: Bearer $(cat {shlex.quote(str(key.file))})"'
    return (
        f"Clients send the key that is in {key.file}. Claude Code, for one:\n"
        f"  claude mcp add --transport http sim {url} --header {header}\n"
        "In a client's JSON file, with the key in the client's environment as SIM_KEY or from its own secret input:\n"
        f"  {json.dumps(entry)}"
    )
