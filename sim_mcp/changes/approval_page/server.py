"""The server of the approval page: on 127.0.0.1, beside the work of the process, and quiet."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from sim_mcp.changes.approval_page.page import ApprovalPage
from sim_mcp.http_server import http_server


@asynccontextmanager
async def listening(page: ApprovalPage) -> AsyncIterator[str]:
    """Serve the page on a free port of 127.0.0.1 until the block ends; yield its base URL."""

    def lost(_request: Request, _error: Exception) -> Response:
        return page.message(404, "There is nothing here", "Ask for a new link where you got this one.")

    def failed(_request: Request, _error: Exception) -> Response:
        return page.message(500, "Something went wrong", "Open the link again to see whether anything was decided.")

    app = Starlette(routes=page.routes(), exception_handlers={404: lost, 405: lost, 500: failed})
    server = http_server(
        app, shutdown_timeout_s=1, lifespan="off", log_config=None, server_header=False, date_header=False
    )
    # asyncio sets TCP_NODELAY only on sockets whose protocol is given as TCP.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            with anyio.CancelScope(shield=True):
                await serving
