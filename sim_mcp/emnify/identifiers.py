"""The numbers and names of SIMs: recognised, normalised, check digits verified. Pure."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote

from sim_mcp.emnify.errors import InvalidValueError
from sim_mcp.emnify.pasted_number import (
    Kind,
    PastedNumber,
    is_digits,
    name_inside,
    read_number,
    without_separators,
)
from sim_mcp.sanitize import is_visible

ICCID_LENGTH = 19
PRINTED_ICCID_LENGTH = 20
_EID_LENGTH = 32
_IMSI_LENGTHS = (14, 15)
_MSISDN_LENGTHS = range(7, 16)
IMEI_BODY_LENGTH = 14
"""Digits of an IMEI without its check digit, or without the version that an IMEISV has instead."""

_IMEI_LENGTH, _IMEISV_LENGTH = 15, 16
IMEI_LENGTHS = (IMEI_BODY_LENGTH, _IMEI_LENGTH, _IMEISV_LENGTH)
_MAX_ID_DIGITS = 12
_MAX_FORMATTED = 60
_MAX_NAME_LENGTH = 200
_BIC = re.compile(r"#[0-9A-Z]{15}")


@dataclass(frozen=True)
class Candidate:
    """One possible meaning of what a person typed."""

    kind: Kind
    value: str


@dataclass(frozen=True)
class Bic:
    """A batch code: 16 characters, the first of them '#' (emnify docs: register SIMs)."""

    code: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a batch code; blanks, dashes and lower case are accepted.

        Raises:
            InvalidValueError: It is not a batch code; the message says what is wrong.
        """
        code = without_separators(unicodedata.normalize("NFKC", text)).upper()
        if _BIC.fullmatch(code):
            return cls(code)
        if re.fullmatch(r"[0-9A-Z]{15}", code):
            hint = f"the leading '#' is missing: #{code}"
        else:
            hint = "it has 16 characters, '#' first, then letters and digits, such as #31F 6E2S 6XTR 3NEY"
        raise InvalidValueError(f"{format_input(text)} is not a batch code (BIC): {hint}")

    @property
    def display(self) -> str:
        """Return the code in groups, as it is printed."""
        return f"{self.code[:4]} {self.code[4:8]} {self.code[8:12]} {self.code[12:]}"

    @property
    def path_segment(self) -> str:
        """Return the code percent-encoded: a bare '#' would begin a fragment, which is never sent."""
        return quote(self.code, safe="")


def luhn_digit(digits: str) -> str:
    """Return the Luhn check digit of decimal digits (ISO/IEC 7812-1)."""
    total = 0
    for position, char in enumerate(reversed(digits)):
        digit = int(char)
        if position % 2 == 0:
            digit = digit * 2 - 9 if digit > 4 else digit * 2  # noqa: PLR2004  # the algorithm's own numbers.
        total += digit
    return str(-total % 10)


def iccid_with_check_digit(iccid: str | None) -> str | None:
    """Return an ICCID as printed on the card; where it is not 19 digits long, as it is."""
    if iccid and len(iccid) == ICCID_LENGTH and iccid.isdecimal():
        return iccid + luhn_digit(iccid)
    return iccid


def imei_with_check_digit(imeisv: str | None) -> str | None:
    """Return an IMEI as printed on the device; emnify sends an IMEISV, which ends in a version instead."""
    if imeisv and len(imeisv) == _IMEISV_LENGTH and imeisv.isdecimal():
        return imeisv[:IMEI_BODY_LENGTH] + luhn_digit(imeisv[:IMEI_BODY_LENGTH])
    return imeisv


class CheckDigitError(InvalidValueError):
    """An ICCID's check digit is wrong: a digit was misread, and which one is not known."""

    def __init__(self, text: str, digits: str) -> None:
        self.digits = digits
        """The 20 digits that were given."""
        super().__init__(
            f"{format_input(text)} is not an ICCID: its last digit should be {luhn_digit(digits[:-1])} "
            f"if the others are right; compare it with the card"
        )


def parse_iccid(text: str) -> str:
    """Return the 19 digits that emnify searches by, from 19 or the 20 printed on the card.

    Raises:
        CheckDigitError: Its check digit is wrong.
        InvalidValueError: It has another length, or digits of it are lost.
    """
    digits = read_number(text).digits
    if not is_digits(digits) or len(digits) not in (ICCID_LENGTH, PRINTED_ICCID_LENGTH):
        raise InvalidValueError(f"{format_input(text)} is not an ICCID: it has 19 digits, or 20 with the check digit")
    if len(digits) == PRINTED_ICCID_LENGTH and luhn_digit(digits[:-1]) != digits[-1]:
        raise CheckDigitError(text, digits)
    return digits[:ICCID_LENGTH]


