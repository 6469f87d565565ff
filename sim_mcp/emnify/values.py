"""Types for single values as emnify sends them: numbers as strings, several date formats, unknown ids."""

import json
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from enum import IntEnum
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
)

from sim_mcp.formatting import as_utc


class Record(BaseModel):
    """Base of all records, read leniently: an optional field that cannot be read is absent, and the rest is kept."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    @field_validator("*", mode="wrap")
    @classmethod
    def _unreadable_is_absent(cls, value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        try:
            return handler(value)
        except ValidationError:
            field = cls.model_fields[info.field_name or ""]
            if field.is_required():
                raise
            return field.default


class SimStatus(IntEnum):
    """The statuses of a SIM (GET /api/v1/sim/status)."""

    ISSUED = 0
    ACTIVATED = 1
    SUSPENDED = 2
    DELETED = 3
    FACTORY_TEST = 4

    @property
    def word(self) -> str:
        """Return the status as the tools write it, such as factory_test."""
        return self.name.lower()

    @property
    def label(self) -> str:
        """Return the status as emnify writes it, such as Factory Test."""
        return self.name.replace("_", " ").title()

    @classmethod
    def known(cls, status_id: int | None) -> Self | None:
        """Return the status with that number, or None where it is not known."""
        try:
            return cls(-1 if status_id is None else status_id)
        except ValueError:
            return None

    @classmethod
    def from_word(cls, word: str) -> Self:
        """Return the status with that name, in any case, with blanks or underscores.

        Raises:
            KeyError: There is no such status.
        """
        return cls[word.strip().replace(" ", "_").upper()]


_MAX_EXPONENT = 30


def _replace_surrogates(value: Any) -> Any:
    """Replace halves of surrogate pairs, which JSON can express and no answer can carry, by question marks."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list | tuple):
        return [_replace_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_replace_surrogates(key): _replace_surrogates(item) for key, item in value.items()}
    return value


def _encodable(value: Any) -> Any:
    """Return a value that can be written; hardly any has to be looked through piece by piece, which takes long."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, TypeError):
        return _replace_surrogates(value)
    return value


AnyObject = Annotated[dict[str, Any], BeforeValidator(_encodable)]
"""A JSON object of any shape."""


def _text(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isascii() else _replace_surrogates(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _parse_iso(value: Any) -> Any:
    """Parse what pydantic does not, such as dates by week; leave the rest to it."""
    if not isinstance(value, str):
        return value
    try:
        return datetime.fromisoformat(value.strip())
    except ValueError:
        return value


def _in_utc(moment: datetime) -> datetime:
    try:
        return as_utc(moment)
    except OverflowError:
        raise ValueError("not a moment of this calendar in UTC") from None


def _day(value: Any) -> Any:
    return value.strip()[:10] if isinstance(value, str) else value


def number_in(value: Any) -> Decimal:
    """Return a number, also where it comes as a string.

    Raises:
        ValueError: It is not a number, or longer than any volume or cost.
    """
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError("not a number") from None
    # Far beyond any volume or cost; 1e999999 as an integer would fill the memory.
    if not number.is_finite() or abs(number.adjusted()) > _MAX_EXPONENT:
        raise ValueError("not a number")
    return number


def number_or_none(value: Any) -> Decimal | None:
    """Return a number, also where it comes as a string, or None where it is not one."""
    if value is None or isinstance(value, bool):
        return None
    try:
        return number_in(value)
    except ValueError:
        return None


def _integer(value: Any) -> Any:
    # The documented form comes first: a fleet has millions of them.
    if type(value) is int and abs(value) < 2**63:
        return value
    # Some of emnify's services send "5" or 5.0 where others send 5.
    number = number_in(value)
    if number != number.to_integral_value() or abs(number) >= 2**63:
        raise ValueError("not a whole number")
    return int(number)


Text = Annotated[str, BeforeValidator(_text)]
"""A string; emnify's own samples sometimes show identifiers as numbers."""

Moment = Annotated[datetime, BeforeValidator(_parse_iso), AfterValidator(_in_utc)]
"""A moment in UTC, read from any of emnify's formats; one without a zone is UTC already."""

DayOnly = Annotated[date, BeforeValidator(_day)]
"""A day, also where a time of day follows."""

Number = Annotated[Decimal, BeforeValidator(number_in)]
"""A number, also where it comes as a string."""

Whole = Annotated[int, BeforeValidator(_integer)]
"""A whole number, also where it comes as a string or with a fraction of zero."""
