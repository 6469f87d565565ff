"""What a person reads in a terminal, or sends to a file, is whole at any width."""

import io
from typing import Any

import pytest
from hypothesis import given, settings
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
@settings(deadline=None)
@given(RECORDS)
def test_no_word_is_cut_or_broken_and_no_line_is_wider_than_the_terminal(
    width: int, rows: list[dict[str, Any]]
) -> None:
    text = printed(width, lambda console: records(rows, console))
    assert max(map(len, text.splitlines())) <= width
    found = text.split()
    for row in rows:
        for value in row.values():
            if value is not None and not isinstance(value, bool):
                assert [word for word in str(value).split() if word not in found] == []


@pytest.mark.parametrize("width", WIDTHS)
def test_headings_are_whole(width: int) -> None:
    text = printed(width, lambda console: records(SIMS, console))
    assert all(name in text for name in ("iccid", "status", "device", "sms", "cost", "currency"))


def test_what_fits_is_a_table_and_what_does_not_is_a_block_for_each_record() -> None:
    assert "─" in printed(80, lambda console: records(SIMS, console))
    narrow = printed(60, lambda console: records(SIMS, console))
    assert "─" not in narrow
    assert narrow.splitlines()[0].split() == ["iccid", SIMS[0]["iccid"]]
    assert narrow.count("currency  EUR") == len(SIMS)


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
