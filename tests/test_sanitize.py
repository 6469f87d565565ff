"""Text of customers, devices and networks stays data."""

import json
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_mcp.sanitize import MOST_MARKS, called, clean, escaped, fence, is_visible, quoted, spreadsheet_safe, visible

DRAWN_AS_NOTHING = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u180f\u200b\u200d\u200f\u202e\u2060\u2065"
    "\u206f\u2800\u3164\ufe00\ufe0f\ufeff\uffa0\ufff0\ufff8\U0001bca0\U0001d159\U0001d173\U0001d17a\U000e0001\U000e0041"
    "\U000e0100\U000e01ef\U000e0fff"
)
"""One of each row of Unicode's Default_Ignorable_Code_Point at least, and what is drawn empty besides."""

anything = st.text(st.one_of(st.characters(), st.sampled_from(DRAWN_AS_NOTHING + "aé \u0301\u0338\n=+;")), max_size=60)


@given(anything)
def test_nothing_invisible_survives_and_the_limit_holds(text: str) -> None:
    cleaned = clean(text, 40)
    assert len(cleaned) <= 40
    assert all(unicodedata.category(char)[0] != "C" for char in cleaned)
    assert not set(cleaned) & {*DRAWN_AS_NOTHING, "\n"}


@given(anything)
def test_no_row_of_marks_grows_long_and_none_stands_without_a_letter(text: str) -> None:
    kinds = "".join("m" if unicodedata.category(char)[0] == "M" else "x" for char in visible(text))
    assert "m" * (MOST_MARKS + 1) not in kinds
    assert not kinds.startswith("m")


@given(anything)
def test_what_was_cleaned_stays_as_it_is(text: str) -> None:
    assert visible(visible(text)) == visible(text)
    assert clean(clean(text, 40), 40) == clean(text, 40)


@given(anything)
def test_a_cell_holds_nothing_that_nobody_sees(text: str) -> None:
    assert all(map(is_visible, spreadsheet_safe(text)))


@given(anything)
def test_escaped_json_reads_the_same_and_shows_all_it_holds(text: str) -> None:
    written = escaped(json.dumps(text, ensure_ascii=False))
    assert json.loads(written) == text
    assert all(map(is_visible, written))


@pytest.mark.parametrize("char", DRAWN_AS_NOTHING, ids=lambda char: f"U+{ord(char):04X}")
def test_a_character_drawn_as_nothing_is_taken_out_everywhere(char: str) -> None:
    assert clean(f"Pu{char}mp {char}7{char}") == "Pump 7"
    assert spreadsheet_safe(f"{char}=1") == "'=1"
    assert called(char, 7) == "id 7"
    assert char not in escaped(json.dumps(f"a{char}", ensure_ascii=False))


@pytest.mark.parametrize(
    "name",
    [
        "Zu\u0308rich",  # decomposed, as a Mac writes file names.
        "Việt Nam Tie\u0302\u0301ng",
        "ที่ปั๊มน้ำ",
        "क्षेत्रीय पंप ज़्यादा",
        "בְּרֵאשִׁ֖ית",
        "مَضَخَّةٌ",
        "பம்பு நிலையம்",
        "གྲྭ་ཚང",
        "펌프 7",
        "ポンプ",
        "🇩🇪 1⃣ 👍🏽",
    ],
)
def test_names_in_every_script_stay_as_people_write_them(name: str) -> None:
    assert clean(name) == name


def test_an_emoji_of_several_stays_readable() -> None:
    assert clean("❤️ Pump 👩‍🔧 1️⃣") == "❤ Pump 👩🔧 1⃣"


def test_marks_heaped_over_a_letter_are_cut() -> None:
    assert clean("Z\u0301\u0302\u0303\u0304\u0305\u0306\u0307algo") == "Z\u0301\u0302\u0303\u0304algo"
    assert quoted("\u0338x") == '"x"'


@given(
    st.text(
        alphabet=st.characters(categories=["L", "N", "P", "S"], exclude_characters=DRAWN_AS_NOTHING),
        min_size=1,
        max_size=40,
    )
)
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
