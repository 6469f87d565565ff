"""What people type off cards, labels and spreadsheets, and what is made of it."""

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_mcp.emnify import (
    Bic,
    Candidate,
    EmnifyError,
    InvalidValueError,
    compact,
    luhn_digit,
    parse_candidates,
    parse_iccid,
)
from sim_mcp.emnify.identifiers import format_input
from sim_mcp.emnify.pasted_number import split_column

DIGITS = st.text(string.digits, min_size=19, max_size=19)
SEPARATORS = st.sampled_from(["", " ", "-", "  ", "\u2013", "\u2212", "\u00a0", ".", "\u200b", "\ufeff", "\t"])
ZEROS = st.sampled_from([0x30, 0xFF10, 0x660, 0x966])
"""Where the digits begin: plain, full-width, Arabic, Devanagari."""


@st.composite
def written(draw: st.DrawFn, digits: str) -> str:
    """The same digits as a person might paste them."""
    zero = draw(ZEROS)
    return "".join(chr(zero + int(digit)) + draw(SEPARATORS) for digit in digits)


def kinds(said: str) -> list[str]:
    return [reading.kind for reading in parse_candidates(said)]


@pytest.mark.parametrize(
    ("digits", "check"),
    [("7992739871", "3"), ("8988303000006738593", "7"), ("0000000000000000000", "0"), ("411111111111111", "1")],
)
def test_check_digits_agree_with_known_numbers(digits: str, check: str) -> None:
    assert luhn_digit(digits) == check


@given(st.data(), DIGITS)
def test_an_iccid_survives_any_way_of_writing_it(data: st.DataObject, iccid: str) -> None:
    with_check = iccid + luhn_digit(iccid)
    assert parse_iccid(data.draw(written(iccid))) == iccid
    assert parse_iccid(data.draw(written(with_check))) == iccid
    assert parse_iccid(with_check + "F") == iccid


@given(DIGITS, st.integers(0, 19), st.integers(1, 9))
def test_one_wrong_digit_in_a_printed_iccid_is_always_found(iccid: str, at: int, off: int) -> None:
    printed = iccid + luhn_digit(iccid)
    wrong = printed[:at] + str((int(printed[at]) + off) % 10) + printed[at + 1 :]
    with pytest.raises(InvalidValueError):
        parse_iccid(wrong)
    with pytest.raises(InvalidValueError):
        parse_candidates(wrong)


@given(DIGITS, st.integers(0, 18))
def test_swapped_neighbours_are_found_except_nought_and_nine(iccid: str, at: int) -> None:
    printed = iccid + luhn_digit(iccid)
    left, right = printed[at], printed[at + 1]
    swapped = printed[:at] + right + left + printed[at + 2 :]
    if left == right or {left, right} == {"0", "9"}:
        assert parse_iccid(swapped) == swapped[:19]
    else:
        with pytest.raises(InvalidValueError):
            parse_iccid(swapped)


def test_a_wrong_check_digit_is_explained_with_the_right_one() -> None:
    with pytest.raises(InvalidValueError, match="its last digit should be 7 if the others are right"):
        parse_iccid("8988 3030 0000 6738 5931")


