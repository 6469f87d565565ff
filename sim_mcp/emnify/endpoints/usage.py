"""What a SIM used and cost: data in MB, SMS as a count; rx is what the device received."""

from datetime import date, timedelta
from typing import Any

from pydantic import Field, model_validator

from sim_mcp.emnify.money import Money
from sim_mcp.emnify.values import AnyObject, DayOnly, Moment, Number, Record, Text, number_or_none


class Currency(Record):
    """The currency of a cost."""

    code: Text | None = None
    symbol: Text | None = None

    @property
    def label(self) -> str | None:
        """Return the code, or the symbol where only that is known."""
        return self.code or self.symbol


class Traffic(Record):
    """One kind of traffic in one period; where volumes are pooled, `cost` says nothing."""

    volume: Number | None = None
    rx: Number | None = Field(default=None, alias="volume_rx")
    tx: Number | None = Field(default=None, alias="volume_tx")
    cost: Number | None = None
    currency_read: Currency | None = Field(default=None, alias="currency")
    month: DayOnly | None = None
    """A day of the month that this is the traffic of; absent in daily usage."""
    last_updated: Moment | None = None

    @property
    def currency(self) -> str | None:
        """Return the code of the currency, or its symbol where only that is known."""
        return self.currency_read.label if self.currency_read else None


class PeriodUsage(Record):
    """Traffic of one period; either kind may be absent."""

    data: Traffic | None = None
    sms: Traffic | None = None

    @property
    def data_cost(self) -> Money:
        """Return what the data cost."""
        return _cost(self.data)

    @property
    def sms_cost(self) -> Money:
        """Return what the SMS cost."""
        return _cost(self.sms)

    @property
    def costs(self) -> Money:
        """Return what data and SMS cost."""
        return Money.total((self.data_cost, self.sms_cost))

    @property
    def currency(self) -> str | None:
        """Return the first currency that is known, that of the data before that of the SMS."""
        return next((each.currency for each in (self.data, self.sms) if each and each.currency), None)


class MonthUsage(PeriodUsage):
    """One month."""

    @property
    def label(self) -> str | None:
        """Return the month as the answer states it, such as `2026-11`, or None where it does not."""
        stated = next((each.month for each in (self.data, self.sms) if each and each.month), None)
        return f"{stated:%Y-%m}" if stated else None


class SimUsage(Record):
    """This month and last (GET /api/v1/sim/{id}/stats); a month without traffic is absent."""

    current_month: MonthUsage | None = None
    last_month: MonthUsage | None = None
    last_hour: AnyObject | None = None

    @model_validator(mode="before")
    @classmethod
    def _object_or_array(cls, value: Any) -> Any:
        """Merge an array of objects into one: emnify documents an array and sends an object."""
        if isinstance(value, list):
            merged: dict[str, Any] = {}
            for part in value:
                if isinstance(part, dict):
                    merged |= part
            return merged
        return {} if value is None else value

    def label_months(self, today: date) -> tuple[str, str]:
        """Return this month and the last, such as `2026-11` and `2026-10`: as stated, or by emnify's day."""
        first = today.replace(day=1)
        supposed = f"{first:%Y-%m}", f"{first - timedelta(days=1):%Y-%m}"
        stated = (self.current_month and self.current_month.label, self.last_month and self.last_month.label)
        return stated[0] or supposed[0], stated[1] or supposed[1]

    @property
    def last_hour_mb(self) -> float | None:
        """Return the data of the last hour in MB, summed over its minutes, or None where emnify sends none."""
        data = self.last_hour.get("data") if self.last_hour else None
        if not isinstance(data, dict):
            return None
        minutes = [minute for way in ("rx", "tx") for minute in _list(data.get(way))]
        volumes = [minute[1] for minute in minutes if isinstance(minute, list) and len(minute) > 1]
        numbers = [number_or_none(volume) for volume in volumes]
        known = [number for number in numbers if number is not None]
        return float(sum(known)) if known else None


class DayUsage(PeriodUsage):
    """One day."""

    date: DayOnly


class DailyUsage(Record):
    """Usage by day, oldest first, and emnify's own total (GET /api/v1/sim/{id}/stats/daily)."""

    days: tuple[DayUsage, ...] = ()
    total: MonthUsage | None = None
    unreadable: int = 0
    """Rows left out because they could not be read."""

    @classmethod
    def read(cls, raw_rows: list[Any]) -> "DailyUsage":
        """Parse the rows of an answer; the one dated TOTAL is emnify's total."""
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


def _cost(traffic: Traffic | None) -> Money:
    # That data and SMS are billed in one currency is not documented: a cost without one is in an unknown currency.
    return Money.of(traffic.cost, traffic.currency) if traffic else Money()


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
