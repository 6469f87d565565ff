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
_BARS = " ▁▂▃▄▅▆▇█"


def show(structure: Mapping[str, Any], console: Console) -> None:
    """Print an answer: single facts first, then each list of records as a table."""
    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_column(style="dim")
    facts.add_column(overflow="fold")
    for name, value in structure.items():
        if not _is_records(value):
            facts.add_row(_heading(name), _cell(value))
    if facts.row_count:
        console.print(facts)
    for name, value in structure.items():
        if _is_records(value):
            console.print(records(value, title=_heading(name)))


def records(rows: Sequence[Mapping[str, Any]], title: str | None = None) -> Table:
    """Return a table with a column for every key that any row has."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", header_style="bold")
    for column in columns:
        numeric = all(isinstance(row.get(column), int | float | None) for row in rows)
        table.add_column(_heading(column), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row.get(column)) for column in columns))
    return table


def sparkline(values: Sequence[float]) -> str:
    """Draw values as one line of bars, the largest full height."""
    top = max(values, default=0.0)
    if top <= 0:
        return _BARS[1] * len(values)
    steps = len(_BARS) - 1
    return "".join(_BARS[max(1, round(value / top * steps))] if value > 0 else _BARS[0] for value in values)


def _is_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _heading(key: str) -> str:
    return key.replace("_", " ")


def _cell(value: Any) -> Text:
    # Text, not markup: a device named "[red]" is shown as it is called.
    if value is None:
        return Text("")
    if isinstance(value, dict):
        return Text(", ".join(f"{_heading(key)} {_cell(inner)}" for key, inner in value.items()))
    if isinstance(value, list):
        return Text(", ".join(str(inner) for inner in value))
    if isinstance(value, float):
        return Text(f"{value:,.3f}".rstrip("0").rstrip("."))
    return Text(str(value), style=_STATUS_COLOURS.get(str(value), ""))
