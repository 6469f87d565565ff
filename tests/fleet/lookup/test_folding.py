"""How names are compared: exactly as they are shown to choose what changes, more loosely to search."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_mcp.fleet.lookup.folding import fold, fold_accents, holds_words
from sim_mcp.sanitize import clean, quoted


@given(st.text(max_size=60))
def test_a_name_as_it_is_shown_is_the_name(name: str) -> None:
    assert fold(clean(name)) == fold(name)
    assert fold(quoted(name)[1:-1]) == fold(name)
    assert fold(unicodedata.normalize("NFD", clean(name))) == fold(unicodedata.normalize("NFC", clean(name)))


@given(st.text(max_size=60))
def test_names_that_are_the_same_are_the_same_in_a_search(name: str) -> None:
    assert fold_accents(clean(name)) == fold_accents(name) == fold_accents(fold(name))


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("K\u00f6ln", "koln"),
        ("Z\u00fcrich", "ZURICH"),
        ("Gda\u0144sk", "gdansk"),
        ("\u0141\u00f3d\u017a", "lodz"),
        ("K\u00f8ge", "koge"),
        ("Hauptstra\u00dfe", "hauptstrasse"),
        ("\u0130zmir", "izmir"),
        ("\u00c6r\u00f8", "aero"),
        ("\u0110akovo", "dakovo"),
    ],
)
def test_accents_are_left_out_of_a_search_and_kept_in_a_name(name: str, typed: str) -> None:
    assert fold_accents(name) == fold_accents(typed)
    folds_to_the_same_letters = name in {"Hauptstra\u00dfe", "\u0130zmir"}
    assert (fold(name) == fold(typed)) is folds_to_the_same_letters


@pytest.mark.parametrize("text", ["hamburg elevator", "ELEVATOR Hamburg", "tor ham 4", "h\u00e2mburg"])
def test_all_words_count_in_any_order(text: str) -> None:
    assert holds_words("Elevator Hamburg Hafentor 4", text)
    assert not holds_words("Elevator Berlin 5", text)
    assert not holds_words("Elevator Hamburg Hafentor 4", f"{text} berlin")


def test_nothing_is_held_by_no_name() -> None:
    assert not holds_words("Pump 3", " \u200b")
