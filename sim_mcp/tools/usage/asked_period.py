"""The period of a ranking: as people write it, and as emnify's clock makes it a month or days. Pure."""

from datetime import date, timedelta
from typing import NamedTuple

from sim_mcp.emnify import InvalidValueError
from sim_mcp.emnify.identifiers import format_input
from sim_mcp.fleet.usage.periods import Period, days
from sim_mcp.tools.parameters import Month, parse_days
from sim_mcp.tools.usage.unused import MONTHS

_LONGEST_DAYS, _FIRST_YEAR = 366, 2000


class AskedPeriod(NamedTuple):
    """What is to be read, and what of the days asked for is still to come, in words."""

    period: Period
    note: str | None = None


def parse_period(text: str) -> Period | Month:
    """Parse a period as people write it, such as `last month`, `2026-10` or `2026-11-01..2026-11-07`.

    Raises:
        InvalidValueError: It is no period, or one too long or too long ago.
    """
    word = text.strip().lower().replace(" ", "_")
    for month in MONTHS:
        if word == month:
            return month
    first, _, last = word.partition("..")
    begins, ends = parse_days(first.strip("_")), parse_days((last or first).strip("_"))
    if begins is None or ends is None:
        raise InvalidValueError(
            f"period {format_input(text)} is not current_month, last_month, a month such as 2026-10 or days such as "
            "2026-11-01..2026-11-07"
        )
    start, end = begins[0], ends[1]
    if start > end:
        raise InvalidValueError(f"{start} is after {end}; swap them")
    if start.year < _FIRST_YEAR or (end - start).days >= _LONGEST_DAYS:
        raise InvalidValueError(f"{start}..{end} is too long ago, or longer than {_LONGEST_DAYS} days")
    return days(start, end)


def resolve_period(asked: Period | Month, months: tuple[Period, Period], today: date) -> AskedPeriod:
    """Return what to read: days that are a whole month are that month, and days to come are left out.

    Only a month's own figure has what SMS cost, and every digit: days are rounded.

    Args:
        asked: the period as it was parsed.
        months: this month and the last, by emnify's clock.
        today: emnify's day.

    Raises:
        InvalidValueError: The period begins after today: reading it would take as long and find nothing.
    """
    if not isinstance(asked, Period):
        return AskedPeriod(months[MONTHS.index(asked)])
    if asked.first > today:
        raise InvalidValueError(f"{asked.label} is still to come: today is {today}, by emnify's clock")
    note = f"From {today + timedelta(days=1)} on the days are still to come." if asked.last > today else None
    last = min(asked.last, today)
    whole = ((months[0], today), (months[1], months[1].last))
    month = next((month for month, end in whole if (asked.first, last) == (month.first, end)), None)
    return AskedPeriod(month or days(asked.first, last), note)
