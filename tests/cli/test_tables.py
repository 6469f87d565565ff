"""What a person reads in a terminal, or sends to a file, is whole at any width."""

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from sim_mcp.cli.tables import block, blocks, print_answer, records

WIDTHS = [60, 80, 140]
SIMS = [
    {"iccid": f"8988303000006000{number:04}", "status": "Activated", "device": f"Digital sign Łódź {number}",
     "data_mb": 1257.061 + number, "sms": 3, "cost": 62.85, "currency": "EUR"}
    for number in range(3)
]  # fmt: skip
WORDS = st.text(st.sampled_from("abcdefgh0123456789-ä"), min_size=1, max_size=25)
VALUES = st.none() | st.integers(0, 10**20) | st.booleans() | st.lists(WORDS, min_size=1, max_size=9).map(" ".join)
RECORDS = st.lists(st.dictionaries(WORDS.map(lambda word: f"k{word}"), VALUES, min_size=1, max_size=12), min_size=1)


def printed(width: int, make: Any) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width)
    console.print(make(console))
    return out.getvalue()


@pytest.mark.parametrize("width", WIDTHS)
@given(RECORDS)
def test_no_word_is_cut_or_broken_and_no_line_is_wider_than_the_terminal(
    width: int, rows: list[dict[str, Any]]
) -> None:
    text = printed(width, lambda console: records(rows, console))
    assert max(map(len, text.splitlines())) <= width
    found = {word for said in text.split() for word in (said, said.removesuffix(","))}
    for row in rows:
        for value in row.values():
            if value is not None and not isinstance(value, bool):
                assert [word for word in str(value).split() if word not in found] == []


@pytest.mark.parametrize("width", WIDTHS)
def test_headings_are_whole(width: int) -> None:
    text = printed(width, lambda console: records(SIMS, console))
    assert all(name in text for name in ("iccid", "status", "device", "sms", "cost", "currency"))


def test_what_fits_is_a_table_and_the_columns_that_do_not_stand_below_their_row() -> None:
    wide = printed(90, lambda console: records(SIMS, console))
    assert "─" in wide
    assert len(wide.splitlines()) == 2 + len(SIMS)
    assert "currency" in printed(80, lambda console: records(SIMS, console)).splitlines()[0]
    narrow = [line.rstrip() for line in printed(60, lambda console: records(SIMS, console)).splitlines()]
    assert narrow[0].split() == ["iccid", "status", "device"]
    assert narrow[2:4] == [
        "89883030000060000000  Activated  Digital sign Łódź 0",
        "  data mb 1,257.061, sms 3, cost 62.85, currency EUR",
    ]
    assert len(narrow) == 2 + 2 * len(SIMS)


def test_long_texts_stand_in_lines_of_their_own_below_their_row() -> None:
    text = "PDP Context Request rejected, because quota volume of endpoint is exhausted."
    rows = [
        {"what": "session rejected", "to": "2026-11-22T11:00Z", "count": 26, "text": text},
        {"what": "data session", "to": "2026-11-20T08:00Z", "data_mb": 10.761, "network": "Telekom", "radio": "LTE"},
    ]
    lines = [line.rstrip() for line in printed(60, lambda console: records(rows, console)).splitlines()]
    assert lines == [
        "what              to                 count",
        "──────────────────────────────────────────",
        "session rejected  2026-11-22T11:00Z     26",
        "  text PDP Context Request rejected, because quota volume of",
        "  endpoint is exhausted.",
        "data session      2026-11-20T08:00Z",
        "  data mb 10.761, network Telekom, radio LTE",
    ]


def test_where_hardly_a_column_fits_or_there_is_one_record_each_is_a_block() -> None:
    long = [{"name": f"{number} " + "x" * 55, "eid": "8" * 32, "text": "y " * 40} for number in range(2)]
    for rows in (long, [SIMS[0] | {"msisdn": "4" * 15}]):
        text = printed(60, lambda console, rows=rows: records(rows, console))
        assert "─" not in text
        assert text.splitlines()[0].split()[0] == next(iter(rows[0]))


def test_rows_of_many_lines_stand_apart() -> None:
    rows = [{"tool": "a" * 20, "does": "word " * 30}, {"tool": "b" * 20, "does": "word " * 30}]
    lines = [line.strip() for line in printed(80, lambda console: records(rows, console)).splitlines()]
    assert lines.count("") == 1


def test_what_holds_records_itself_is_told_below_its_name() -> None:
    group = {"why": "no_device", "examples": [{"iccid": "8" * 20, "device": "Gate 9"}, {"iccid": "9" * 20}]}
    text = printed(60, lambda console: records([group], console))
    assert [line.rstrip() for line in text.splitlines()][1:] == [
        "examples  iccid " + "8" * 20 + ", device Gate 9",
        "          iccid " + "9" * 20,
    ]


def test_a_long_record_stands_below_its_name_and_a_short_one_beside_it() -> None:
    long = {"state": {f"fact {number}": "of some length" for number in range(9)}, "total": {"sms": 2}}
    text = printed(60, lambda console: block(long, console.width))
    assert text.splitlines()[0].rstrip() == "state"
    assert "  fact 8  of some length" in text
    assert "total  sms 2" in text


def test_between_two_records_is_an_empty_line_and_none_at_the_end() -> None:
    text = printed(60, lambda console: blocks(SIMS[:2], console.width))
    assert [line.strip() for line in text.splitlines()].count("") == 1
    assert text.splitlines()[-1].strip()


def test_an_answer_is_in_its_own_order() -> None:
    out = io.StringIO()
    findings = [{"cause": "The quota is used up.", "evidence": ["a", "b"]}]
    answer = {"iccid": "8988", "findings": findings, "ruled_out": ["IMEI lock"], "days": [{"date": "2026-11-01"}]}
    print_answer(answer, Console(file=out, width=60))
    lines = [line.split(" ")[0] for line in out.getvalue().splitlines()]
    assert lines == ["iccid", "", "findings", "cause", "evidence", "", "ruled", "", "Data", "day", "2026-11-01"]


def test_an_answer_of_a_list_alone_begins_with_it() -> None:
    out = io.StringIO()
    print_answer({"statuses": [{"id": 0}, {"id": 1}]}, Console(file=out, width=60))
    assert out.getvalue().splitlines()[0].strip() == "statuses"


def test_an_answer_leads_with_its_facts() -> None:
    out = io.StringIO()
    print_answer({"total": 3, "hint": None, "sims": SIMS, "notes": []}, Console(file=out, width=140))
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    assert lines[:3] == ["total  3", "", "sims"]
    assert "hint" not in out.getvalue()


@pytest.mark.parametrize(("encoding", "ink"), [("utf-8", "█"), ("ascii", "#"), ("cp1252", "#")])
def test_a_chart_is_drawn_with_what_the_encoding_has(encoding: str, ink: str) -> None:
    days = [{"date": "2026-11-01", "data_mb": 5.0}, {"date": "2026-11-02", "data_mb": 0}]
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    print_answer({"days": days}, Console(file=out, width=60))
    out.seek(0)
    assert ink * 8 in out.read()
