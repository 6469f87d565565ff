"""Structured answers as tables a person can read in a terminal, or as blocks where a table does not fit."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console, Group, JustifyMethod, RenderableType
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
_WIDE, _NARROW = 24, 10
"""How narrow the texts of a table may wrap: where there is room, and where there is little."""
_FEW, _SOME = 2, 5
"""Lines that a row may have on average for an eye to take it for one; with more than a few, rows stand apart."""
_SENTENCE = 40
"""Texts from here on stand in a line of their own below their row."""
_LEAST_COLUMNS = 2
"""Columns that have to fit for a table with the rest of each row below it."""

Record = Mapping[str, Any]


def print_answer(structure: Record, console: Console) -> None:
    """Print an answer in its own order: what a tool puts first is what matters most."""
    parts: list[RenderableType] = []
    facts: dict[str, Any] = {}
    for name, value in structure.items():
        if not _is_records(value):
            facts |= {name: value} if value is not None and value != [] else {}
            continue
        parts += [block(facts, console.width)] if facts else []
        facts = {}
        title = [] if name == "days" else [Text(_heading(name), style="italic")]
        parts.append(Group(*title, chart(value, console) if name == "days" else records(value, console)))
    parts += [block(facts, console.width)] if facts else []
    for at, part in enumerate(parts):
        if at:
            console.print()
        console.print(part)


def records(rows: Sequence[Record], console: Console) -> RenderableType:
    """Return a table of the rows, or where that gets too narrow, one of the first columns with the rest of each row
    below it, or a block for each row.
    """  # noqa: D205  # one sentence.
    if any(isinstance(value, dict | list) for row in rows for value in row.values()):
        return blocks(rows, console.width)
    wide, narrow = (_table(rows, narrowest, console.width) for narrowest in (_WIDE, _NARROW))
    for table in (wide, narrow):
        if table is not None and _lines_of_a_row(table, rows, console) <= _FEW:
            return table
    outlined = _outline(rows, console.width) if len(rows) > 1 else None
    if outlined is not None:
        return outlined
    if wide is not None and _lines_of_a_row(wide, rows, console) <= _SOME:
        wide.leading = 1
        return wide
    return blocks(rows, console.width)


def _lines_of_a_row(table: Table, rows: Sequence[Record], console: Console) -> float:
    rule = 1
    return (len(console.render_lines(table)) - rule) / (len(rows) + 1)


def _outline(rows: Sequence[Record], width: int) -> RenderableType | None:
    """Return a table of as many columns as fit unwrapped, the rest of each row below it; None where hardly any fit."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    leading: dict[str, int] = {}
    for column in columns:
        cells = [_cell(row.get(column)) for row in rows]
        needed = max(len(_heading(column)), *(cell.cell_len for cell in cells))
        if sum(leading.values()) + _GAP * len(leading) + needed > width or any("\n" in cell.plain for cell in cells):
            break
        leading[column] = needed
    if len(leading) < _LEAST_COLUMNS:
        return None
    right = {column for column in leading if _is_numeric(column, rows)}
    head = _line({column: Text(_heading(column), style="bold") for column in leading}, leading, right)
    parts: list[RenderableType] = [head, Text("─" * (sum(leading.values()) + _GAP * (len(leading) - 1)))]
    for row in rows:
        parts.append(_line({column: _cell(row.get(column)) for column in leading}, leading, right))
        rest = {name: value for name, value in row.items() if name not in leading and value is not None}
        parts += [Padding(line, (0, 0, 0, _GAP)) for line in _rest(rest)]
    return Group(*parts)


def _line(cells: Mapping[str, Text], widths: Mapping[str, int], right: set[str]) -> Text:
    parts = []
    for column, cell in cells.items():
        blank = Text(" " * (widths[column] - cell.cell_len))
        parts.append(blank + cell if column in right else cell + blank)
    line = Text(" " * _GAP).join(parts)
    line.rstrip()
    return line


def _rest(row: Record) -> list[Text]:
    """Return what is short in one line, and what is long in lines of its own, each after its name."""
    short: list[Text] = []
    long: list[Text] = []
    for name, value in row.items():
        cell = _cell(value)
        if cell:
            kept = short if cell.cell_len < _SENTENCE else long
            kept.append(Text(f"{_heading(name)} ", style="dim") + cell)
    return ([Text(", ").join(short)] if short else []) + long


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
        justify: JustifyMethod = "right" if _is_numeric(column, rows) else "left"
        table.add_column(_heading(column), justify=justify, width=least[column] + more)
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


def _is_numeric(column: str, rows: Sequence[Record]) -> bool:
    return all(isinstance(row.get(column), int | float | None) for row in rows)


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