@pytest.mark.parametrize("said", ["", "898830300000673859", "898830300000673859371", "8988303B00006738593", "x" * 19])
def test_what_is_no_iccid_is_told_how_one_looks(said: str) -> None:
    with pytest.raises(InvalidValueError, match="it has 19 digits, or 20 with the check digit"):
        parse_iccid(said)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("166", ["id", "device_id", "device"]),
        ("123456789012", ["id", "msisdn", "device_id", "device"]),
        ("1234567890123", ["msisdn", "device"]),
        ("8988303000006738593", ["iccid", "device"]),
        ("8988 3030 0000 6738 5937", ["iccid", "device"]),
        ("8988303000006738593F", ["iccid", "device"]),
        ("295050999900095", ["imsi", "msisdn", "device"]),
        ("29505099990009", ["imsi", "msisdn", "imei", "device"]),
        ("423663999900095", ["imsi", "msisdn", "device"]),
        ("+423 663 999 900 095", ["msisdn", "device"]),
        ("+55 (11) 91234-5678", ["msisdn", "device"]),
        ("89033023422222222222222222222223", ["eid", "device"]),
        ("10.0.0.1", ["ip", "device"]),
        ("010.000.000.001", ["ip", "device"]),
        ("10.0.0.256", ["msisdn", "device"]),
        ("10.0.0", ["device"]),
        ("fd00::1", ["ip", "device"]),
        ("353490069873715", ["imsi", "msisdn", "imei", "device"]),
        ("353490069873716", ["imsi", "msisdn", "device"]),
        ("3534900698737101", ["imei", "device"]),
        ("2024/11", ["device"]),
        ("0", ["device"]),
        ("-5", ["device"]),
        ("Elevator Hamburg", ["device"]),
        ("٣", ["id", "device_id", "device"]),
    ],
)
def test_a_name_is_read_as_everything_it_can_be(said: str, expected: list[str]) -> None:
    assert kinds(said) == expected


def test_numbers_are_searched_for_as_emnify_writes_them() -> None:
    assert parse_candidates("+423 663 999 900 095")[0] == Candidate("msisdn", "423663999900095")
    assert parse_candidates(" 0166 ")[0] == Candidate("id", "166")
    assert parse_candidates("8988 3030 0000 6738 5937")[0] == Candidate("iccid", "8988303000006738593")
    assert parse_candidates("  Pump 3 ") == (Candidate("device", "Pump 3"),)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("", "empty name"),
        ("   ", "empty name"),
        ("8988303000006738593\n8988303000006738594", "one SIM at a time"),
        ("pump\x07 3", "control character"),
        ("pump\x00 3", "control character"),
        ("x" * 201, "too long"),
    ],
)
def test_what_names_no_sim_is_refused_with_a_reason(said: str, why: str) -> None:
    with pytest.raises(InvalidValueError, match=why):
        parse_candidates(said)


@given(st.text(st.characters(), max_size=250))
def test_whatever_is_typed_is_read_or_refused_never_a_crash(said: str) -> None:
    refusal = ""
    try:
        found = parse_candidates(said)
    except EmnifyError as error:
        found, refusal = (), str(error)
    assert bool(found) != bool(refusal)
    assert all(char.isprintable() for char in refusal)
    assert all(reading.value.isascii() for reading in found if reading.kind != "device")
    assert found[-1:] in ((), (Candidate("device", said.replace("\t", " ").strip()),))


@given(st.text(string.digits + string.ascii_uppercase, min_size=15, max_size=15), st.data())
def test_a_batch_code_survives_blanks_dashes_and_small_letters(code: str, data: st.DataObject) -> None:
    typed = "".join(char + data.draw(SEPARATORS) for char in "#" + code)
    assert Bic.parse(typed.lower()) == Bic("#" + code)
    assert Bic.parse(Bic.parse(typed).display).code == "#" + code


def test_a_batch_code_goes_into_a_path_without_a_fragment() -> None:
    bic = Bic.parse("#31f 6e2s 6xtr 3ney")
    assert bic.path_segment == "%2331F6E2S6XTR3NEY"
    assert bic.display == "#31F 6E2S 6XTR 3NEY"


def test_a_batch_code_without_its_first_sign_is_told_so() -> None:
    with pytest.raises(InvalidValueError, match="the leading '#' is missing: #31F6E2S6XTR3NEY"):
        Bic.parse("31F 6E2S 6XTR 3NEY")


@pytest.mark.parametrize(
    "said", ["", "#", "#31F6E2S6XTR3NE", "#31F6E2S6XTR3NEYY", "#31F6E2S6XTR3NÉY", "31F6E2S#6XTR3NEY"]
)
def test_what_is_no_batch_code_is_told_how_one_looks(said: str) -> None:
    with pytest.raises(InvalidValueError, match="it has 16 characters, '#' first"):
        Bic.parse(said)


