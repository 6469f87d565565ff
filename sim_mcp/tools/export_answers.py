"""What an export answers, as structured content and as text. Pure."""

from typing import Any
from urllib.parse import quote

from mcp.types import ResourceLink

from sim_mcp.exports.formats import MIME_TYPES, Cell
from sim_mcp.exports.rows import COLUMNS, What
from sim_mcp.exports.service import Export
from sim_mcp.sanitize import clean, fence
from sim_mcp.tools.result import Answer

EXPORT_URI = "export://files/"
"""A place in front of the name: the first part of an address is written in small letters by whoever tidies it."""

_CELL_LIMIT = 60
_NOUNS: dict[What, str] = {"sims": "SIM", "usage": "row of daily usage", "events": "event"}


class ExportReport(Answer):
    """How an export stands, and the file once it is there."""

    state: str
    rows: int
    of_sims: int | None = None
    path: str | None = None
    uri: str | None = None
    bytes: int | None = None
    as_of: str
    columns: list[str] | None = None
    preview: list[Any] | None = None
    left_s: int | None = None
    hint: str | None = None
    next: str | None = None


def export_report(export: Export, now: float) -> ExportReport:
    """Return how an export stands at a moment of the clock it began by."""
    what = export.order.selection.what
    said = ExportReport(
        state="running",
        rows=export.rows,
        of_sims=export.of,
        as_of=f"{export.began:%Y-%m-%dT%H:%M:%SZ}",
        hint=_hint(export),
    )
    if not export.over.is_set():
        left_s = export.left_s(now)
        more = {"left_s": None if left_s is None else round(left_s), "next": export.order.words}
        return said.model_copy(update=more)
    if export.written is None:
        return said.model_copy(update={"state": "nothing"})
    file = export.written.path.name
    return said.model_copy(
        update={
            "state": "done",
            "of_sims": None if what == "sims" else export.sims,
            "path": str(export.written.path),
            "uri": f"{EXPORT_URI}{quote(file)}",
            "bytes": export.written.size,
            "columns": list(COLUMNS[what]),
            "preview": [{name: _shown(cell) for name, cell in row.items()} for row in export.preview],
        }
    )


def export_text(answer: ExportReport, what: What) -> str:
    """Write how an export stands, with every fact of the structure."""
    of_sims = "" if answer.of_sims is None else f" of {_counted(answer.of_sims, 'SIM')}"
    if answer.state == "nothing":
        return _lines(f"Nothing to export{of_sims}, as of {answer.as_of}: 0 rows. No file was written.", answer.hint)
    if answer.state == "running":
        left = "" if answer.left_s is None else f", about {answer.left_s:,} s to go"
        matching = "" if answer.of_sims is None else f"; {_counted(answer.of_sims, 'SIM')} to look at in all"
        return _lines(
            f"Still running since {answer.as_of}: {_counted(answer.rows, _NOUNS[what])} so far{matching}{left}. "
            "It goes on by itself; the same call picks it up.",
            answer.hint,
            f"Next: {answer.next}",
        )
    rows = "\n".join(", ".join(f"{name} {cell}" for name, cell in row.items()) for row in answer.preview or ())
    return _lines(
        f"Done: {_counted(answer.rows, _NOUNS[what])}{of_sims}, {answer.bytes:,} bytes, as of {answer.as_of}.",
        f"Path: {answer.path}",
        f"Resource: {answer.uri}",
        f"Columns: {', '.join(answer.columns or ())}",
        f"First rows, in part:\n{fence(rows)}",
        answer.hint,
    )


def export_link(answer: ExportReport, export: Export) -> ResourceLink | None:
    """Return the link by which a host fetches the file, once it is there."""
    if answer.uri is None or export.written is None:
        return None
    kind = MIME_TYPES[export.order.format]
    return ResourceLink(name=export.written.path.name, uri=answer.uri, mime_type=kind, size=answer.bytes)


def _hint(export: Export) -> str | None:
    parts = []
    if export.unreadable:
        parts.append(f"{export.unreadable:,} records were left out, for emnify sent them in a form nobody knows.")
    if export.gone:
        parts.append(f"{_counted(export.gone, 'SIM')} went away meanwhile.")
    if export.over.is_set() and not export.rows:
        parts.append(
            "Leave a filter out to see what there is."
            if export.order.selection.what == "sims"
            else "Days without traffic or events have no rows; emnify keeps events for 30 days."
        )
    return " ".join(parts) or None


def _shown(cell: Cell) -> Cell:
    return clean(cell, _CELL_LIMIT) if isinstance(cell, str) else float(cell) if cell is not None else None


def _counted(number: int, noun: str) -> str:
    plural = noun.replace("row", "rows") if noun.startswith("row") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def _lines(*lines: str | None) -> str:
    return "\n".join(line for line in lines if line)
