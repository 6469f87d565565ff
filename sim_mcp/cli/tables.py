"""Structured answers as tables a person can read in a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

_STATUS_COLOURS = {
    "Activated": "green",
    "Suspended": "yellow",
    "Deleted": "red",
    "Factory Test": "cyan",
    "changed": "green",
    "failed": "red",
    "unknown": "red",
    "Warn": "yellow",
    "Critical": "red",
}
_UNBROKEN = {"at", "sim", "iccid", "time", "date", "imsi", "msisdn", "status", "outcome", "before", "after"}
"""Columns that are never wrapped, since people compare and copy them."""

_BAR_WIDTH = 36
_INLINE_LENGTH = 30


def print_answer(answer: Mapping[str, Any], console: Console) -> None:
    """Print an answer: scalar fields first, then each list of records as a table."""
    fields = Table(box=None, show_header=False, pad_edge=False)
    fields.add_column(style="dim")
    fields.add_column(overflow="fold")
    for name, value in answer.items():
        if not _is_records(value) and value != []:
            fields.add_row(_heading(name), _cell(value))
    if fields.row_count:
        console.print(fields)
    for name, value in answer.items():
        if name == "days" and _is_records(value):
            console.print(chart(value))
        if _is_records(value):
            console.print(records(value, title=_heading(name)))


def records(rows: Sequence[Mapping[str, Any]], title: str | None = None) -> Table:
    """Return a table with a column for every key that occurs in a row."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", header_style="bold")
    for column in columns:
        numeric = all(isinstance(row.get(column), int | float | None) for row in rows)
        table.add_column(
            _heading(column),
            justify="right" if numeric else "left",
            overflow="fold",
            no_wrap=numeric or column in _UNBROKEN,
        )
    for row in rows:
        table.add_row(*(_cell(row.get(column)) for column in columns))
    return table


def chart(days: Sequence[Mapping[str, Any]]) -> Table:
    """Return a bar chart of data per day, in MB, with the cost where it is known."""
    most = max((day.get("data_mb") or 0 for day in days), default=0) or 1
    table = Table(box=None, title="Data per day", title_justify="left")
    table.add_column("day", no_wrap=True)
    table.add_column("")
    table.add_column("MB", justify="right", no_wrap=True)
    table.add_column("cost", justify="right", no_wrap=True)
    for day in days:
        volume = day.get("data_mb") or 0
        bar = Text("█" * max(1, round(volume / most * _BAR_WIDTH)) if volume else "", style="cyan")
        cost = "" if day.get("data_cost") is None else f"{day['data_cost']:.2f} {day.get('currency') or ''}"
        table.add_row(str(day["date"]), bar, f"{volume:,.3f}", cost)
    return table


def _is_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _heading(key: str) -> str:
    return key.replace("_", " ")


def _cell(value: Any) -> Text:
    # Text, not markup: a device may be named "[red]".
    if value is None:
        return Text("")
    if isinstance(value, dict):
        return Text(", ".join(f"{_heading(key)} {_cell(inner)}" for key, inner in value.items()))
    if isinstance(value, list):
        parts = [str(_cell(inner)) for inner in value]
        # Long items, such as records and sentences, get lines of their own.
        return Text(("\n" if any(len(part) > _INLINE_LENGTH for part in parts) else ", ").join(parts))
    if isinstance(value, float):
        return Text(f"{value:,.3f}".rstrip("0").rstrip("."))
    return Text(str(value), style=_STATUS_COLOURS.get(str(value), ""))
