"""The tool that gets one SIM's usage day by day."""

from collections.abc import Collection
from datetime import date, timedelta
from typing import Annotated

from mcp.types import CallToolResult
from pydantic import ConfigDict, Field

from sim_mcp.emnify import DailyUsage, EmnifyClient, InvalidValueError, MonthUsage, Sim, Traffic
from sim_mcp.emnify.money import Money
from sim_mcp.fleet.usage.periods import month_before, month_of
from sim_mcp.formatting import format_costs, format_quantity, join_lines
from sim_mcp.tools.context import ToolContext, emnify_of
from sim_mcp.tools.one_sim import find_one
from sim_mcp.tools.parameters import FirstDay, LastDay, SimName
from sim_mcp.tools.registry import Entry
from sim_mcp.tools.result import Answer, join_hints, keep_properties, respond
from sim_mcp.tools.usage.amounts import Amounts, build_amounts, render_amounts
from sim_mcp.tools.usage.costs import NO_COSTS, read_cost_note

DEFAULT_DAYS = 7
LONGEST_DAYS = 62
"""Days one answer may cover: two months fit into what a model is given at once."""

_NOTHING = "No traffic on these days. Ask for other days, or look at list_sim_events."
_ROUNDED = "Costs by day are of data only, and rounded."


class _Dated(Answer):
    """A base of its own, so that the date comes first in the row."""

    date: str


class DayRow(Amounts, _Dated):
    """One day's usage."""


class DailyUsageAnswer(Answer):
    """One SIM's usage day by day, of the days with traffic."""

    model_config = ConfigDict(json_schema_extra=keep_properties("iccid", "days"))

    iccid: str
    start: str
    end: str
    days: list[DayRow]
    silent: str | None = None
    """The days without traffic."""
    total: Amounts
    hint: str | None = None


async def get_sim_daily_usage(
    ctx: ToolContext,
    sim: SimName,
    start: Annotated[FirstDay | None, Field(description="day or month; default: 6 days before end")] = None,
    end: Annotated[LastDay | None, Field(description="default: today")] = None,
) -> Annotated[CallToolResult, DailyUsageAnswer]:
    """Get a SIM card's data and SMS usage day by day (UTC) with the total, by default of the last 7 days. Shows when
    traffic began, stopped or jumped, and the silent days. For whole months, get_sim_usage. Data is in MB.
    """  # noqa: D205  # the description is one paragraph for the model.
    client = emnify_of(ctx)
    if start and end:
        _check_days(start, end)  # before anything is sent.
    found, note = await find_one(ctx, sim)
    # Only an answer shows emnify's date.
    today = client.now().date()
    last = min(end or today, today)
    first = start or last - timedelta(days=DEFAULT_DAYS - 1)
    if first > today:
        raise InvalidValueError(f"start {first} is still to come: today is {today}, by emnify's clock")
    _check_days(first, last)
    usage = await client.get_sim_daily_usage(found.id, first, last)
    notes = [
        f"From {today + timedelta(days=1)} on the days are still to come." if end and end > today else None,
        await read_cost_note(client),
    ]
    answer = build_daily_usage(found, usage, (first, last), await _read_month(client, found.id, first, last), *notes)
    return respond(answer, render_daily_usage(answer), note)


def build_daily_usage(
    sim: Sim, usage: DailyUsage, asked: tuple[date, date], month: MonthUsage | None = None, *notes: str | None
) -> DailyUsageAnswer:
    """Return the answer for a SIM and its usage.

    The total is emnify's own: of the whole `month` where that was asked for, else the one it sends with the days.

    Args:
        sim: the SIM.
        usage: its usage by day.
        asked: the first and the last day.
        month: emnify's figure of the month, where the days are all that it has so far.
        notes: what else a person should know.
    """
    costs = NO_COSTS not in notes
    total = month or usage.total
    busy = [day for day in usage.days if _has_traffic(day.data, day.sms)]
    summed = build_amounts(*usage.days, costs=costs)
    return DailyUsageAnswer(
        iccid=sim.printed_iccid or f"id {sim.id}",
        start=asked[0].isoformat(),
        end=asked[1].isoformat(),
        days=[DayRow(date=day.date.isoformat(), **build_amounts(day, costs=costs).wire()) for day in busy],
        silent=_name_silent(asked, {day.date for day in busy}) if busy else None,
        total=summed if total is None else build_amounts(total, costs=costs),
        hint=join_hints(
            "Days are UTC." if busy else _NOTHING,
            f"{format_quantity(usage.unreadable, 'day')} could not be read." if usage.unreadable else None,
            _tell_costs(usage, month) if busy and costs else None,
            *notes,
        ),
    )


def render_daily_usage(answer: DailyUsageAnswer) -> str:
    """Return the answer as text: a line for each day with traffic, the silent days, and the total."""
    return join_lines(
        f"Daily usage of SIM {answer.iccid} from {answer.start} to {answer.end}",
        *(f"{day.date}: {render_amounts(day)}" for day in answer.days),
        f"No traffic: {answer.silent}" if answer.silent else None,
        f"Total: {render_amounts(answer.total)}",
        answer.hint,
    )


async def _read_month(client: EmnifyClient, sim_id: int, first: date, last: date) -> MonthUsage | None:
    """Return emnify's figure of the month that these days are, as far as it has come; None for other days."""
    this = month_of(client.now().date())
    if first == this.first and last == client.now().date():
        return (await client.get_sim_usage(sim_id)).current_month
    before = month_before(this)
    if (first, last) == (before.first, before.last):
        return (await client.get_sim_usage(sim_id)).last_month
    return None


def _has_traffic(*kinds: Traffic | None) -> bool:
    return any(kind is not None and (kind.volume is None or kind.volume > 0) for kind in kinds)


def _name_silent(asked: tuple[date, date], busy: Collection[date]) -> str | None:
    """Return the days without traffic, neighbours as ranges."""
    ranges: list[list[date]] = []
    for offset in range((asked[1] - asked[0]).days + 1):
        day = asked[0] + timedelta(days=offset)
        if day in busy:
            continue
        if ranges and day - ranges[-1][-1] == timedelta(days=1):
            ranges[-1][1:] = [day]
        else:
            ranges.append([day])
    return ", ".join(" to ".join(map(str, each)) for each in ranges) or None


def _tell_costs(usage: DailyUsage, month: MonthUsage | None) -> str | None:
    """Return how the costs of days differ from those of a month, where there are any."""
    costs = Money.total(day.costs for day in usage.days)
    if not any(costs.values()):
        return None
    if month is None:
        return _ROUNDED
    return f"{_ROUNDED[:-1]}: they add up to {format_costs(costs)}; the total is emnify's figure of the month."


def _check_days(first: date, last: date) -> None:
    if first > last:
        raise InvalidValueError(f"start {first} is after end {last}; swap them")
    if (last - first).days >= LONGEST_DAYS:
        raise InvalidValueError(f"{first} to {last} is longer than {LONGEST_DAYS} days; ask for it in parts")


TOOL = Entry(get_sim_daily_usage, "Get a SIM's daily usage")
