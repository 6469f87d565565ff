"""Which numbers are near one that does not exist."""

import string

from hypothesis import given
from hypothesis import strategies as st

from sim_mcp.emnify import luhn_digit
from sim_mcp.fleet.lookup.neighbours import near_numbers, near_typed

DIGITS = st.text(string.digits, min_size=19, max_size=19)


@given(DIGITS, st.integers(0, 18), st.sampled_from(string.digits))
def test_one_digit_wrong_missing_too_many_or_two_swapped_are_near(right: str, at: int, digit: str) -> None:
    replaced = right[:at] + digit + right[at + 1 :]
    swapped = right[:at] + right[at : at + 2][::-1] + right[at + 2 :]
    missing, more = right[:at] + right[at + 1 :], right[:at] + digit + right[at:]
    for mistyped in (replaced, swapped, missing, more):
        assert (right in near_numbers(mistyped)) is (mistyped != right)


@given(DIGITS)
def test_two_digits_wrong_are_not_near(right: str) -> None:
    wrong = "".join(str((int(digit) + 1) % 10) if at in {3, 12} else digit for at, digit in enumerate(right))
    assert right not in near_numbers(wrong)


@given(DIGITS, st.integers(0, 18), st.integers(1, 9))
def test_of_a_printed_card_what_its_check_digit_allows_is_nearest(right: str, at: int, off: int) -> None:
    wrong = right[:at] + str((int(right[at]) + off) % 10) + right[at + 1 :]
    nearest, wider = near_typed(wrong + luhn_digit(right))
    assert right + luhn_digit(right) in nearest
    assert right in wider


def test_a_word_and_a_short_number_are_near_nothing() -> None:
    assert near_typed("Pump 3") == near_typed("166") == near_typed("10.0.0.1") == ()
