"""Parameter types that several tools share, and how calls with parameters are written out."""

import calendar
import json
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, WithJsonSchema

from sim_mcp.emnify import InvalidValueError, SimStatus
from sim_mcp.emnify.pasted_number import split_column
from sim_mcp.formatting import as_utc, format_timestamp
from sim_mcp.sanitize import escaped
from sim_mcp.tools.context import workspace_here

_EXACT_IN_JSON = 2**53
_MONTH = re.compile(r"\d{4}-\d{2}")
_FIRST_YEAR, _LAST_YEAR = 2000, 2100
"""No emnify SIM is older, and nobody plans further ahead."""


def _number_to_str(value: Any) -> Any:
    # Hosts written in JavaScript round longer numbers, so those are refused.
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT_IN_JSON:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _EXACT_IN_JSON:
        return str(value)
    return value


def _split_columns(value: Any) -> Any:
    """Return the entries of pasted columns; as it is where it holds none, so that it is refused."""
    if not isinstance(value, list):
        return value
    return [entry for name in value for entry in (split_column(name) if isinstance(name, str) else [name])] or value


_Dated = TypeVar("_Dated", date, datetime)


def _check_year(value: _Dated) -> _Dated:
    if not _FIRST_YEAR <= value.year <= _LAST_YEAR:
        raise ValueError(f"should lie between {_FIRST_YEAR} and {_LAST_YEAR}")
    return value


def _first_day(value: Any) -> Any:
    """Return the first day of a month such as 2026-10, or the day of a moment; anything else as it is."""
    return days[0] if (days := parse_days(value)) else _day(_moment(value))


def _last_day(value: Any) -> Any:
    """Return the last day of a month such as 2026-10, or the day of a moment; anything else as it is."""
    return days[1] if (days := parse_days(value)) else _day(_moment(value))


def _first_and_last(value: Any) -> Any:
    days = parse_days(value)
    if days is None:
        raise ValueError("should be a day such as 2026-11-01, or a month such as 2026-11")
    return days[0], _check_year(days[1])


def _day(moment: Any) -> Any:
    return as_utc(moment).date() if isinstance(moment, datetime) else moment


def _first_moment(value: Any) -> Any:
    """Return the first moment of a day or a month, in UTC, or the moment that is written out."""
    return datetime.combine(days[0], time.min, UTC) if (days := parse_days(value)) else _moment(value)


def _last_moment(value: Any) -> Any:
    """Return the last moment of a day or a month, in UTC, or the moment that is written out."""
    return datetime.combine(days[1], time.max, UTC) if (days := parse_days(value)) else _moment(value)


def parse_days(value: Any) -> tuple[date, date] | None:
    """Return the first and the last day that a text means, or None where it names neither a day nor a month."""
    text = value.strip() if isinstance(value, str) else ""
    try:
        if _MONTH.fullmatch(text):
            year, month = map(int, text.split("-"))
            return date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1])
        return (day := date.fromisoformat(text)), day
    except ValueError:
        return None


def _moment(value: Any) -> Any:
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            return value
        return moment if moment.tzinfo else as_utc(moment)
    return value


Name = Annotated[str, BeforeValidator(_number_to_str), Field(min_length=1, max_length=200)]
"""A name or number as a person writes it, also as a JSON number, as long as that is exact; never empty."""
Names = Annotated[list[Name], Field(min_length=1, max_length=50)]
"""Any of several names; a single one needs no list."""

SimName = Annotated[
    Name,
    Field(
        description="ICCID, IMSI, MSISDN, EID, IMEI, IP, SIM id, device id or name",
        examples=["8988303000000000129"],
    ),
]
SimNames = Annotated[
    list[Annotated[Name, Field()]],
    BeforeValidator(_split_columns),
    Field(
        min_length=1,
        max_length=3000,
        description="each an ICCID, IMSI, MSISDN, EID, IMEI, SIM id or device name",
    ),
]
Status = Literal["issued", "activated", "suspended", "factory_test"]
"""A status that can be set; emnify's own spelling, such as "Factory Test", is understood too."""
Statuses = Annotated[list[Status], Field(min_length=1)]
"""Any of several statuses; a single one needs no list."""
Page = Annotated[int, Field(ge=1, le=1_000_000)]
PerPage = Annotated[int, Field(ge=1, le=100)]
_TEXT = WithJsonSchema({"type": "string"})
"""What a date is in a schema: hosts that check formats would refuse a month, or a day for a moment."""
Start = Annotated[AwareDatetime, BeforeValidator(_first_moment), AfterValidator(_check_year), _TEXT]
"""A moment, or the first of a day or a month."""
End = Annotated[AwareDatetime, BeforeValidator(_last_moment), AfterValidator(_check_year), _TEXT]
"""A moment, or the last of a day or a month."""
FirstDay = Annotated[date, BeforeValidator(_first_day), AfterValidator(_check_year), _TEXT]
"""A day, or the first of a month."""
LastDay = Annotated[date, BeforeValidator(_last_day), AfterValidator(_check_year), _TEXT]
"""A day, or the last of a month."""
Days = Annotated[tuple[date, date], BeforeValidator(_first_and_last), _TEXT]
"""The first and the last day of a month, or the same day twice."""
Month = Literal["current_month", "last_month"]
BicText = Annotated[
    Name,
    Field(
        description="batch code: 16 characters, '#' first, blanks allowed",
        examples=["#31F 6E2S 6XTR 3NEY"],
    ),
]


def to_statuses(words: Sequence[str] | None) -> tuple[SimStatus, ...]:
    """Return the statuses of those words, each once."""
    return tuple(dict.fromkeys(SimStatus.from_word(word) for word in words or ()))


def format_days(days: tuple[date, date] | None) -> str | None:
    """Return days as the parameter takes them: a day, or a month."""
    if days is None:
        return None
    return f"{days[0]}" if days[0] == days[1] else f"{days[0]:%Y-%m}"


def name_to_come(now: datetime, **starts: date | datetime | None) -> str | None:
    """Return that a start is still to come, or None where none is.

    Args:
        now: emnify's time.
        starts: days or moments, each by its parameter's name.
    """
    for name, start in starts.items():
        if isinstance(start, datetime):
            if start > now:
                return f"{name} {format_timestamp(start)} is still to come."
        elif start is not None and start > now.date():
            return f"{name} {start} is still to come."
    return None


def check_order(**moments: datetime | None) -> None:
    """Refuse a range that ends before it starts; takes the start and then the end, each by its parameter's name.

    Raises:
        InvalidValueError: Both are given and the first is later than the second.
    """
    (first, start), (last, end) = moments.items()
    if start and end and start > end:
        raise InvalidValueError(f"{first} {format_timestamp(start)} is after {last} {format_timestamp(end)}; swap them")


def ready_call(tool: str, arguments: dict[str, Any], **changed: Any) -> str:
    """Return a tool call as text, ready to be made; arguments that are None are left out.

    Args:
        tool: name of the tool.
        arguments: by parameter.
        changed: arguments that replace or add to the given ones.
    """
    here = workspace_here()
    where = {"workspace": here.name} if here is not None and here.is_one_of_several else {}
    merged = {name: value for name, value in {**where, **arguments, **changed}.items() if value is not None}
    return f"{tool}({', '.join(f'{name}={_format_literal(value)}' for name, value in merged.items())})"


def _format_literal(value: Any) -> str:
    if isinstance(value, datetime):
        value = format_timestamp(value)
    return escaped(json.dumps(value, ensure_ascii=False, default=str))
