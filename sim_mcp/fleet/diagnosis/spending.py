"""What an expensive SIM costs: this month against last, since which day, and on the days in which country. Pure."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from statistics import median

from sim_mcp.emnify import DayUsage, MonthUsage, SimUsage
from sim_mcp.emnify.money import Money
from sim_mcp.fleet.diagnosis.evidence import Evidence
from sim_mcp.formatting import format_costs, format_quantity
from sim_mcp.sanitize import clean, quoted

_JUMP, _JUMP_MB, _JUMP_COST = 3.0, 10.0, 10
_MOST_COUNTRIES = 4


def is_jump(usage: SimUsage | None) -> bool:
    """Tell whether this month has far more data, or far more cost, than all of last month."""
    if usage is None or usage.current_month is None or usage.last_month is None:
        return False
    now, before = megabytes(usage.current_month), megabytes(usage.last_month)
    if before > 0 and now >= _JUMP_MB and now >= _JUMP * before:
        return True
    cost, cost_before = usage.current_month.costs, usage.last_month.costs
    return any(
        cost_before.get(currency, Decimal()) > 0
        and amount >= _JUMP_COST
        and amount >= Decimal(str(_JUMP)) * cost_before[currency]
        for currency, amount in cost.items()
    )


def compare_months(usage: SimUsage) -> str:
    """Return this month's money and data against last month's; only the data where no cost is known."""
    now, before = usage.current_month, usage.last_month
    data_now, data_before = f"{megabytes(now):.1f} MB", f"{megabytes(before):.1f} MB"
    cost_now, cost_before = _costs(now), _costs(before)
    if not any(cost_now.values()):
        return f"It used {data_now} this month already, after {data_before} in all of last month."
    return (
        f"It cost {_format(cost_now)} this month already ({data_now}), "
        f"after {_format(cost_before)} ({data_before}) in all of last month."
    )


def list_spending(evidence: Evidence) -> tuple[str, ...]:
    """Return as lines what data and SMS cost, the day from which it is more, and the days by country."""
    usage, days = evidence.usage, evidence.daily.days if evidence.daily else ()
    month = usage.current_month if usage else None
    if month is None or not any(month.costs.values()):
        return ()
    lines = [f"this month so far: data {_format(month.data_cost)}, SMS {_format(month.sms_cost)}"]
    began = find_beginning(days)
    if began is not None:
        lines.append(f"more than before from {began} on (days are UTC)")
    by_country = _sum_by_country(evidence, days)
    if len(by_country) > 1:
        parts = [
            f"{where} {_format(costs)} on {format_quantity(count, 'day')}"
            for where, (costs, count) in by_country[:_MOST_COUNTRIES]
        ]
        lines.append(f"data cost of the days with sessions in: {'; '.join(parts)}")
    return tuple(lines)


def find_beginning(days: Sequence[DayUsage]) -> date | None:
    """Return the first day that cost several times what is usual in the month, or None where none stands out."""
    amounts = [(day.date, day.data_cost.largest) for day in days]
    if len(amounts) < 2:  # noqa: PLR2004  # one day does not tell what is usual.
        return None
    costs = [amount for _, amount in amounts]
    threshold = max(median(costs) * 4, max(costs) / 20)
    first = next(((day, index) for index, (day, amount) in enumerate(amounts) if amount > threshold), None)
    return first[0] if first and first[1] > 0 else None


def megabytes(month: MonthUsage | None) -> float:
    """Return the data of a month in MB; 0 where emnify leaves the month out."""
    return float(month.data.volume) if month and month.data and month.data.volume is not None else 0.0


def _sum_by_country(evidence: Evidence, days: Sequence[DayUsage]) -> list[tuple[str, tuple[Money, int]]]:
    """Return the cost and number of the days in each country or set of countries, the dearest first."""
    countries: dict[date, set[str]] = {}
    for session in evidence.sessions:
        first, last = session.start or session.end, session.end or session.start
        if first is None or last is None or not session.country:
            continue
        for offset in range((last.date() - first.date()).days + 1):
            countries.setdefault(first.date() + timedelta(days=offset), set()).add(session.country)
    sums: dict[str, tuple[Money, int]] = {}
    for day in days:
        where = " and ".join(quoted(name) for name in sorted(countries.get(day.date, ()))) or "no known country"
        costs, count = sums.get(where, (Money(), 0))
        sums[where] = (Money.total((costs, day.data_cost)), count + 1)
    return sorted(sums.items(), key=lambda item: -item[1][0].largest)


def _costs(month: MonthUsage | None) -> Money:
    return month.costs if month else Money()


def _format(costs: Money) -> str:
    return clean(format_costs(costs)) or "nothing"
