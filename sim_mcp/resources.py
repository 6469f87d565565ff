"""MCP resources: the record of changes, and the files that exports wrote."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

import anyio.to_thread
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError

from sim_mcp.changes.record.audit import AuditRow, audit
from sim_mcp.changes.record.storage import JournalError
from sim_mcp.exports.files import ExportNotFoundError, ExportRefusedError
from sim_mcp.exports.formats import MIME_TYPES
from sim_mcp.exports.service import ExportService
from sim_mcp.sanitize import quoted
from sim_mcp.settings import Settings
from sim_mcp.tools.context import NoTokenError, exports_of, principal, readable_workspaces
from sim_mcp.tools.exports.export_sims import EXPORT_URI

MAX_ROWS = 200
"""Rows of the record in one resource; the command `sim-mcp audit` prints them all."""

_JSON = "application/json"


def add_resources(server: MCPServer[Any], settings: Settings) -> None:
    """Register the record of changes (whole, by SIM, by plan) and exported files, by format."""

    @server.resource("audit://changes", title="What was changed", mime_type=_JSON)
    async def changes() -> str:
        """The newest decisions, writes and outcomes, newest first: who, when, what, how agreed, what came of it."""
        return await _read_record(settings)

    @server.resource("audit://sims/{iccid}", title="What was changed about one SIM", mime_type=_JSON)
    async def changes_of_sim(iccid: str) -> str:
        """The newest changes of one SIM card, named in any way a tool understands, newest first."""
        return await _read_record(settings, sim=iccid)

    @server.resource("audit://plans/{plan}", title="What one plan did", mime_type=_JSON)
    async def changes_of_plan(plan: str) -> str:
        """How one plan was agreed to, what was sent and what became of each item, newest first."""
        return await _read_record(settings, plan=plan)

    for suffix, mime_type in MIME_TYPES.items():
        server.resource(
            f"{EXPORT_URI}{{name}}.{suffix}",
            name=f"export_{suffix}",
            title=f"Exported file ({suffix.upper()})",
            description=f"A {suffix.upper()} file that export_sims wrote since this server started.",
            mime_type=mime_type,
        )(_exported(suffix))


async def _read_record(settings: Settings, *, sim: str | None = None, plan: str | None = None) -> str:
    here = readable_workspaces()
    # Where there is one workspace alone, rows need not say which.
    readers = {"": principal(), "?": principal()} if here is None else {each.name: each.who for each in here}

    def sees(workspace: str, owner: tuple[str, ...]) -> bool:
        who = readers.get(workspace)
        return who is not None and (who.sees_all or owner == (who.issuer, who.subject))

    def read() -> tuple[int, list[dict[str, str]]]:
        rows = audit(settings.record_place(), sim=sim, sees=sees)
        found = [_told(row, named=here is not None) for row in rows if plan in (None, row.plan)]
        return len(found), found[-MAX_ROWS:][::-1]

    try:
        total, newest = await anyio.to_thread.run_sync(read)
    except (JournalError, OSError) as error:
        raise ResourceError(f"{error} Nothing changed.") from None
    body: dict[str, Any] = {"total": total, "shown": len(newest), "changes": newest}
    return json.dumps(body, ensure_ascii=False, indent=1)


def _told(row: AuditRow, *, named: bool) -> dict[str, str]:
    return {name: value for name, value in row._asdict().items() if named or name != "workspace"}


def _exported(suffix: str) -> Callable[[str, Context[Any]], Coroutine[Any, Any, str]]:
    async def read(name: str, ctx: Context[Any]) -> str:
        try:
            return await anyio.to_thread.run_sync(_exports(ctx, name).read_text, f"{name}.{suffix}")
        except ExportNotFoundError as error:
            raise ResourceNotFoundError(f"Resource not found. {error}") from None
        except (ExportRefusedError, NoTokenError) as error:
            raise ResourceError(str(error)) from None

    return read


def _exports(ctx: Context[Any], name: str) -> ExportService:
    """Return the exports of the workspace that the name of a file begins with, or those of the only one.

    Raises:
        ExportNotFoundError: None of those that may be read here has it.
    """
    here = readable_workspaces()
    if here is None:
        return exports_of(ctx)
    workspace = name.partition(".")[0]
    found = next((each.state.exports for each in here if each.name == workspace), None)
    if found is None:
        raise ExportNotFoundError(f"No export called {quoted(name)} was written since this server started.")
    return found
