"""Rows come back out of a file as they went in, and no spreadsheet runs what a customer wrote."""

import csv
import io
import json
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_mcp.exports.formats import Cell, Row, body, csv_cell, european_cell, foot, head
from sim_mcp.sanitize import is_visible, spreadsheet_safe, visible

COLUMNS = ("a", "b", "c")
RUN_AS_FORMULA = re.compile(r"[\s\"]*[=+\-@＝＋－＠]")  # noqa: RUF001  # full-width signs are run as well.

texts = st.text(st.one_of(st.characters(codec="utf-8"), st.sampled_from("=+-@;|,\"'\t\r\n ＝＋－＠01")), max_size=30)  # noqa: RUF001  # as above.
cells: st.SearchStrategy[Cell] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12),
    texts,
)
tables = st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, cells)), max_size=8)


def parts(rows: list[Row], sizes: int) -> list[list[Row]]:
    return [rows[at : at + sizes] for at in range(0, len(rows), sizes)]


@given(tables, st.integers(1, 4))
def test_csv_comes_back_cell_by_cell_however_it_was_split(rows: list[Row], sizes: int) -> None:
    written = head("csv", COLUMNS) + "".join(body("csv", COLUMNS, part, first=False) for part in parts(rows, sizes))
    read = list(csv.reader(io.StringIO(written, newline="")))
    assert read == [list(COLUMNS), *([csv_cell(row[column]) for column in COLUMNS] for row in rows)]
    # One row is one line: tools that work by the line read it too.
    assert len(written.splitlines()) >= len(rows) + 1
    assert written.count("\r\n") == len(rows) + 1


@given(tables)
def test_the_european_variant_has_semicolons_and_comes_back_too(rows: list[Row]) -> None:
    written = head("csv_eu", COLUMNS) + body("csv_eu", COLUMNS, rows, first=True) + foot("csv_eu")
    read = list(csv.reader(io.StringIO(written, newline=""), delimiter=";"))
    assert read == [list(COLUMNS), *([european_cell(row[column]) for column in COLUMNS] for row in rows)]
    assert written.startswith("a;b;c\r\n")


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (Decimal("0.848157"), "0,848157"),
        (Decimal("-1234.50"), "-1234,50"),
        (0.5, "0,5"),
        (1234, "1234"),
        ("10.128.0.0", "10.128.0.0"),
        ("2026-11-22T12:00:00Z", "2026-11-22T12:00:00Z"),
        ("=1.5", "'=1.5"),
        (True, "true"),
        (None, ""),
    ],
)
def test_only_numbers_get_a_decimal_comma(value: Cell, cell: str) -> None:
    assert european_cell(value) == cell


@given(tables, st.integers(1, 4))
def test_json_comes_back_as_it_was_and_leaves_out_what_is_unknown(rows: list[Row], sizes: int) -> None:
    bodies = [body("json", COLUMNS, part, first=at == 0) for at, part in enumerate(parts(rows, sizes))]
    written = head("json", COLUMNS) + "".join(bodies) + foot("json")
    expected = [
        {name: float(cell) if isinstance(cell, Decimal) else cell for name, cell in row.items() if cell is not None}
        for row in rows
    ]
    assert json.loads(written) == expected
    assert written.count("\n") == len(rows) + 2


@given(texts)
def test_no_cell_is_a_formula_whatever_separates_columns_where_it_is_opened(text: str) -> None:
    cell = csv_cell(text)
    assert not RUN_AS_FORMULA.match(cell)
    for separator in ";|\t":
        assert not any(RUN_AS_FORMULA.match(part) for part in cell.split(separator)[1:])
    assert cell.replace("'", "") == visible(text).replace("'", "")


@given(texts, st.sampled_from(["", "a", "9", "é", "Pump 1"]))
def test_a_cell_that_needs_no_care_is_the_same_as_with_all_of_it(text: str, before: str) -> None:
    assert csv_cell(before + text) == spreadsheet_safe(before + text)


def test_no_character_makes_a_formula_pass_for_plain_text() -> None:
    for char in map(chr, [*range(0xD800), *range(0xE000, 2**16)]):
        text = f"a{char}=1"
        assert csv_cell(text) == spreadsheet_safe(text)
        assert csv_cell(char) == spreadsheet_safe(char)


@given(tables)
def test_json_is_written_as_the_standard_library_writes_it(rows: list[Row]) -> None:
    known = [{name: row[name] for name in COLUMNS if row[name] is not None} for row in rows]
    lines = [json.dumps(row, ensure_ascii=False, default=float) for row in known]
    written = body("json", COLUMNS, rows, first=True).split("\n")[1:]
    for line, plain in zip(written, lines, strict=True):
        assert all(map(is_visible, line))
        assert line.removesuffix(",") == plain or not all(map(is_visible, plain))
        assert json.loads(line.removesuffix(",")) == json.loads(plain)


def test_what_nobody_sees_is_escaped_in_json_and_read_back_as_it_was() -> None:
    hidden = "Pump \U000e0041\u3164\u202e7"
    written = body("json", COLUMNS, [{"a": hidden}], first=True)
    assert written == '\n{"a": "Pump \\udb40\\udc41\\u3164\\u202e7"}'
    assert json.loads(written) == {"a": hidden}


@given(texts)
def test_what_is_safe_stays_as_it_is_when_made_safe_again(text: str) -> None:
    assert spreadsheet_safe(spreadsheet_safe(text)) == spreadsheet_safe(text)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("=cmd|'/c calc'!A0", "'=cmd|'/c calc'!A0"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-2+3", "'-2+3"),
        ("\t=1", " '=1"),
        ("\r\n=1", "  '=1"),
        ("\u3164=1", "'=1"),  # a letter to Python, and nothing to the eye.
        ("\ufe0f\u200b@x", "'@x"),
        ("a;\u2800=1", "a;'=1"),
        ("Pum\U000e0041p", "Pump"),
        ("a;=1", "a;'=1"),
        ('a;"=1', "a;\"'=1"),
        ("＝1", "'＝1"),  # noqa: RUF001  # that is the point.
        ("89883030000060000004", "89883030000060000004"),
        ("8988-3030-0000-6000-0004", "8988-3030-0000-6000-0004"),
        ("Pump 1 - north", "Pump 1 - north"),
        ("Zürich, Halle 4", "Zürich, Halle 4"),
        (Decimal("1E-7"), "0.0000001"),
        (Decimal("-0.50"), "-0.50"),
        (True, "true"),
        (None, ""),
    ],
)
def test_cells_are_as_spreadsheets_need_them(text: Cell, cell: str) -> None:
    assert csv_cell(text) == cell
