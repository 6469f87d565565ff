"""What people, labels and spreadsheets put around a number: taken off, or refused where it cost digits. Pure."""

import re
import unicodedata
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal

from sim_mcp.emnify.errors import InvalidValueError

Kind = Literal["id", "iccid", "imsi", "msisdn", "eid", "imei", "ip", "device_id", "device"]

_KEPT_DIGITS = 15
"""Digits of a number that a spreadsheet keeps: it holds them as a floating-point number (IEEE 754)."""

_QUOTES = "\"'`´“”„‟‘’‚‛«»‹›"  # noqa: RUF001  # people paste every quotation mark.
_QUOTED = re.compile(f"=?[{_QUOTES}](.+)[{_QUOTES}]")
_AROUND = f" \t\r\n,;={_QUOTES}"
_SEPARATORS = re.compile(r"[\s\-‐‑‒–—−./()\u200b-\u200f\u2060\ufeff]+")  # noqa: RUF001  # and every dash.
# With its sign: "4E12" may be the name of a room.
_EXPONENT = re.compile(r"\d+(?:[.,]\d+)?[eE]\+\d{1,3}")
_DECIMALS = re.compile(r"(\d+)[.,]00?")
# As in +423 (0)663: the nought that is dialled only at home.
_TRUNK = re.compile(r"^((?:\+|00)\s*[\d\s]{1,5})\(0\)")
_PADDED = re.compile(r"F*(\d{18,20})F*", re.IGNORECASE)
_LETTERS_O = str.maketrans(dict.fromkeys("OoОоΟο", "0"))  # noqa: RUF001  # of other scripts too.
_MIN_DIGITS_WITH_O = 14
"""Below, a letter O may be meant: "O2 100" is a name."""

_MIN_DIGITS_OF_CARD = 14

_LABELS: dict[str, Kind | None] = {
    "iccid": "iccid",
    "ccid": "iccid",
    "imsi": "imsi",
    "msisdn": "msisdn",
    "phone": "msisdn",
    "tel": "msisdn",
    "eid": "eid",
    "imei": "imei",
    "imeisv": "imei",
    "ip": "ip",
    "ip address": "ip",
    "id": "id",
    "sim id": "id",
    "device id": "device_id",
    "endpoint id": "device_id",
    "device": "device",
    "device name": "device",
    "sim": None,
    "sim card": None,
}
_LABEL = re.compile(
    rf"({'|'.join(sorted(_LABELS, key=len, reverse=True))})(?: ?(?:no\.?|nr\.?|number))?(\s*[:=#]\s*|\s+)(?=\S)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class PastedNumber:
    """What is left of a text without what stands around a number; `digits` is the text itself where it is none."""

    digits: str
    """Digits alone, with a leading plus if there was one; an IP address with its dots."""
    label: Kind | None = None
    """What the text itself says that it is."""
    is_ip: bool = False
    is_grouped: bool = False
    """Whether blanks, dashes or other separators were between the digits."""

    @property
    def is_number(self) -> bool:
        """Tell whether it is digits alone."""
        return is_digits(self.digits)


def read_number(text: str) -> PastedNumber:
    """Return a number, or a part of one, without labels, quotes, formulas, padding and separators.

    Raises:
        InvalidValueError: A spreadsheet has shortened it, so that digits of it are lost.
    """
    plain = to_ascii_digits(text).strip(_AROUND)
    labelled = _LABEL.match(plain)
    if labelled:
        label, rest = _LABELS[labelled[1].casefold()], plain[labelled.end() :].strip(_AROUND)
        found = _read(rest)
        if label is None:
            # "SIM 3" is the name of a device.
            if len(found.digits) >= _MIN_DIGITS_OF_CARD and found.is_number:
                return found
        elif found.is_ip or is_digits(found.digits.removeprefix("+")):
            return PastedNumber(found.digits, label, found.is_ip, found.is_grouped)
    return _read(plain)


def name_inside(text: str) -> str | None:
    """Return the name within quotes, or after `device:`; None where it stands alone."""
    bare = text.strip()
    labelled = _LABEL.match(bare)
    if labelled and labelled[2].strip() and _LABELS[labelled[1].casefold()] == "device":
        bare = bare[labelled.end() :]
    if quoted := _QUOTED.fullmatch(bare):
        bare = quoted[1].strip()
    return bare if bare and bare != text.strip() else None


def split_column(text: str) -> list[str]:
    """Return the entries of a pasted column, one a line, without empty ones and a heading above them.

    Commas, semicolons and tabs part numbers only: a name may hold them.
    """
    entries = [entry for line in text.splitlines() for entry in _split_line(line.strip())]
    heading = len(entries) > 1 and entries[0].strip(_AROUND).casefold() in _LABELS
    return entries[1:] if heading else entries


def is_digits(text: str) -> bool:
    """Tell whether a text is ASCII digits and nothing else."""
    return text.isascii() and text.isdecimal()


def to_ascii_digits(text: str) -> str:
    """Return a text with digits of other scripts, and full-width ones, as ASCII."""
    return "".join(str(unicodedata.decimal(char, char)) for char in unicodedata.normalize("NFKC", text))


def without_separators(text: str) -> str:
    """Return a text without blanks, dashes and whatever else stands between groups of digits."""
    return _SEPARATORS.sub("", text)


def _read(text: str) -> PastedNumber:
    if address := _parse_ip(text):
        return PastedNumber(address, is_ip=True)
    whole = _drop_decimals(text)
    digits = without_separators(_TRUNK.sub(r"\1", whole))
    is_grouped = digits != whole
    if padded := _PADDED.fullmatch(digits):
        return PastedNumber(padded[1], is_grouped=is_grouped)
    with_noughts = digits.translate(_LETTERS_O)
    if len(digits) >= _MIN_DIGITS_WITH_O and is_digits(with_noughts):
        digits = with_noughts
    return PastedNumber(digits, is_grouped=is_grouped)


def _parse_ip(text: str) -> str | None:
    parts = text.split(".")
    try:
        # Some write each part with three digits, which Python takes for octal.
        return str(ip_address(".".join(part.lstrip("0") or "0" for part in parts) if len(parts) > 1 else text))
    except ValueError:
        return None


def _drop_decimals(text: str) -> str:
    """Return a number without the `.0` of a spreadsheet."""
    number = "".join(text.split())
    decimals = _DECIMALS.fullmatch(number)
    if _EXPONENT.fullmatch(number) or (decimals and len(decimals[1]) > _KEPT_DIGITS):
        raise InvalidValueError(
            f'"{number[:60]}" is how a spreadsheet shortens a number: it keeps {_KEPT_DIGITS} digits, and the others '
            "are lost; take the number from its source again, with the column formatted as text"
        )
    return decimals[1] if decimals else text


def _split_line(line: str) -> list[str]:
    # Where a comma stands for the decimal point, it separates nothing.
    if _EXPONENT.fullmatch(line) or _DECIMALS.fullmatch(line):
        return [line]
    pieces = [piece for part in re.split(r"[,;\t]", line) if (piece := part.strip())]
    if len(pieces) > 1 and all(map(_looks_like_number, pieces)):
        return pieces
    return [line] if line.strip(_AROUND) else []


def _looks_like_number(text: str) -> bool:
    try:
        found = read_number(text)
    except InvalidValueError:
        # It is refused with its own reason where it is looked up.
        return True
    return found.is_ip or is_digits(found.digits.removeprefix("+"))