def parse_candidates(text: str) -> tuple[Candidate, ...]:
    """Return every possible meaning of what a person typed, likeliest first; the last is always a device name.

    Raises:
        CheckDigitError: It is an ICCID with a wrong check digit.
        InvalidValueError: It is empty or too long, holds control characters, or lost digits in a spreadsheet.
    """
    name = text.replace("\t", " ").strip()
    if not name:
        raise InvalidValueError("an empty name fits no SIM; give an ICCID, IMSI, MSISDN, EID, SIM id or device name")
    if any(unicodedata.category(char) == "Cc" for char in name):
        raise InvalidValueError(f"{format_input(text)} holds a line break or control character; give one SIM at a time")
    if len(name) > _MAX_NAME_LENGTH:
        raise InvalidValueError(f"{format_input(text)} is too long to name a SIM; give one ICCID, id or device name")
    inside = name_inside(name)
    names = [Candidate("device", inside)] if inside else []
    return (*_number_candidates(name), *names, Candidate("device", name))


def compact(text: str) -> str:
    """Return a number or a part of one without what stands around it and between its digits; they become ASCII.

    Raises:
        InvalidValueError: A spreadsheet has shortened the number, so that digits of it are lost.
    """
    return read_number(text).digits


def typed_number(text: str) -> str | None:
    """Return the digits of a number that is long enough to be told from others, as emnify writes it; else None."""
    try:
        digits = read_number(text).digits.removeprefix("+")
    except InvalidValueError:
        return None
    digits = digits.removeprefix("00") if len(digits) <= _MSISDN_LENGTHS.stop + 1 else digits
    return digits if is_digits(digits) and len(digits) >= _MSISDN_LENGTHS.start else None


def format_input(text: str) -> str:
    """Return a person's input in quotes for a message, shortened and printable."""
    printable = "".join(char if char.isprintable() and is_visible(char) else "�" for char in text)
    return f'"{printable[:_MAX_FORMATTED]}{"…" if len(printable) > _MAX_FORMATTED else ""}"'


def _number_candidates(name: str) -> list[Candidate]:
    given = read_number(name)
    found = [Candidate("ip", given.digits)] if given.is_ip else _readings(given, name)
    return [each for each in found if given.label in (None, each.kind)]


def _readings(given: PastedNumber, name: str) -> list[Candidate]:
    digits = given.digits
    if digits.startswith("+"):
        return [Candidate("msisdn", digits[1:])] if is_digits(digits[1:]) else []
    if not is_digits(digits):
        return []
    size = len(digits)
    if size in (ICCID_LENGTH, PRINTED_ICCID_LENGTH):
        if size == PRINTED_ICCID_LENGTH and luhn_digit(digits[:-1]) != digits[-1]:
            raise CheckDigitError(name, digits)
        return [Candidate("iccid", digits[:ICCID_LENGTH])]
    # An id has no separators: "2024/11" is the name of a device. And "00423…" is dialled.
    is_id = not given.is_grouped and size <= _MAX_ID_DIGITS and int(digits) > 0 and not digits.startswith("00")
    dialled = digits.removeprefix("00")
    fits: list[tuple[bool, Kind, str]] = [
        (size == _EID_LENGTH and digits.startswith("89"), "eid", digits),
        (is_id, "id", digits.lstrip("0")),
        (size in _IMSI_LENGTHS, "imsi", digits),
        (len(dialled) in _MSISDN_LENGTHS, "msisdn", dialled),
        (_is_imei(digits), "imei", digits[:IMEI_BODY_LENGTH]),
        (is_id, "device_id", digits.lstrip("0")),
    ]
    return [Candidate(kind, value) for fit, kind, value in fits if fit]


def _is_imei(digits: str) -> bool:
    """Tell whether it is an IMEI without its check digit, with the right one, or with a version instead."""
    if len(digits) == _IMEI_LENGTH:
        return luhn_digit(digits[:IMEI_BODY_LENGTH]) == digits[-1]
    return len(digits) in (IMEI_BODY_LENGTH, _IMEISV_LENGTH)