@given(st.text(max_size=60))
def test_any_text_is_a_batch_code_or_refused(said: str) -> None:
    try:
        code = Bic.parse(said).code
    except InvalidValueError:
        code = "#" + "0" * 15
    assert len(code) == 16
    assert Bic.parse(code).code == code


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        ("1", ["id", "device_id", "device"]),
        ("0", ["device"]),
        ("1" * 6, ["id", "device_id", "device"]),
        ("1" * 7, ["id", "msisdn", "device_id", "device"]),
        ("1" * 12, ["id", "msisdn", "device_id", "device"]),
        ("1" * 13, ["msisdn", "device"]),
        ("1" * 14, ["imsi", "msisdn", "imei", "device"]),
        ("1" * 15, ["imsi", "msisdn", "device"]),
        ("1" * 16, ["imei", "device"]),
        ("1" * 17, ["device"]),
        ("89" + "1" * 30, ["eid", "device"]),
        ("88" + "1" * 30, ["device"]),
        ("89" + "1" * 29, ["device"]),
        ("2024/11", ["device"]),
        ("10.0.0.123", ["ip", "device"]),
    ],
)
def test_a_number_may_be_whatever_has_that_many_digits(digits: str, expected: list[str]) -> None:
    assert kinds(digits) == expected


@given(st.text(string.digits, min_size=16, max_size=32), st.sampled_from([".0", ".00", ",0", " .0"]))
def test_a_number_whose_last_digits_a_spreadsheet_lost_is_refused_with_the_reason(digits: str, end: str) -> None:
    for read in (parse_candidates, parse_iccid, compact):
        with pytest.raises(InvalidValueError, match="it keeps 15 digits, and the others are lost"):
            read(digits + end)


@pytest.mark.parametrize("said", ["8.98830E+18", "8,98830300000674e+19", "2.9505E+14", "9E+18"])
def test_a_spreadsheets_exponent_is_refused_with_the_reason(said: str) -> None:
    with pytest.raises(InvalidValueError, match="how a spreadsheet shortens a number"):
        parse_candidates(said)


@given(st.text(string.digits, min_size=13, max_size=15))
def test_a_shorter_number_keeps_its_digits_in_a_spreadsheet(digits: str) -> None:
    assert parse_candidates(f"{digits}.0")[:-1] == parse_candidates(digits)[:-1]


ICCID, PRINTED, MSISDN = "8988303000006738593", "89883030000067385937", "423663999900095"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (f"ICCID: {PRINTED}", ("iccid", ICCID)),
        (f"iccid={ICCID}", ("iccid", ICCID)),
        (f"ICCID No. {PRINTED}", ("iccid", ICCID)),
        (f"SIM {PRINTED}", ("iccid", ICCID)),
        (f"ICCID：{PRINTED}", ("iccid", ICCID)),  # noqa: RUF001  # a full-width colon.
        (f'"{PRINTED}"', ("iccid", ICCID)),
        (f"„{PRINTED}“", ("iccid", ICCID)),
        (f"'{PRINTED}", ("iccid", ICCID)),
        (f'="{PRINTED}"', ("iccid", ICCID)),
        (f"{PRINTED},", ("iccid", ICCID)),
        (f"{PRINTED}\n", ("iccid", ICCID)),
        (f"{ICCID}F", ("iccid", ICCID)),
        (f"f{ICCID}", ("iccid", ICCID)),
        (f"FF{ICCID}ff", ("iccid", ICCID)),
        (ICCID.replace("0", "O"), ("iccid", ICCID)),
        (PRINTED.replace("0", "o"), ("iccid", ICCID)),
        (f"00{MSISDN}", ("msisdn", MSISDN)),
        ("+423 (0)663 999 900 095", ("msisdn", MSISDN)),
        ("00423 (0) 663 999 900 095", ("msisdn", MSISDN)),
        (f"MSISDN: +{MSISDN}", ("msisdn", MSISDN)),
        (f"IMSI {MSISDN}", ("imsi", MSISDN)),
        ("IMEI: 35349006-987371-01", ("imei", "35349006987371")),
        ("IMEI 353490069873715", ("imei", "35349006987371")),
        ("SIM id 166", ("id", "166")),
        ("id 166", ("id", "166")),
        ("device id: 166", ("device_id", "166")),
        ("166.0", ("id", "166")),
        ("IP: 10.128.0.7", ("ip", "10.128.0.7")),
        ("device: Pump 3", ("device", "Pump 3")),
        ('"Pump 3"', ("device", "Pump 3")),
    ],
)
def test_a_number_is_read_in_the_forms_in_which_it_is_pasted(said: str, expected: tuple[Any, str]) -> None:
    assert parse_candidates(said)[0] == Candidate(*expected)


