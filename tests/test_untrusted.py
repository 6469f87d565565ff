"""Text of customers, devices and networks stays data."""

import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from sim_mcp.untrusted import clean, fence, quoted


@given(st.text())
def test_nothing_invisible_survives_and_the_limit_holds(text: str) -> None:
    cleaned = clean(text, 40)
    assert len(cleaned) <= 40
    assert all(unicodedata.category(char)[0] != "C" for char in cleaned)
    assert "\n" not in cleaned


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=40))
def test_ordinary_names_stay_as_they_are(name: str) -> None:
    assert clean(name, 40) == name


def test_bidirectional_and_zero_width_characters_are_taken_out() -> None:
    assert clean("pay\u202eroll\u200b\u2066x\ufeff\x07") == "payrollx"


@given(st.text())
def test_a_quoted_text_cannot_close_its_quotes(text: str) -> None:
    assert quoted(text)[1:-1].count('"') == 0


@given(st.text())
def test_a_fence_cannot_be_closed_from_inside(text: str) -> None:
    fenced = fence(clean(text))
    boundary = re.match(r"<(data-[0-9a-f]{8})>", fenced)
    assert boundary is not None
    assert fenced.count(f"</{boundary[1]}>") == 1
    assert fenced.endswith(f"</{boundary[1]}>")


def test_each_fence_has_a_boundary_of_its_own() -> None:
    assert fence("x") != fence("x")
