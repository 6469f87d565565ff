"""What an expensive SIM costs: this month against last, from which day on, and the days by country. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from sim_mcp.emnify import DayUsage, MonthUsage, SimUsage
from sim_mcp.emnify.money import Money
from sim_mcp.fleet.diagnosis.evidence import Evidence
from sim_mcp.formatting import format_costs, format_count, format_megabytes, format_quantity, round_volume
from sim_mcp.sanitize import clean, quoted

_JUMP = 3
_JUMP_MB, _JUMP_COST = 10, 10
_LEAST_SHARE = Decimal("0.02")
"""The share of the dearest day from which a day can be the first dear one: less is noise beside it."""

_DAYS_OF_A_MONTH = Decimal(30)
_FIRST_DAYS = 10
"""How long into a month people still ask about the bill of the last."""

_MOST_COUNTRIES = 4


class DearMonth(NamedTuple):
    """A dear month with its days so far, the month it is compared with, and how many days of that are over."""

    month: MonthUsage
    other: MonthUsage | None
    other_days: Decimal
    first: date
    last: date


def cost_jumped(evidence: Evidence) -> bool:
    """Tell whether this month cost far more than all of last month, in any currency; False where costs say nothing."""
    usage = evidence.usage
    if usage is None or usage.current_month is None or evidence.inclusive_volume:
        return False
    before = usage.last_month.costs if usage.last_month else Money()
    return any(
        amount >= _JUMP_COST
        and amount >= _JUMP * before.get(currency, Decimal())
        and (before.get(currency, Decimal()) > 0 or _had_service_last_month(evidence))
        for currency, amount in usage.current_month.costs.items()
    )


def data_jumped(usage: SimUsage | None) -> bool:
    """Tell whether this month has far more data than all of last month, which had some."""
    now, before = (megabytes(usage.current_month), megabytes(usage.last_month)) if usage else (0.0, 0.0)
    return before > 0 and now >= _JUMP_MB and now >= _JUMP * before


def last_month_was_dear(evidence: Evidence) -> bool:
    """Tell whether last month cost far more a day than this one does: who asks in its first days asks about that bill.

    A SIM that costs nothing any more is not compared: it may just be silent.
    """
    usage = evidence.usage
    if usage is None or usage.last_month is None or evidence.inclusive_volume or evidence.now.day > _FIRST_DAYS:
        return False
    now, days = _costs(usage.current_month), _days_so_far(evidence)
    return any(
        amount >= _JUMP_COST and 0 < now.get(currency, Decimal()) / days * _JUMP <= amount / _DAYS_OF_A_MONTH
        for currency, amount in usage.last_month.costs.items()
    )


def find_dear_month(evidence: Evidence) -> DearMonth | None:
    """Return the month with far more cost or data than the other, this one or else the last; None where none is."""
    usage, today = evidence.usage, evidence.now.date()
    if usage is None:
        return None
    first = today.replace(day=1)
    if usage.current_month and (cost_jumped(evidence) or data_jumped(usage)):
        return DearMonth(usage.current_month, usage.last_month, _DAYS_OF_A_MONTH, first, today)
    if usage.last_month and last_month_was_dear(evidence):
        over = first - timedelta(days=1)
        return DearMonth(usage.last_month, usage.current_month, _days_so_far(evidence), over.replace(day=1), over)
    return None


def compare_months(evidence: Evidence, usage: SimUsage) -> str:
    """Return the dear month against the other: the money first where that jumped, else the data."""
    this, last = usage.label_months(evidence.now.date())
    used = [_format_used(month) for month in (usage.current_month, usage.last_month)]
    costs = ["" if evidence.inclusive_volume else _format(_costs(month)) for month in _months(usage)]
    if cost_jumped(evidence):
        return f"It cost {costs[0]} in {this} so far ({used[0]}), after {costs[1]} in all of {last} ({used[1]})."
    if not data_jumped(usage):
        since = f"the {costs[0]} in {this} so far ({used[0]})"
        return f"It cost {costs[1]} in {last} ({used[1]}), far more a day than {since}."
    told = [f" ({cost})" if cost and any(_costs(usage.current_month).values()) else "" for cost in costs]
    return f"It used {used[0]} in {this} so far{told[0]}, after {used[1]} in all of {last}{told[1]}."


def list_spending(evidence: Evidence, dear: DearMonth) -> tuple[str, ...]:
    """Return as lines what data and SMS cost, the days by country, and from which day on it was more."""
    days = evidence.daily.days if evidence.daily else ()
    lines = []
    if evidence.inclusive_volume:
        lines.append("what it costs cannot be known: the workspace has inclusive volume")
    elif any(dear.month.costs.values()):
        lines.append(_compare_kinds(dear))
    lines += filter(None, (_tell_countries(evidence, days), _tell_beginning(evidence, days, dear)))
    return tuple(lines)


def find_dear_days(amounts: Mapping[date, Decimal], usual: Decimal) -> tuple[date, date] | None:
    """Return the first and the last day with far more than is usual for one, or None where no day stands out."""
    most = max(amounts.values(), default=Decimal())
    threshold = max(_JUMP * usual, _LEAST_SHARE * most)
    dear = sorted(day for day, amount in amounts.items() if amount and amount >= threshold)
    return (dear[0], dear[-1]) if dear else None


def megabytes(month: MonthUsage | None) -> float:
    """Return the data of a month in MB; 0 where emnify leaves the month out."""
    return float(month.data.volume) if month and month.data and month.data.volume is not None else 0.0


def messages(month: MonthUsage | None) -> float:
    """Return the number of SMS of a month; 0 where emnify leaves the month out."""
    return float(month.sms.volume) if month and month.sms and month.sms.volume is not None else 0.0


def _had_service_last_month(evidence: Evidence) -> bool:
    """Tell whether it was active before this month, so that a month without cost is one to compare with."""
    first = evidence.sim.activation_date
    return first is not None and first.date() < evidence.now.date().replace(day=1)


def _days_so_far(evidence: Evidence) -> Decimal:
    """Return how many days of this month are over, at least a quarter of the first."""
    now = evidence.now
    begun = timedelta(days=now.day - 1, hours=now.hour, minutes=now.minute)
    return max(Decimal("0.25"), Decimal(begun // timedelta(minutes=1)) / (24 * 60))


def _compare_kinds(dear: DearMonth) -> str:
    other = dear.other or MonthUsage()
    than = "after" if dear.other_days == _DAYS_OF_A_MONTH else "then"
    kinds = (("data", dear.month.data_cost, other.data_cost), ("SMS", dear.month.sms_cost, other.sms_cost))
    return "; ".join(f"{kind} {_format(cost)}, {than} {_format(was)}" for kind, cost, was in kinds)


def _tell_beginning(evidence: Evidence, days: Sequence[DayUsage], dear: DearMonth) -> str | None:
    """Return the days on which data is far more than in the other month: by cost where that is known, else by MB."""
    costs = {} if evidence.inclusive_volume else _daily_costs(days)
    if costs:
        was = dear.other.data_cost if dear.other else Money()
        found = [find_dear_days(each, was.get(name, Decimal()) / dear.other_days) for name, each in costs.items()]
    else:
        volumes = {day.date: Decimal(day.data.volume or 0) for day in days if day.data}
        found = [find_dear_days(volumes, Decimal(megabytes(dear.other)) / dear.other_days)]
    ranges = [each for each in found if each is not None]
    if not ranges:
        return None
    first, last = min(each[0] for each in ranges), max(each[1] for each in ranges)
    over = evidence.now.date() - last > timedelta(days=1)
    when = f"on {first}" if over and first == last else f"from {first} {f'to {last}' if over else 'on'}"
    return f"far more data than usual {when} (days are UTC)"


def _tell_countries(evidence: Evidence, days: Sequence[DayUsage]) -> str | None:
    by_country = _sum_by_country(evidence, days)
    if evidence.inclusive_volume or len(by_country) < 2:  # noqa: PLR2004  # one country needs no comparison.
        return None
    parts = [f"{where} {_format(costs)} on {format_quantity(number, 'day')}" for where, costs, number in by_country]
    left = [f"{len(parts) - _MOST_COUNTRIES} more"] if len(parts) > _MOST_COUNTRIES else []
    shown = "; ".join(parts[:_MOST_COUNTRIES] + left)
    return f"data cost by the countries of each day (rounded, the sum may differ slightly): {shown}"


def _sum_by_country(evidence: Evidence, days: Iterable[DayUsage]) -> list[tuple[str, Money, int]]:
    """Return the cost and number of the days by country or set of countries, the dearest first."""
    countries: dict[date, set[str]] = {}
    for session in evidence.sessions:
        first, last = session.start or session.end, session.end or session.start
        if first is None or last is None or not session.country:
            continue
        for offset in range((last.date() - first.date()).days + 1):
            countries.setdefault(first.date() + timedelta(days=offset), set()).add(session.country)
    costs: dict[str, list[Money]] = {}
    for day in days:
        where = " and ".join(quoted(name) for name in sorted(countries.get(day.date, ()))) or "no country known"
        costs.setdefault(where, []).append(day.data_cost)
    sums = [(where, Money.total(each), len(each)) for where, each in costs.items()]
    return sorted(sums, key=lambda row: -row[1].largest)


def _daily_costs(days: Iterable[DayUsage]) -> dict[str, dict[date, Decimal]]:
    """Return what the data of each day cost, by currency, without the currencies in which nothing was paid."""
    found: dict[str, dict[date, Decimal]] = {}
    for day in days:
        for currency, amount in day.data_cost.items():
            found.setdefault(currency, {})[day.date] = amount
    return {currency: amounts for currency, amounts in found.items() if any(amounts.values())}


def _months(usage: SimUsage) -> tuple[MonthUsage | None, MonthUsage | None]:
    return usage.current_month, usage.last_month


def _costs(month: MonthUsage | None) -> Money:
    return month.costs if month else Money()


def _format_used(month: MonthUsage | None) -> str:
    sms = messages(month)
    return f"{format_megabytes(round_volume(megabytes(month)))}{f', {format_count(sms)} SMS' if sms else ''}"


def _format(costs: Money) -> str:
    return clean(format_costs(costs)) or "nothing"
