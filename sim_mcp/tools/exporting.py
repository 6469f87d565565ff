"""The tool that writes SIMs, their usage or their events to a file. It sends nothing but GET."""

from datetime import timedelta
from typing import Annotated

import anyio
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult
from pydantic import BeforeValidator, Field

from sim_mcp.emnify import EmnifyError, InvalidValueError, SimFilter, SimStatus
from sim_mcp.exports.files import ExportRefusedError, checked_name
from sim_mcp.exports.formats import Format
from sim_mcp.exports.rows import What
from sim_mcp.exports.service import Export, Order
from sim_mcp.exports.sources import Selection
from sim_mcp.fleet.lookup.organisations import NotAllSeenError, OrganisationNotFoundError
from sim_mcp.fleet.lookup.sims import LookupFailedError
from sim_mcp.tools.context import ToolContext, exports_of
from sim_mcp.tools.errors import explain
from sim_mcp.tools.export_answers import ExportReport, export_link, export_report, export_text
from sim_mcp.tools.parameters import Day, Name, Status, ready_call, several
from sim_mcp.tools.result import respond

_DEFAULT_DAYS, _MOST_DAYS = 30, 366
_MOST_NAMES = 1000


async def export_sims(
    ctx: ToolContext,
    what: What = "sims",
    sims: Annotated[
        list[Name] | None,
        Field(max_length=_MOST_NAMES, description="only these, e.g. by ICCID"),
        BeforeValidator(several),
    ] = None,
    status: Status | None = None,
    organisation: Annotated[Name | None, Field(description="customer: name or id")] = None,
    model: Name | None = None,
    has_device: bool | None = None,
    start: Annotated[Day | None, Field(description="of usage, events; default: 30 days")] = None,
    end: Day | None = None,
    format: Format = "csv",  # noqa: A002  # the word people use.
    file_name: Annotated[str | None, Field(description="without folder")] = None,
) -> Annotated[CallToolResult, ExportReport]:
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
    if (last - first).days >= _MOST_DAYS:
        raise InvalidValueError(f"{first} to {last} is longer than {_MOST_DAYS} days; export it in parts")
    chosen = SimFilter(status=SimStatus.from_word(status) if status else None, model=model)
    str(chosen)  # what cannot be expressed is refused before anything is sent.
    name = checked_name(file_name or f"{what}-{now:%Y%m%dT%H%M%SZ}", format)
    selection = Selection(what, chosen, organisation, has_device, tuple(sims or ()), first, last)
    order = Order(ready_call("export_sims", given), selection, format, name)
    return _answered(await service.export(order, lambda export: _tell(ctx, export)))


async def _tell(ctx: ToolContext, export: Export) -> None:
    await ctx.report_progress(export.sims, export.of, f"{export.rows:,} rows")


def _answered(export: Export) -> CallToolResult:
    if export.failure is not None:
        raise _worded(export, export.failure)
    report = export_report(export, anyio.current_time())
    result = respond(report, export_text(report, export.order.selection.what))
    link = export_link(report, export)
    return result if link is None else result.model_copy(update={"content": [*result.content, link]})


def _worded(export: Export, failure: Exception) -> Exception:
    """Say of what ended an export how far it was, and that it left nothing."""
    if isinstance(failure, EmnifyError | LookupFailedError | NotAllSeenError | OrganisationNotFoundError):
        far = f"The export ended after {export.rows:,} rows" if export.rows else "The export ended before its first row"
        return ToolError(f"{far}; no file was kept. {explain(failure)}")
    return ToolError(str(failure)) if isinstance(failure, ExportRefusedError) else failure
