"""What spreadsheets put around a number: taken off, or refused where it cost digits. Pure."""

import re

from sim_mcp.emnify.errors import InvalidValueError

_KEPT_DIGITS = 15
"""Digits of a number that a spreadsheet keeps: it holds them as a floating-point number (IEEE 754)."""

# With its sign: "4E12" may be the name of a room.
_EXPONENT = re.compile(r"\d+(?:[.,]\d+)?[eE]\+\d{1,3}")
_DECIMALS = re.compile(r"(\d+)[.,]00?")


def drop_decimals(text: str) -> str:
    """Return a number without the `.0` of a spreadsheet; any other text as it is.

    Raises:
        InvalidValueError: A spreadsheet has shortened it, so that digits of it are lost.
    """
    number = "".join(text.split())
    decimals = _DECIMALS.fullmatch(number)
    if _EXPONENT.fullmatch(number) or (decimals and len(decimals[1]) > _KEPT_DIGITS):
        raise InvalidValueError(
            f'"{number[:60]}" is how a spreadsheet shortens a number: it keeps {_KEPT_DIGITS} digits, and the others '
            "are lost; take the number from its source again, with the column formatted as text"
        )
    return decimals[1] if decimals else text
