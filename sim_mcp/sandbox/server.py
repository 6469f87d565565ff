"""Serve a sandbox on loopback, from its own thread so that a busy client in the same process cannot starve it."""

import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import anyio.to_thread
import h11
import uvicorn
from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

from sim_mcp.sandbox.api.app import build
from sim_mcp.sandbox.api.core import Core
from sim_mcp.sandbox.settings import SandboxSettings
from sim_mcp.sandbox.store.store import Store
from sim_mcp.sandbox.world.clock import Clock
from sim_mcp.sandbox.world.world import open_world

_BACKLOG = 512
_LAST_RESPONSES_S = 1
# As long as a load balancer's, and longer than clients keep theirs: whoever closes first must be the client, or a
# request is lost that was sent on a connection just closed.
_IDLE_CONNECTION_S = 60
_WITHOUT_REASON_PHRASE = 422


@dataclass(frozen=True)
class Sandbox:
    """Hold where a running sandbox is reached, and its parts."""

    base_url: str
    tokens: Mapping[str, str]
    """Application tokens by role: `enterprise`, `reseller`, `issuer`, `blocked` (a customer whose services emnify has
    blocked) and `revoked`."""
    store: Store
    clock: Clock


@asynccontextmanager
async def running(settings: SandboxSettings) -> AsyncIterator[Sandbox]:
    """Run a sandbox beside the caller until the block ends.

    Raises:
        OSError: The port is taken.
        WorldMismatchError: The world file holds another world.
    """
    context = _started(settings)
    sandbox = await anyio.to_thread.run_sync(context.__enter__)
    try:
        yield sandbox
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(context.__exit__, None, None, None)


def serve(settings: SandboxSettings, announce: Callable[[Sandbox], None]) -> None:
    """Run a sandbox until it is interrupted or terminated.

    Raises:
        OSError: The port is taken.
        WorldMismatchError: The world file holds another world.
    """
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    in_main = threading.current_thread() is threading.main_thread()
    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM) if in_main}
    try:
        with _started(settings) as sandbox:
            announce(sandbox)
            stop.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _started(settings: SandboxSettings) -> Iterator[Sandbox]:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # asyncio sets TCP_NODELAY only on sockets whose protocol is given as TCP.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        listener.listen(_BACKLOG)
        clock = Clock(settings.clock)
        store = open_world(settings, clock)
        core = Core.build(settings, clock, store)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        base_url = f"http://{host}:{listener.getsockname()[1]}"
        server = _server(core, base_url)
        # Not in the main thread, so that uvicorn leaves the signals alone.
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="sandbox", daemon=True)
        thread.start()
        try:
            yield Sandbox(base_url, core.authority.tokens, store, clock)
        finally:
            server.should_exit = True
            thread.join()
            store.close()


def _server(core: Core, base_url: str) -> uvicorn.Server:
    def hang_up(scope: Scope) -> None:
        for connection in list(server.server_state.connections):
            if isinstance(connection, _GatewayProtocol) and connection.client == scope["client"]:
                connection.transport.close()

    config = uvicorn.Config(
        build(core, base_url, hang_up),
        http=_GatewayProtocol,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=_IDLE_CONNECTION_S,
        timeout_graceful_shutdown=_LAST_RESPONSES_S,
    )
    server = uvicorn.Server(config)
    return server


class _GatewayProtocol(H11Protocol):
    """Write status lines as emnify's gateway does, which uvicorn has no setting for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conn = _GatewayConnection(h11.SERVER)


class _GatewayConnection(h11.Connection):
    """Leave the reason phrase of 422 empty."""

    def send(self, event: h11.Event) -> bytes | None:  # type: ignore[override]  # one for all overloads
        if isinstance(event, h11.Response) and event.status_code == _WITHOUT_REASON_PHRASE:
            event = h11.Response(
                status_code=event.status_code,
                headers=event.headers.raw_items(),
                reason=b"",
                http_version=event.http_version,
            )
        return super().send(event)
