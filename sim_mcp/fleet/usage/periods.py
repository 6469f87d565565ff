"""Periods that usage is read for: a calendar month, or a range of days."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

_LATE = timedelta(days=1)
"""How late networks may report: until then, usage of a past period may still grow."""


@dataclass(frozen=True)
class Period:
    """The days from `first` to `last`, both included."""

    first: date
    last: date
    is_month: bool
    """Whether it is read as a month (GET /api/v1/sim/{id}/stats) rather than day by day (.../stats/daily)."""

    @property
    def key(self) -> str:
        """Return the key it is stored under."""
        return f"{self.first:%Y-%m}" if self.is_month else f"{self.first}..{self.last}"

    @property
    def label(self) -> str:
        """Return it as people read it, such as `2026-11` or `2026-11-01 to 2026-11-07`."""
        return f"{self.first:%Y-%m}" if self.is_month else f"{self.first} to {self.last}"

    def is_final(self, read_at: datetime) -> bool:
        """Tell whether usage that was read then can no longer change."""
        over = datetime(self.last.year, self.last.month, self.last.day, tzinfo=UTC) + timedelta(days=1)
        return read_at >= over + _LATE


def month_of(day: date) -> Period:
    """Return the month of a day."""
    first = day.replace(day=1)
    return Period(first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1), is_month=True)


def month_before(month: Period) -> Period:
    """Return the month before."""
    return month_of(month.first - timedelta(days=1))


def days(first: date, last: date) -> Period:
    """Return a range of days; even a whole month is then read day by day."""
    return Period(first, last, is_month=False)
