"""Rows as the text of a CSV or JSON file. Pure."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Literal

from sim_mcp.sanitize import escaped, spreadsheet_safe

Cell = str | int | float | Decimal | bool | None
Row = Mapping[str, Cell]
Format = Literal["csv", "csv_eu", "json"]
"""`csv_eu` has semicolons between cells and commas in numbers, as spreadsheets of continental Europe expect."""

SUFFIXES: dict[Format, str] = {"csv": "csv", "csv_eu": "csv", "json": "json"}
MIME_TYPES = {"csv": "text/csv", "json": "application/json"}
"""By suffix."""

# A CSV file is for spreadsheets, and without the mark Excel takes UTF-8 for the code page of its country.
# A JSON file is for programs, and must not begin with one (RFC 8259, section 8.1).
ENCODINGS = {"csv": "utf-8-sig", "json": "utf-8"}
"""By suffix."""

_JSON = json.JSONEncoder(ensure_ascii=False)


def head(file_format: Format, columns: Sequence[str]) -> str:
    """Return the text before the first row."""
    return "[" if file_format == "json" else _csv([columns], file_format)


def body(file_format: Format, columns: Sequence[str], rows: Iterable[Row], *, first: bool) -> str:
    """Return rows as text that follows the head, or the rows before.

    JSON is one array with each row on a line of its own, for tools that read a document and for those that read lines.
    Its strings are what emnify sent, with invisible characters written as escapes.
    """
    if file_format != "json":
        cell = csv_cell if file_format == "csv" else european_cell
        return _csv((map(cell, map(row.get, columns)) for row in rows), file_format)
    lines = [escaped(_replace_surrogates(_JSON.encode(_present(row, columns)))) for row in rows]
    return "".join(f"{'' if first and at == 0 else ','}\n{line}" for at, line in enumerate(lines))


def foot(file_format: Format) -> str:
    """Return the text after the last row."""
    return "\n]\n" if file_format == "json" else ""


def csv_cell(value: Cell) -> str:
    """Return a cell on one line that no spreadsheet runs as a formula, without invisible characters.

    Numbers stay as they are: emnify's volumes and costs are read as numbers before they get here. The digits of an
    ICCID, EID or IMEI stay as they are too: any trick that keeps a spreadsheet from rounding them (a formula, a tab, an
    apostrophe) makes them something else for whatever else reads the file. People get the columns `…_in_groups` beside
    them, which no spreadsheet takes for a number.
    """
    if isinstance(value, str):
        return value if _is_plain(value) else spreadsheet_safe(_replace_surrogates(value))
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value)


def european_cell(value: Cell) -> str:
    """Return a cell as `csv_cell` does, with a comma in numbers that have decimals."""
    text = csv_cell(value)
    return text.replace(".", ",") if isinstance(value, float | Decimal) else text


def _is_plain(text: str) -> bool:
    """Tell quickly, for nearly every cell, that nothing in it has to be escaped or replaced.

    It does not begin like a formula, has no separator that one could follow, and no invisible character.
    """
    return text.isascii() and (
        text.isalnum() or (text[:1].isalnum() and text.isprintable() and ";" not in text and "|" not in text)
    )


def _replace_surrogates(text: str) -> str:
    """Replace half of a surrogate pair, which no file can hold, by a question mark."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def _csv(lines: Iterable[Iterable[str]], file_format: Format) -> str:
    # With its CRLF, as RFC 4180 has it.
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter="," if file_format == "csv" else ";").writerows(lines)
    return buffer.getvalue()


def _present(row: Row, columns: Sequence[str]) -> dict[str, Cell]:
    """Return the cells that are known; an absent key means unknown."""
    return {
        column: float(value) if isinstance(value, Decimal) else value
        for column in columns
        if (value := row.get(column)) is not None
    }
