"""What a SIM used and cost: data in MB, SMS as a count; rx is what the device received."""

from decimal import Decimal
from typing import Any

from pydantic import Field, model_validator

from sim_mcp.emnify.values import AnyObject, DayOnly, Moment, Number, Record, Text, number_in


class Currency(Record):
    """The currency of a cost."""

    code: Text | None = None
    symbol: Text | None = None


class Traffic(Record):
    """One kind of traffic in one period; `cost` means something only without pooled volumes."""

    volume: Number | None = None
    rx: Number | None = Field(default=None, alias="volume_rx")
    tx: Number | None = Field(default=None, alias="volume_tx")
    cost: Number | None = None
    currency_read: Currency | None = Field(default=None, alias="currency")
    month: DayOnly | None = None
    """A day of the month it is of, where it is of a month."""
    last_updated: Moment | None = None

    @property
    def currency(self) -> str | None:
        """Return the currency's code, or its symbol where only that is known."""
        return (self.currency_read.code or self.currency_read.symbol) if self.currency_read else None


class MonthUsage(Record):
    """One month; either kind of traffic may be absent."""

    data: Traffic | None = None
    sms: Traffic | None = None


class SimUsage(Record):
    """This month and last (GET /api/v1/sim/{id}/stats); a month without traffic is absent."""

    current_month: MonthUsage | None = None
    last_month: MonthUsage | None = None
    last_hour: AnyObject | None = None

    @model_validator(mode="before")
    @classmethod
    def _object_or_array(cls, value: Any) -> Any:
        """Take an array of one, or of one object per period: the documentation shows arrays, the service objects."""
        if isinstance(value, list):
            merged: dict[str, Any] = {}
            for part in value:
                if isinstance(part, dict):
                    merged |= part
            return merged
        return {} if value is None else value

    @property
    def last_hour_mb(self) -> float | None:
        """Return the data of the last hour in MB, summed over its minutes, or None where it is not told."""
        data = self.last_hour.get("data") if self.last_hour else None
        if not isinstance(data, dict):
            return None
        minutes = [minute for way in ("rx", "tx") for minute in _list(data.get(way))]
        volumes = [minute[1] for minute in minutes if isinstance(minute, list) and len(minute) > 1]
        numbers = [_number(volume) for volume in volumes]
        known = [number for number in numbers if number is not None]
        return float(sum(known)) if known else None


class DayUsage(Record):
    """One day."""

    date: DayOnly
    data: Traffic | None = None
    sms: Traffic | None = None


class DailyUsage(Record):
    """Usage by day, oldest first, apart from emnify's own total (GET /api/v1/sim/{id}/stats/daily)."""

    days: tuple[DayUsage, ...] = ()
    total: MonthUsage | None = None
    unreadable: int = 0

    @classmethod
    def read(cls, raw_rows: list[Any]) -> "DailyUsage":
        """Read the rows; the one dated TOTAL is not a day."""
        days: list[DayUsage] = []
        total = None
        unreadable = 0
        for row in raw_rows:
            if isinstance(row, dict) and str(row.get("date")).strip().upper() == "TOTAL":
                total = MonthUsage.model_validate(row)
                continue
            try:
                days.append(DayUsage.model_validate(row))
            except ValueError:
                unreadable += 1
        return cls(days=tuple(sorted(days, key=lambda day: day.date)), total=total, unreadable=unreadable)


def _number(value: Any) -> Decimal | None:
    try:
        return number_in(value)
    except ValueError:
        return None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
