"""export_sims: SIMs, their daily usage or their events in a file. It sends nothing but GET."""

from datetime import timedelta
from typing import Annotated
from urllib.parse import quote

import anyio
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, ResourceLink
from pydantic import BeforeValidator, Field, WithJsonSchema

from sim_mcp.emnify import EmnifyError, InvalidValueError, SimFilter, SimStatus
from sim_mcp.exports.files import ExportRefusedError, check_file_name
from sim_mcp.exports.formats import MIME_TYPES, Cell, Format
from sim_mcp.exports.rows import COLUMNS, What
from sim_mcp.exports.service import Export, Order
from sim_mcp.exports.sources import Selection
from sim_mcp.fleet.lookup.failures import LookupFailedError
from sim_mcp.fleet.lookup.organisations import NotAllSeenError, OrganisationNotFoundError
from sim_mcp.formatting import format_quantity, format_timestamp, join_lines
from sim_mcp.sanitize import clean, fence
from sim_mcp.tools.context import ToolContext, exports_of
from sim_mcp.tools.errors import explain
from sim_mcp.tools.parameters import Day, Name, Status, ready_call, wrap_scalar
from sim_mcp.tools.registry import Entry
from sim_mcp.tools.result import Answer, respond

EXPORT_URI = "export://files/"
"""A place in front of the name: the first part of an address is lower-cased by whoever normalises it."""

_DEFAULT_DAYS, _MAX_DAYS = 30, 366
_MAX_NAMES = 1000
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
    as_of: str
    columns: list[str] | None = None
    preview: list[PreviewRow] | None = None
    left_s: int | None = None
    hint: str | None = None
    next: str | None = None


async def export_sims(
    ctx: ToolContext,
    what: What = "sims",
    sims: Annotated[
        list[Name] | None,
        Field(max_length=_MAX_NAMES, description="only these, e.g. by ICCID"),
        BeforeValidator(wrap_scalar),
    ] = None,
    status: Status | None = None,
    organisation: Annotated[Name | None, Field(description="customer: name or id")] = None,
    model: Name | None = None,
    has_device: bool | None = None,
    start: Annotated[Day | None, Field(description="of usage, events; default: 30 days")] = None,
    end: Day | None = None,
    format: Format = "csv",  # noqa: A002  # the word people use.
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
        "organisation": organisation,
        "model": model,
        "has_device": has_device,
        "start": start,
        "end": end,
        "format": None if format == "csv" else format,
        "file_name": file_name,
    }
    if sims and any(given[name] is not None for name in ("status", "organisation", "model", "has_device")):
        raise InvalidValueError("sims names the SIMs already; leave it out to filter, or the filters out")
    if what == "sims" and (start or end):
        raise InvalidValueError("SIMs are exported as they are now; start and end go with what=usage or what=events")
    now = service.now()
    last = end or now.date()
    first = start or last - timedelta(days=_DEFAULT_DAYS - 1)
    if first > last:
        raise InvalidValueError(f"start {first} is after end {last}; swap them")
    if (last - first).days >= _MAX_DAYS:
        raise InvalidValueError(f"{first} to {last} is longer than {_MAX_DAYS} days; export it in parts")
    chosen = SimFilter(status=SimStatus.from_word(status) if status else None, model=model)
    str(chosen)  # what cannot be expressed is refused before anything is sent.
    name = check_file_name(file_name or f"{what}-{now:%Y%m%dT%H%M%SZ}", format)
    selection = Selection(what, chosen, organisation, has_device, tuple(sims or ()), first, last)
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
        as_of=format_timestamp(export.began),
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
            "columns": list(COLUMNS[what]),
            "preview": [{name: _preview_cell(cell) for name, cell in row.items()} for row in export.preview],
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
        matching = "" if answer.of_sims is None else f"; {format_quantity(answer.of_sims, 'SIM')} to look at in all"
        return join_lines(
            f"Still running since {answer.as_of}: {rows} so far{matching}{left}. "
            "It goes on by itself; the same call picks it up.",
            answer.hint,
            f"Next: {answer.next}",
        )
    preview = "\n".join(", ".join(f"{name} {cell}" for name, cell in row.items()) for row in answer.preview or ())
    return join_lines(
        f"Done: {rows}{of_sims}, {answer.bytes:,} bytes, as of {answer.as_of}.",
        f"Path: {answer.path}",
        f"Resource: {answer.uri}",
        f"Columns: {', '.join(answer.columns or ())}",
        f"First rows, in part:\n{fence(preview)}",
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
    mime_type = MIME_TYPES[export.order.format]
    link = ResourceLink(name=export.written.path.name, uri=answer.uri, mime_type=mime_type, size=answer.bytes)
    return result.model_copy(update={"content": [*result.content, link]})


def _tool_error(export: Export, failure: Exception) -> Exception:
    """Return a failure as what the model reads: how far the export came, and that it left nothing."""
    if isinstance(failure, EmnifyError | LookupFailedError | NotAllSeenError | OrganisationNotFoundError):
        far = f"The export ended after {export.rows:,} rows" if export.rows else "The export ended before its first row"
        return ToolError(f"{far}; no file was kept. {explain(failure)}")
    return ToolError(str(failure)) if isinstance(failure, ExportRefusedError) else failure


async def _report_progress(ctx: ToolContext, export: Export) -> None:
    await ctx.report_progress(export.sims, export.of, f"{export.rows:,} rows")


def _build_hint(export: Export) -> str | None:
    parts = []
    if export.unreadable:
        parts.append(f"{export.unreadable:,} records were left out, for emnify sent them in a form nobody knows.")
    if export.gone:
        parts.append(f"{format_quantity(export.gone, 'SIM')} went away meanwhile.")
    if export.over.is_set() and not export.rows:
        parts.append(
            "Leave a filter out to see what there is."
            if export.order.selection.what == "sims"
            else "Days without traffic or events have no rows; emnify keeps events for 30 days."
        )
    return " ".join(parts) or None


def _preview_cell(cell: Cell) -> Cell:
    return clean(cell, _CELL_LIMIT) if isinstance(cell, str) else float(cell) if cell is not None else None
