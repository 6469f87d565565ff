"""The parameters that several tools share, each described once."""

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

from sim_mcp.emnify import InvalidValueError, SimStatus
from sim_mcp.formatting import as_utc, format_timestamp
from sim_mcp.sanitize import escaped

_EXACT_IN_JSON = 2**53
_FIRST_YEAR, _LAST_YEAR = 2000, 2100
"""No SIM of emnify's is older, and no plan of anybody's goes further."""


def _number_as_text(value: Any) -> Any:
    # Hosts written in JavaScript round longer numbers: those are refused rather than guessed at.
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _EXACT_IN_JSON:
        return str(value)
    return value


def _as_word(value: Any) -> Any:
    return value.strip().lower().replace(" ", "_") if isinstance(value, str) else value


def wrap_scalar(value: Any) -> Any:
    """Wrap a scalar in a list; leave anything else as it is."""
    return [value] if isinstance(value, str | int) else value


def _in_utc_unless_said(value: Any) -> Any:
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            return value
        return moment if moment.tzinfo else as_utc(moment)
    return value


_Dated = TypeVar("_Dated", date, datetime)


def _of_this_age(value: _Dated) -> _Dated:
    if not _FIRST_YEAR <= value.year <= _LAST_YEAR:
        raise ValueError(f"should lie between {_FIRST_YEAR} and {_LAST_YEAR}")
    return value


Name = Annotated[str, BeforeValidator(_number_as_text), Field(min_length=1, max_length=200)]
"""Whatever a person calls a thing: never a JSON number too long to survive, never empty."""

SimName = Annotated[
    Name,
    Field(
        description="SIM: ICCID (19 or 20 digits, as on the card), IMSI, MSISDN, EID, SIM id or device name",
        examples=["8988303000000000129"],
    ),
]
SimNames = Annotated[
    list[Annotated[Name, Field()]],
    BeforeValidator(wrap_scalar),
    Field(
        min_length=1,
        max_length=3000,
        description="SIMs, each an ICCID, IMSI, MSISDN, EID, SIM id or device name",
    ),
]
Status = Annotated[Literal["issued", "activated", "suspended", "factory_test"], BeforeValidator(_as_word)]
"""A status as people write it; emnify's own spelling is understood too."""
Statuses = Annotated[list[Status], BeforeValidator(wrap_scalar), Field(min_length=1)]
"""Any of several statuses; one that stands alone is taken as it is."""
Page = Annotated[int, Field(ge=1, le=1_000_000)]
PerPage = Annotated[int, Field(ge=1, le=100)]
Moment = Annotated[
    AwareDatetime,
    BeforeValidator(_in_utc_unless_said),
    AfterValidator(_of_this_age),
    Field(examples=["2026-11-01T00:00:00Z"]),
]
PlainDay = Annotated[date, AfterValidator(_of_this_age)]
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
    """Write a call of this very tool with the arguments given, some of them changed."""
    merged = {name: value for name, value in {**arguments, **changed}.items() if value is not None}
    return f"{tool}({', '.join(f'{name}={_literal(value)}' for name, value in merged.items())})"


def _literal(value: Any) -> str:
    if isinstance(value, datetime):
        value = format_timestamp(value)
    return escaped(json.dumps(value, ensure_ascii=False, default=str))
