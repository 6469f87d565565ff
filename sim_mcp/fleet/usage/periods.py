"""The stretches of time that usage is asked for: a month as emnify accounts it, or days."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

_LATE = timedelta(days=1)
"""Networks report that late: until then, what was read of a period that is over may still grow."""


@dataclass(frozen=True)
class Period:
    """The days from `first` to `last`, both included; a month is read from GET /api/v1/sim/{id}/stats."""

    first: date
    last: date
    is_month: bool

    @property
    def key(self) -> str:
        """Return the name it is kept under."""
        return f"{self.first:%Y-%m}" if self.is_month else f"{self.first}..{self.last}"

    @property
    def words(self) -> str:
        """Return the name it is told by."""
        return f"{self.first:%Y-%m}" if self.is_month else f"{self.first} to {self.last}"

    def is_final(self, read_at: datetime) -> bool:
        """Tell whether what was read then will stay as it is."""
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
    """Return the period of those days; what is exactly a month is read day by day all the same."""
    return Period(first, last, is_month=False)
