"""export_sims: SIMs, their daily usage or their events in a file. It sends nothing but GET."""

from typing import Annotated
from urllib.parse import quote

import anyio
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, ResourceLink
from pydantic import Field, WithJsonSchema

from sim_mcp.emnify import EmnifyError, InvalidValueError
from sim_mcp.exports.files import ExportRefusedError, check_file_name
from sim_mcp.exports.formats import MIME_TYPES, SUFFIXES, Cell, Format
from sim_mcp.exports.rows import IN_GROUPS, What
from sim_mcp.exports.service import Export, Order
from sim_mcp.exports.sources import Selection, period
from sim_mcp.fleet.lookup.failures import LookupFailedError
from sim_mcp.fleet.lookup.organisations import NotAllSeenError, OrganisationNotFoundError
from sim_mcp.fleet.lookup.selection import SimSelection
from sim_mcp.formatting import format_quantity, format_timestamp, join_lines
from sim_mcp.sanitize import clean, fence
from sim_mcp.tools.context import ToolContext, emnify_of, exports_of
from sim_mcp.tools.errors import explain
from sim_mcp.tools.order import emnify_order, parse_order
from sim_mcp.tools.parameters import FirstDay, LastDay, Name, Names, Statuses, ready_call, to_statuses
from sim_mcp.tools.registry import Entry
from sim_mcp.tools.result import Answer, respond

EXPORT_URI = "export://files/"
"""A place in front of the name: the first part of an address is lower-cased by whoever normalises it."""

_MAX_NAMES = 1000
_FILTERS = ("status", "customer", "reseller", "issuer", "model", "has_device", "sort")
_CELL_LIMIT = 60
_NOUNS: dict[What, tuple[str, str]] = {
    "sims": ("SIM", ""),
    "usage": ("row", " of daily usage"),
    "events": ("event", ""),
}
"""What a row is called: the noun, and what follows it."""

PreviewRow = Annotated[dict[str, Cell], WithJsonSchema({})]


class ExportAnswer(Answer):
    """The state of an export (running, done or nothing), and the file once it is there."""

    state: str
    rows: int
    of_sims: int | None = None
    path: str | None = None
    uri: str | None = None
    bytes: int | None = None
    as_of: str | None = None
    preview: PreviewRow | None = None
    left_s: int | None = None
    hint: str | None = None
    next: str | None = None


async def export_sims(
    ctx: ToolContext,
    what: What = "sims",
    sims: Annotated[list[Name] | None, Field(max_length=_MAX_NAMES, description="only these, e.g. by ICCID")] = None,
    status: Statuses | None = None,
    customer: Names | None = None,
    reseller: Names | None = None,
    issuer: Names | None = None,
    model: Names | None = None,
    has_device: bool | None = None,
    sort: Annotated[list[str] | None, Field(description="as list_sims")] = None,
    start: Annotated[FirstDay | None, Field(description="of usage, events; day or month; default: 30 days")] = None,
    end: LastDay | None = None,
    format: Annotated[Format, Field(description="csv_eu: semicolons, decimal commas")] = "csv",  # noqa: A002  # the word people use.
    file_name: Annotated[str | None, Field(description="without folder")] = None,
) -> Annotated[CallToolResult, ExportAnswer]:
    """Export all matching SIM cards, or their daily usage or events, to a CSV or JSON file in the operator's directory,
    never over another file. Returns path, row count and first rows. What takes longer than a call goes on; the same
    call picks it up.
    """  # noqa: D205  # the description is one paragraph for the model.
    service = exports_of(ctx)
    given = {
        "what": None if what == "sims" else what,
        "sims": sims,
        "status": status,
        "customer": customer,
        "reseller": reseller,
        "issuer": issuer,
        "model": model,
        "has_device": has_device,
        "sort": sort,
        "start": start,
        "end": end,
        "format": None if format == "csv" else format,
        "file_name": file_name,
    }
    if sims and any(given[name] is not None for name in _FILTERS):
        raise InvalidValueError("sims names the SIMs already; leave it out to filter, or the filters out")
    if what == "sims" and (start or end):
        raise InvalidValueError("SIMs are exported as they are now; start and end go with what=usage or what=events")
    if end:
        period(start, end, end)
    selection = Selection(
        what,
        tuple(sims or ()),
        SimSelection(to_statuses(status), models=tuple(model or ()), has_device=has_device),
        tuple(customer or ()),
        tuple(reseller or ()),
        tuple(issuer or ()),
        emnify_order(parse_order(sort)),
        start,
        end,
    )
    str(selection.sims.filter)  # what cannot be expressed is refused before anything is sent.
    name = check_file_name(file_name, format) if file_name else None
    order = Order(ready_call("export_sims", given), selection, format, name)
    return _respond(await service.export(order, lambda export: _report_progress(ctx, export)))


TOOL = Entry(export_sims, "Export SIMs to a file", effect="files", idempotent=False)


