"""Listen on a port of this machine, and tell the operator how clients connect."""

import errno
import json
import os
import shlex
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from sim_mcp.server.http.access_key import AccessKey
from sim_mcp.server.signin.door import Door

_BACKLOG = 128


def listen(host: str, port: int) -> list[socket.socket]:
    """Listen on a port of every address that a host name resolves to; port 0 is any free one, the same for all.

    Raises:
        OSError: The port is taken, or there is no such address on this machine.
    """
    with ExitStack() as opened:
        listeners: list[socket.socket] = []
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        for family, kind, protocol, _, address in found:
            # asyncio sets TCP_NODELAY only on sockets whose protocol is given as TCP.
            listener = opened.enter_context(socket.socket(family, kind, protocol))
            try:
                _bind(listener, (address[0], port, *address[2:]))
            except OSError as error:
                # localhost resolves to addresses of both families, also where the machine has only one.
                if error.errno != errno.EADDRNOTAVAIL:
                    raise
                continue
            listeners.append(listener)
            port = listener.getsockname()[1]
        opened.pop_all()
    if not listeners:
        raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    return listeners


def connection_instructions(listeners: Sequence[socket.socket], key: AccessKey | None, door: Door | None) -> str:
    """Return where MCP is served and how a client is let in, without any key itself."""
    urls = [_url_of(listener) for listener in listeners]
    public = [f"Clients elsewhere connect to {door.resource}"] if door is not None and door.resource else []
    how = _key_instructions(urls[0], key) if door is None or door.issuer is None else _sign_in_instructions(door)
    return "\n".join([*(f"sim-mcp serves MCP at {url}" for url in urls), *public, how])


def _bind(listener: socket.socket, address: tuple[Any, ...]) -> None:
    if address[1] and _is_taken(listener.family, address):
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    if os.name == "posix":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if listener.family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind(address)
    listener.listen(_BACKLOG)


def _is_taken(family: int, address: tuple[Any, ...]) -> bool:
    """Return whether a server answers there: some systems allow to bind next to one that listens on all addresses."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(address) == 0


def _url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/mcp" if ":" in host else f"http://{host}:{port}/mcp"


def _sign_in_instructions(door: Door) -> str:
    return f"People sign in at {door.issuer}. Programs send a key of their own: sim-mcp keys add NAME makes one."


def _key_instructions(url: str, key: AccessKey | None) -> str:
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
