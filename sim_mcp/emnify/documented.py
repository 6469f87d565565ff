"""Values of records that look exactly as emnify documents them: a fast path for whoever reads a million of them.

Reading a page through the lenient models takes four times as long as decoding it. Whoever meets an
UnexpectedShapeError here reads the record through the models; property tests see to it that both read the same.
"""

import re
from datetime import date
from functools import lru_cache
from typing import Any

from sim_mcp.emnify.identifiers import ICCID_LENGTH, luhn_digit

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?(?:Z|\+0000|\+00:00)?", re.ASCII)
_DAY_LENGTH, _SECOND_LENGTH = 10, 19
_MOST = 2**63


class UnexpectedShapeError(Exception):
    """Something is not as emnify documents it."""


def record(value: Any) -> Any:
    """Return an object, or None where it is absent.

    Raises:
        UnexpectedShapeError: It is neither, or empty.
    """
    if value is None or (type(value) is dict and value):
        return value
    raise UnexpectedShapeError


def number(value: Any) -> int:
    """Return a positive whole number.

    Raises:
        UnexpectedShapeError: It is none.
    """
    if type(value) is int and 0 < value < _MOST:
        return value
    raise UnexpectedShapeError


def number_or_zero(value: Any) -> int:
    """Return a whole number that is not negative.

    Raises:
        UnexpectedShapeError: It is none.
    """
    return 0 if type(value) is int and value == 0 else number(value)


def text(value: Any) -> str | None:
    """Return a text, or None where it is absent.

    Raises:
        UnexpectedShapeError: It is neither, or holds half a character.
    """
    if value is None or (type(value) is str and (value.isascii() or _is_whole(value))):
        return value
    raise UnexpectedShapeError


def label(value: Any) -> str | None:
    """Return the description of a label, which some services call its name.

    Raises:
        UnexpectedShapeError: It is neither a text nor absent.
    """
    said = text(value["description"] if "description" in value else value.get("name"))
    return said.strip() if said else said


def printed(iccid: str | None) -> str | None:
    """Return an ICCID with its check digit, where it came without."""
    if iccid and len(iccid) == ICCID_LENGTH and iccid.isdecimal():
        return iccid + luhn_digit(iccid)
    return iccid


def day(value: Any) -> str | None:
    """Return the day of a moment in UTC, such as 2026-11-22, or None where it is absent.

    Raises:
        UnexpectedShapeError: It is neither.
    """
    if value is None:
        return None
    if type(value) is str and _MOMENT.fullmatch(value) and _is_day(value[:_DAY_LENGTH]):
        return value[:_DAY_LENGTH]
    raise UnexpectedShapeError


def second(value: Any) -> str | None:
    """Return a moment in UTC to the second, such as 2026-11-22T09:00:00Z, or None where it is absent.

    Raises:
        UnexpectedShapeError: It is neither.
    """
    return None if day(value) is None else f"{value[:_SECOND_LENGTH]}Z"


def _is_whole(said: str) -> bool:
    try:
        said.encode()
    except UnicodeEncodeError:
        return False
    return True


@lru_cache(maxsize=8192)
def _is_day(said: str) -> bool:
    try:
        date.fromisoformat(said)
    except ValueError:
        return False
    return True