def build(export: Export, now: float) -> ExportAnswer:
    """Return the state of an export at a moment of the event loop's clock."""
    what = export.order.selection.what
    answer = ExportAnswer(
        state="running",
        rows=export.rows,
        of_sims=export.of,
        as_of=None if export.as_of is None else format_timestamp(export.as_of),
        hint=_build_hint(export),
    )
    if not export.over.is_set():
        left_s = export.left_s(now)
        more = {"left_s": None if left_s is None else round(left_s), "next": export.order.words}
        return answer.model_copy(update=more)
    if export.written is None:
        return answer.model_copy(update={"state": "nothing"})
    path = export.written.path
    return answer.model_copy(
        update={
            "state": "done",
            "of_sims": None if what == "sims" else export.sims,
            "path": str(path),
            "uri": f"{EXPORT_URI}{quote(path.name)}",
            "bytes": export.written.size,
            "preview": {name: _preview_cell(cell) for name, cell in export.preview.items()},
        }
    )


def render(answer: ExportAnswer, what: What) -> str:
    """Return the state of an export as text, the first rows inside a fence."""
    of_sims = "" if answer.of_sims is None else f" of {format_quantity(answer.of_sims, 'SIM')}"
    if answer.state == "nothing":
        return join_lines(
            f"Nothing to export{of_sims}, as of {answer.as_of}: 0 rows. No file was written.", answer.hint
        )
    noun, complement = _NOUNS[what]
    rows = f"{format_quantity(answer.rows, noun)}{complement}"
    if answer.state == "running":
        left = "" if answer.left_s is None else f", about {answer.left_s:,} s to go"
        began = f", as of {answer.as_of}" if answer.as_of else ""
        matching = "" if answer.of_sims is None else f"; {format_quantity(answer.of_sims, 'SIM')} to look at in all"
        return join_lines(
            f"Still running{began}: {rows} so far{matching}{left}. It goes on by itself; the same call picks it up.",
            answer.hint,
            f"Next: {answer.next}",
        )
    cells = answer.preview or {}
    empty = [name for name, cell in cells.items() if cell == ""]
    preview = ", ".join(f"{name} {cell}" for name, cell in cells.items() if cell != "")
    return join_lines(
        f"Done: {rows}{of_sims}, {answer.bytes:,} bytes, as of {answer.as_of}.",
        f"Path: {answer.path}",
        f"Resource: {answer.uri}",
        f"First row:\n{fence(preview)}",
        f"Columns that are empty in it: {', '.join(empty)}" if empty else None,
        answer.hint,
    )


def _respond(export: Export) -> CallToolResult:
    """Return the answer, with a link by which a host fetches the file once it is there.

    Raises:
        ToolError: The export failed.
    """
    if export.failure is not None:
        raise _tool_error(export, export.failure)
    answer = build(export, anyio.current_time())
    result = respond(answer, render(answer, export.order.selection.what))
    if answer.uri is None or export.written is None:
        return result
    mime_type = MIME_TYPES[SUFFIXES[export.order.format]]
    link = ResourceLink(name=export.written.path.name, uri=answer.uri, mime_type=mime_type, size=answer.bytes)
    return result.model_copy(update={"content": [*result.content, link]})


def _tool_error(export: Export, failure: Exception) -> Exception:
    """Return a failure as what the model reads: how far the export came, and that it left nothing."""
    if isinstance(failure, EmnifyError | LookupFailedError | NotAllSeenError | OrganisationNotFoundError):
        far = f"The export ended after {export.rows:,} rows" if export.rows else "The export ended before its first row"
        return ToolError(f"{far}; no file was kept. {explain(failure)}")
    return ToolError(str(failure)) if isinstance(failure, ExportRefusedError) else failure


async def _report_progress(ctx: ToolContext, export: Export) -> None:
    await ctx.report_progress(export.sims, export.of, f"{export.rows:,} rows{emnify_of(ctx).pacer.giving_way}")


def _build_hint(export: Export) -> str | None:
    parts = []
    if export.unreadable:
        parts.append(f"{export.unreadable:,} records were left out, for emnify sent them in a form nobody knows.")
    if export.gone:
        parts.append(f"{format_quantity(export.gone, 'SIM')} went away meanwhile.")
    if export.written is not None and export.order.format != "json":
        parts.append(
            f"The columns …{IN_GROUPS} are for spreadsheets, which round long numbers; "
            "tools find a SIM by an ICCID or EID in that form."
        )
    end = export.order.selection.end
    if end is not None and export.as_of is not None and end > (today := export.as_of.date()):
        parts.append(f"Days after {today} are still to come.")
    if export.over.is_set() and not export.rows:
        parts.append(
            "Leave a filter out to see what there is."
            if export.order.selection.what == "sims"
            else "Days without traffic or events have no rows; emnify keeps events for 30 days."
        )
    return " ".join(parts) or None


def _preview_cell(cell: Cell) -> Cell:
    if cell is None:
        return ""
    return clean(cell, _CELL_LIMIT) if isinstance(cell, str) else cell if isinstance(cell, int) else float(cell)
