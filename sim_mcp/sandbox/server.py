"""Serve a sandbox on loopback from a thread of its own, so that a busy client cannot starve it."""

import asyncio
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from types import FrameType

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
_WITHOUT_PHRASE = 422
Connections = dict[tuple[str, int], asyncio.Transport]


@dataclass(frozen=True)
class Sandbox:
    """Tell how to reach a running sandbox."""

    base_url: str
    tokens: Mapping[str, str]
    """Application tokens by role: enterprise, reseller, issuer, one of a customer whose services emnify blocked, and
    one that was revoked."""
    store: Store
    clock: Clock


@asynccontextmanager
async def running(settings: SandboxSettings) -> AsyncIterator[Sandbox]:
    """Run a sandbox beside the caller until the block ends.

    Raises:
        OSError: if the port is taken.
        WorldMismatchError: if the file of the world holds another one.
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
        OSError: if the port is taken.
        WorldMismatchError: if the file of the world holds another one.
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
    connections: Connections = {}

    class Wire(H11Protocol):
        """Speak HTTP as recorded: headers as given, no reason phrase for 422; and let connections be cut."""

        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they come
            self.conn = _Conversation(h11.SERVER, self.config.h11_max_incomplete_event_size or 65_536)

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
            super().connection_made(transport)
            if self.client is not None:
                connections[self.client] = transport

        def connection_lost(self, exc: Exception | None) -> None:
            if self.client is not None:
                connections.pop(self.client, None)
            super().connection_lost(exc)

    def hang_up(scope: Scope) -> None:
        transport = connections.get(tuple(scope["client"]))
        if transport is not None:
            transport.close()

    config = uvicorn.Config(
        build(core, base_url, hang_up),
        http=Wire,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_LAST_RESPONSES_S,
    )
    return uvicorn.Server(config)


class _Conversation(h11.Connection):
    """Leave the reason phrase of 422 empty, as the gateway does."""

    def __init__(self, role: type[h11.SERVER], max_incomplete_event_size: int) -> None:
        super().__init__(role, max_incomplete_event_size)

    def send(self, event: h11.Event) -> bytes | None:  # type: ignore[override]  # one for all overloads
        if isinstance(event, h11.Response) and event.status_code == _WITHOUT_PHRASE:
            event = h11.Response(
                status_code=event.status_code,
                headers=event.headers.raw_items(),
                reason=b"",
                http_version=event.http_version,
            )
        return super().send(event)
