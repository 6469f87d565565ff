"""What emnify sent, as the facts an answer holds. Pure: text of customers is cleaned here."""

from typing import Any

from sim_mcp.emnify import (
    DailyUsage,
    DayUsage,
    MonthUsage,
    Sim,
    SimUsage,
    Traffic,
)
from sim_mcp.tools import answers

_TINY = 0.01


def usage(sim: Sim, usage_read: SimUsage) -> answers.Usage:
    """Return this month's and last month's usage."""
    nothing = usage_read.current_month is None and usage_read.last_month is None
    return answers.Usage(
        iccid=sim.printed_iccid or f"id {sim.id}",
        current_month=_month(usage_read.current_month),
        last_month=_month(usage_read.last_month),
        last_hour_mb=usage_read.last_hour_mb,
        hint="No traffic this month or last: emnify leaves months without traffic out." if nothing else None,
    )


def daily(sim: Sim, read: DailyUsage, start: str, end: str) -> answers.DailyUsage:
    """Return usage day by day with emnify's own total: its days are rounded, so their sum may differ in a cent."""
    days = [answers.Day(date=row.date.isoformat(), **_amounts(row)) for row in read.days]
    total = _sum(days) if read.total is None else answers.Amounts(**_amounts(read.total))
    hint = "No traffic on these days. Ask for other days, or look at list_sim_events." if not days else None
    return answers.DailyUsage(
        iccid=sim.printed_iccid or f"id {sim.id}", start=start, end=end, days=days, total=total, hint=hint
    )


def _month(month: MonthUsage | None) -> answers.Amounts | None:
    return None if month is None else answers.Amounts(**_amounts(month))


def _amounts(row: MonthUsage | DayUsage) -> dict[str, Any]:
    currencies = [traffic.currency for traffic in (row.data, row.sms) if traffic and traffic.currency]
    return {
        **_traffic("data", "_mb", row.data),
        **_traffic("sms", "", row.sms),
        "currency": currencies[0] if currencies else None,
    }


def _traffic(kind: str, unit: str, traffic: Traffic | None) -> dict[str, float | None]:
    if traffic is None:
        return {}
    return {
        f"{kind}{unit}": _number(traffic.volume),
        f"{kind}_rx{unit}": _number(traffic.rx),
        f"{kind}_tx{unit}": _number(traffic.tx),
        f"{kind}_cost": _cents(_number(traffic.cost)),
    }


def _sum(days: list[answers.Day]) -> answers.Amounts:
    def total(name: str) -> float | None:
        values = [value for row in days if (value := getattr(row, name)) is not None]
        return (_cents if name.endswith("_cost") else _rounded)(sum(values)) if values else None

    names = [name for name in answers.Amounts.model_fields if name != "currency"]
    currencies = {row.currency for row in days if row.currency}
    return answers.Amounts(
        **{name: total(name) for name in names}, currency=currencies.pop() if len(currencies) == 1 else None
    )


def _number(value: Any) -> float | None:
    try:
        return None if value is None else _rounded(float(value))
    except (TypeError, ValueError):
        return None


def _cents(cost: float | None) -> float | None:
    return round(cost, 2) if cost is not None and abs(cost) >= _TINY else cost


def _rounded(value: float) -> float:
    # A thousandth is finer than any bill; only what would vanish keeps all of emnify's digits.
    return round(value, 3) if abs(value) >= _TINY else round(value, 6)
