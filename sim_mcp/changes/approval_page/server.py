"""The server of the approval page: on 127.0.0.1, beside the work of the process, and quiet."""

import asyncio
import socket
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager

import anyio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from sim_mcp.changes.approval_page.page import ApprovalPage
from sim_mcp.http.connections import TimelyConnection


@asynccontextmanager
async def listening(page: ApprovalPage) -> AsyncIterator[str]:
    """Serve the page on a free port of 127.0.0.1 until the block ends; yield its base URL."""

    def lost(_request: Request, _error: Exception) -> Response:
        return page.message(404, "There is nothing here", "Ask for a new link where you got this one.")

    def failed(_request: Request, _error: Exception) -> Response:
        return page.message(500, "Something went wrong", "Open the link again to see whether anything was decided.")

    app = Starlette(routes=page.routes(), exception_handlers={404: lost, 405: lost, 500: failed})
    config = uvicorn.Config(
        app,
        http=_Wire,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )
    # Only for sockets that say they are TCP does asyncio send small packets at once.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.ended.set()
            with anyio.CancelScope(shield=True):
                await serving


class _Wire(TimelyConnection):
    """Log no access, which would write the secrets of links, however the process logs that of other servers."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.access_log = False


class _Server(uvicorn.Server):
    """Sleep until told to end, and leave the signals to the process that serves the page beside its own work."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ended = asyncio.Event()

    async def main_loop(self) -> None:
        """Wait for the end, where uvicorn would look ten times a second."""
        await self.ended.wait()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Capture none."""
        yield
