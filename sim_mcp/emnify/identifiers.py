"""The numbers and names of SIMs: recognised, normalised, check digits verified. Pure."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal, Self
from urllib.parse import quote

from sim_mcp.emnify.errors import InvalidValueError
from sim_mcp.emnify.pasted_number import drop_decimals
from sim_mcp.sanitize import is_visible

Kind = Literal["id", "iccid", "imsi", "msisdn", "eid", "device"]

ICCID_LENGTH = 19
PRINTED_ICCID_LENGTH = 20
_EID_LENGTH = 32
_IMSI_LENGTHS = (14, 15)
_MSISDN_LENGTHS = range(7, 16)
_IMEISV_LENGTH, _IMEI_BODY_LENGTH = 16, 14
_MAX_ID_DIGITS = 12
_MAX_FORMATTED = 60
_SEPARATORS = re.compile(r"[\s\-‐‑‒–—−./()\u200b-\u200f\u2060\ufeff]+")  # noqa: RUF001  # people paste every dash.
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
        code = _SEPARATORS.sub("", unicodedata.normalize("NFKC", text)).upper()
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
        return imeisv[:_IMEI_BODY_LENGTH] + luhn_digit(imeisv[:_IMEI_BODY_LENGTH])
    return imeisv


def parse_iccid(text: str) -> str:
    """Return the 19 digits that emnify searches by, from 19 or the 20 printed on the card.

    Raises:
        InvalidValueError: It has another length, or its check digit is wrong.
    """
    digits = compact(text).removesuffix("F").removesuffix("f")
    if not (digits.isascii() and digits.isdecimal()) or len(digits) not in (ICCID_LENGTH, PRINTED_ICCID_LENGTH):
        raise InvalidValueError(f"{format_input(text)} is not an ICCID: it has 19 digits, or 20 with the check digit")
    if len(digits) == PRINTED_ICCID_LENGTH and luhn_digit(digits[:-1]) != digits[-1]:
        raise InvalidValueError(
            f"{format_input(text)} is not an ICCID: its last digit should be {luhn_digit(digits[:-1])} "
            f"if the others are right; compare it with the card"
        )
    return digits[:ICCID_LENGTH]


def parse_candidates(text: str) -> tuple[Candidate, ...]:
    """Return every possible meaning of what a person typed, likeliest first; the last is always a device name.

    Raises:
        InvalidValueError: It is empty or too long, holds control characters, or is an ICCID with a wrong check digit.
    """
    name = text.strip()
    if not name:
        raise InvalidValueError("an empty name fits no SIM; give an ICCID, IMSI, MSISDN, EID, SIM id or device name")
    if any(unicodedata.category(char) == "Cc" for char in name):
        raise InvalidValueError(f"{format_input(text)} holds a line break or control character; give one SIM at a time")
    if len(name) > _MAX_NAME_LENGTH:
        raise InvalidValueError(f"{format_input(text)} is too long to name a SIM; give one ICCID, id or device name")
    return (*_number_candidates(name), Candidate("device", name))


def compact(text: str) -> str:
    """Return a text without blanks, dashes, other separators and a spreadsheet's `.0`, with its digits as ASCII.

    Raises:
        InvalidValueError: A spreadsheet has shortened the number, so that digits of it are lost.
    """
    return _SEPARATORS.sub("", drop_decimals(_to_ascii_digits(text)))


def _to_ascii_digits(text: str) -> str:
    """Return a text with digits of other scripts, and full-width ones, as ASCII."""
    return "".join(str(unicodedata.decimal(char, char)) for char in unicodedata.normalize("NFKC", text))


def format_input(text: str) -> str:
    """Return a person's input in quotes for a message, shortened and printable."""
    printable = "".join(char if char.isprintable() and is_visible(char) else "�" for char in text)
    return f'"{printable[:_MAX_FORMATTED]}{"…" if len(printable) > _MAX_FORMATTED else ""}"'


def _number_candidates(name: str) -> list[Candidate]:
    digits = compact(name)
    if digits.startswith("+") and _is_number(digits[1:]):
        return [Candidate("msisdn", digits[1:])]
    padded = digits[:-1] if digits[-1:] in ("F", "f") else digits
    if _is_number(padded) and len(padded) in (ICCID_LENGTH, PRINTED_ICCID_LENGTH):
        return [Candidate("iccid", parse_iccid(padded))]
    if not _is_number(digits):
        return []
    found: list[Candidate] = []
    if len(digits) == _EID_LENGTH and digits.startswith("89"):
        found.append(Candidate("eid", digits))
    # An id has no separators: "2024/11" and "10.0.0.1" are names of devices.
    if _is_number(_to_ascii_digits(name)) and len(digits) <= _MAX_ID_DIGITS and int(digits) > 0:
        found.append(Candidate("id", str(int(digits))))
    if len(digits) in _IMSI_LENGTHS:
        found.append(Candidate("imsi", digits))
    if len(digits) in _MSISDN_LENGTHS:
        found.append(Candidate("msisdn", digits))
    return found


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()
