"""Parameter types that several tools share, and how calls with parameters are written out."""

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

from sim_mcp.emnify import InvalidValueError, SimStatus
from sim_mcp.emnify.pasted_number import split_column
from sim_mcp.formatting import as_utc, format_timestamp
from sim_mcp.sanitize import escaped

_EXACT_IN_JSON = 2**53
_FIRST_YEAR, _LAST_YEAR = 2000, 2100
"""No emnify SIM is older, and nobody plans further ahead."""


def _number_to_str(value: Any) -> Any:
    # Hosts written in JavaScript round longer numbers, so those are refused.
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _EXACT_IN_JSON:
        return str(value)
    return value


def _to_word(value: Any) -> Any:
    return value.strip().lower().replace(" ", "_") if isinstance(value, str) else value


def wrap_scalar(value: Any) -> Any:
    """Wrap a scalar in a list; leave anything else as it is."""
    return [value] if isinstance(value, str | int) else value


def _split_columns(value: Any) -> Any:
    """Return the entries of pasted columns; as it is where it holds none, so that it is refused."""
    names = wrap_scalar(value)
    if not isinstance(names, list):
        return names
    return [entry for name in names for entry in (split_column(name) if isinstance(name, str) else [name])] or names


def _assume_utc(value: Any) -> Any:
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            return value
        return moment if moment.tzinfo else as_utc(moment)
    return value


_Dated = TypeVar("_Dated", date, datetime)


def _check_year(value: _Dated) -> _Dated:
    if not _FIRST_YEAR <= value.year <= _LAST_YEAR:
        raise ValueError(f"should lie between {_FIRST_YEAR} and {_LAST_YEAR}")
    return value


Name = Annotated[str, BeforeValidator(_number_to_str), Field(min_length=1, max_length=200)]
"""A name or number as a person writes it, also as a JSON number, as long as that is exact; never empty."""

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
Status = Annotated[Literal["issued", "activated", "suspended", "factory_test"], BeforeValidator(_to_word)]
"""A status that can be set; emnify's own spelling, such as "Factory Test", is understood too."""
Statuses = Annotated[list[Status], BeforeValidator(wrap_scalar), Field(min_length=1)]
"""Any of several statuses; a single one needs no list."""
Page = Annotated[int, Field(ge=1, le=1_000_000)]
PerPage = Annotated[int, Field(ge=1, le=100)]
Moment = Annotated[
    AwareDatetime,
    BeforeValidator(_assume_utc),
    AfterValidator(_check_year),
    Field(examples=["2026-11-01T00:00:00Z"]),
]
PlainDay = Annotated[date, AfterValidator(_check_year)]
Day = Annotated[PlainDay, Field(examples=["2026-11-01"])]
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
    merged = {name: value for name, value in {**arguments, **changed}.items() if value is not None}
    return f"{tool}({', '.join(f'{name}={_format_literal(value)}' for name, value in merged.items())})"


def _format_literal(value: Any) -> str:
    if isinstance(value, datetime):
        value = format_timestamp(value)
    return escaped(json.dumps(value, ensure_ascii=False, default=str))