@pytest.mark.parametrize("said", [f"IMSI: {MSISDN}", "sim id 1234567", "device id: 1234567"])
def test_a_number_that_says_what_it_is_is_read_as_nothing_else(said: str) -> None:
    assert len(parse_candidates(said)) == 2


@pytest.mark.parametrize("said", ["SIM 3", "Device 3", "O2 100", "4E12", "IMSI: none", "Pump, 3", "tel", "00", "007"])
def test_a_name_is_not_taken_for_a_pasted_number(said: str) -> None:
    assert {reading.kind for reading in parse_candidates(said)} <= {"device", "id", "device_id"}
    assert parse_candidates(said)[-1] == Candidate("device", said)
    assert kinds(said) == ["device"]


@pytest.mark.parametrize(
    ("pasted", "entries"),
    [
        (f"{ICCID}\n{PRINTED}\r\n", [ICCID, PRINTED]),
        (f"ICCID\n\n{ICCID}\n  \n{PRINTED}", [ICCID, PRINTED]),
        (f"{ICCID}, {PRINTED},, {MSISDN}", [ICCID, PRINTED, MSISDN]),
        (f"{ICCID};+{MSISDN}\t166", [ICCID, f"+{MSISDN}", "166"]),
        (f"{ICCID},8.98830E+18", [ICCID, "8.98830E+18"]),
        (f"{ICCID},0", [f"{ICCID},0"]),
        ("8,98830E+18", ["8,98830E+18"]),
        ("Pump 3, north", ["Pump 3, north"]),
        ("Pump 3,\nPump 4,", ["Pump 3,", "Pump 4,"]),
        ("Pump\t3", ["Pump\t3"]),
        (",\n;\n\t", []),
        ("ICCID", ["ICCID"]),
    ],
)
def test_a_pasted_column_is_split_where_its_entries_are_numbers(pasted: str, entries: list[str]) -> None:
    assert split_column(pasted) == entries


@given(st.lists(DIGITS, min_size=1, max_size=5), st.sampled_from([",", ", ", ";", "\t", "\n", "\r\n", ",\n", "\n\n"]))
def test_a_column_of_numbers_is_split_whatever_is_between_them(numbers: list[str], between: str) -> None:
    assert [parse_iccid(entry) for entry in split_column(between.join(numbers))] == numbers


@given(st.text(max_size=80))
def test_no_entry_of_a_column_is_empty_or_longer_than_a_line(pasted: str) -> None:
    entries = split_column(pasted)
    assert all(entry.strip() and entry in pasted and len(entry.splitlines()) == 1 for entry in entries)


def test_a_name_has_up_to_200_characters() -> None:
    assert parse_candidates("x" * 200)[-1].value == "x" * 200
    with pytest.raises(InvalidValueError, match="is too long to name a SIM"):
        parse_candidates("x" * 201)


def test_what_was_typed_is_repeated_up_to_60_characters() -> None:
    assert format_input("x" * 60) == f'"{"x" * 60}"'
    assert format_input("x" * 61) == f'"{"x" * 60}…"'
    assert format_input("a\nb\u200bc") == '"a�b�c"'
