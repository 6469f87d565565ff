"""The resources a client can read: the files that exports wrote."""

from collections.abc import Callable, Coroutine
from typing import Any

import anyio.to_thread
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceError

from sim_mcp.exports.cells import MIME_TYPES, Format
from sim_mcp.exports.files import ExportRefusedError
from sim_mcp.tools.export_answers import EXPORT_URI
from sim_mcp.tools.state import NoTokenError, exports_of


def add_resources(server: MCPServer[Any]) -> None:
    """Offer the files of exports through the server, each format with its type."""
    for file_format, mime_type in MIME_TYPES.items():
        server.resource(
            f"{EXPORT_URI}{{name}}.{file_format}",
            name=f"export_{file_format}",
            title=f"Exported file ({file_format.upper()})",
            description=f"A {file_format.upper()} file that export_sims wrote since this server started.",
            mime_type=mime_type,
        )(_reader(file_format))


def _reader(file_format: Format) -> Callable[[str, Context[Any]], Coroutine[Any, Any, str]]:
    async def read(name: str, ctx: Context[Any]) -> str:
        try:
            return await anyio.to_thread.run_sync(exports_of(ctx).text_of, f"{name}.{file_format}")
        except (ExportRefusedError, NoTokenError) as error:
            raise ResourceError(str(error)) from None

    return read
