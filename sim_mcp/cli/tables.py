"""Structured answers as tables a person can read in a terminal, or as blocks where a table does not fit."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
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
_LONGEST_BAR, _SHORTEST_BAR = 36, 8
_LONGEST_UNBROKEN = 24
"""Parts of a list up to here share a line."""

_GAP = 2
_FITS = ((24, 5), (10, 2))
"""How narrow texts may wrap, and how many lines a row may then have on average, for an eye to take it for one."""

Record = Mapping[str, Any]


def print_answer(structure: Record, console: Console) -> None:
    """Print an answer: single facts first, then each list of records."""
    facts = {name: value for name, value in structure.items() if not _is_records(value) and value != []}
    if facts:
        console.print(block(facts, console.width))
    for name, value in structure.items():
        if not _is_records(value):
            continue
        console.print()
        if name == "days":
            console.print(chart(value, console))
        else:
            console.print(Text(_heading(name), style="italic"))
            console.print(records(value, console))


def records(rows: Sequence[Record], console: Console) -> RenderableType:
    """Return a table with a column for every key that any row has, or a block for each row where none fits."""
    if any(isinstance(value, dict | list) for row in rows for value in row.values()):
        return blocks(rows, console.width)
    for narrowest, tallest in _FITS:
        table = _table(rows, narrowest, console.width)
        if table is not None and len(console.render_lines(table)) <= tallest * (len(rows) + 1) + 2:
            return table
    return blocks(rows, console.width)


def _table(rows: Sequence[Record], narrowest: int, width: int) -> Table | None:
    """Return a table whose texts wrap no narrower than that, or None where it needs more than the width."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    least = {column: _least_width(column, rows, narrowest) for column in columns}
    left = width - sum(least.values()) - _GAP * (len(columns) - 1)
    if left < 0:
        return None
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column in columns:
        wanted = max(_width(row.get(column)) for row in rows) - least[column]
        more = max(0, min(left, wanted))
        left -= more
        numeric = all(isinstance(row.get(column), int | float | None) for row in rows)
        table.add_column(_heading(column), justify="right" if numeric else "left", width=least[column] + more)
    for row in rows:
        table.add_row(*(_cell(row.get(column)) for column in columns))
    return table


def blocks(rows: Sequence[Record], width: int) -> RenderableType:
    """Return each record as lines of `name  value`, with an empty line between two."""
    parts: list[RenderableType] = []
    for row in rows:
        parts += [block(row, width), Text("")]
    return Group(*parts[:-1])


def block(record: Record, width: int) -> RenderableType:
    """Return one record as lines of `name  value`; what is itself a record, and is long, stands below its name."""
    labels = max(len(_heading(name)) for name in record)
    parts: list[RenderableType] = []
    grid = _grid()
    for name, value in record.items():
        if value is None or value == []:
            continue
        if isinstance(value, dict) and _width(value) > width - labels - _GAP:
            parts += [grid, Text(_heading(name), style="dim"), Padding(block(value, width - _GAP), (0, 0, 0, _GAP))]
            grid = _grid()
        else:
            grid.add_row(Text(_heading(name).ljust(labels), style="dim"), _cell(value))
    return Group(*(part for part in (*parts, grid) if not isinstance(part, Table) or part.row_count))


def chart(days: Sequence[Record], console: Console) -> Table:
    """Return data per day as bars, with its cost where it is known."""
    most = max((day.get("data_mb") or 0 for day in days), default=0) or 1
    longest = max(_SHORTEST_BAR, min(_LONGEST_BAR, console.width - 44))
    ink = "█" if console.encoding.lower().startswith("utf") else "#"
    table = Table(box=None, title="Data per day", title_justify="left", pad_edge=False)
    table.add_column("day", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("MB", justify="right", no_wrap=True)
    table.add_column("cost", justify="right", no_wrap=True)
    for day in days:
        volume = day.get("data_mb") or 0
        bar = Text(ink * max(1, round(volume / most * longest)) if volume else "", style="cyan")
        cost = "" if day.get("data_cost") is None else f"{day['data_cost']:.2f} {day.get('currency') or ''}"
        table.add_row(str(day["date"]), bar, f"{volume:,.3f}", cost)
    return table


def _grid() -> Table:
    grid = Table.grid(padding=(0, _GAP, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    return grid


def _least_width(column: str, rows: Sequence[Record], narrowest: int) -> int:
    """Return the fewest columns in which no word of any cell is broken, and no text squeezed."""
    cells = [_cell(row.get(column)) for row in rows]
    words = max(len(word) for text in (_heading(column), *(cell.plain for cell in cells)) for word in text.split())
    return max(words, min(narrowest, max(cell.cell_len for cell in cells)))


def _width(value: Any) -> int:
    return max((line.cell_len for line in _cell(value).split()), default=0)


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
        parts = [str(_cell(inner)) for inner in value]
        # Records and sentences stand in lines of their own.
        return Text(("\n" if any(len(part) > _LONGEST_UNBROKEN for part in parts) else ", ").join(parts))
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, float):
        return Text(f"{value:,.6f}".rstrip("0").rstrip("."))
    return Text(str(value), style=_STATUS_COLOURS.get(str(value), ""))
