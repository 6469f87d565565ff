"""The tool that gets one SIM's usage day by day."""

from datetime import date, timedelta
from typing import Annotated

from mcp.types import CallToolResult
from pydantic import Field

from sim_mcp.emnify import DailyUsage, InvalidValueError, Sim
from sim_mcp.formatting import join_lines
from sim_mcp.tools.context import ToolContext, emnify_of
from sim_mcp.tools.one_sim import find_one
from sim_mcp.tools.parameters import Day, SimName
from sim_mcp.tools.registry import Entry
from sim_mcp.tools.result import Answer, respond
from sim_mcp.tools.usage.amounts import Amounts, build_amounts, render_amounts

DEFAULT_DAYS = 7
LONGEST_DAYS = 62
"""Days one answer may cover: two months fit into what a model is given at once."""


class _Dated(Answer):
    """A base of its own, so that the date comes first in the row."""

    date: str


class DayRow(Amounts, _Dated):
    """One day's usage."""


class DailyUsageAnswer(Answer):
    """One SIM's usage day by day."""

    iccid: str
    start: str
    end: str
    days: list[DayRow]
    total: Amounts
    hint: str | None = None


async def get_sim_daily_usage(
    ctx: ToolContext,
    sim: SimName,
    start: Annotated[Day | None, Field(description="first day; default: 6 days before end")] = None,
    end: Annotated[Day | None, Field(description="last day; default: today")] = None,
) -> Annotated[CallToolResult, DailyUsageAnswer]:
    """Get a SIM card's data and SMS usage day by day with the total, by default of the last 7 days. Shows when traffic
    began, stopped or jumped. For whole months, get_sim_usage. Data is in MB; days without traffic may be left out.
    """  # noqa: D205  # the description is one paragraph for the model.
    client = emnify_of(ctx)
    if start and end:
        _check_days(start, end)  # before anything is sent.
    found, note = await find_one(ctx, sim)
    # Only an answer shows emnify's date.
    last = end or client.now().date()
    first = start or last - timedelta(days=DEFAULT_DAYS - 1)
    if end is None and first > last:
        raise InvalidValueError(f"start {first} is still to come: today is {last}, by emnify's clock")
    _check_days(first, last)
    answer = build_daily_usage(found, await client.get_sim_daily_usage(found.id, first, last), first, last)
    return respond(answer, render_daily_usage(answer), note)


def build_daily_usage(sim: Sim, usage: DailyUsage, first: date, last: date) -> DailyUsageAnswer:
    """Return the answer for a SIM and its usage.

    The total is emnify's own where there is one: its days are rounded, so their sum may differ by a cent.
    """
    return DailyUsageAnswer(
        iccid=sim.printed_iccid or f"id {sim.id}",
        start=first.isoformat(),
        end=last.isoformat(),
        days=[DayRow(date=day.date.isoformat(), **build_amounts(day).wire()) for day in usage.days],
        total=build_amounts(*usage.days) if usage.total is None else build_amounts(usage.total),
        hint=None if usage.days else "No traffic on these days. Ask for other days, or look at list_sim_events.",
    )


def render_daily_usage(answer: DailyUsageAnswer) -> str:
    """Return the answer as text, a line for each day and the total."""
    return join_lines(
        f"Daily usage of SIM {answer.iccid} from {answer.start} to {answer.end}",
        *(f"{day.date}: {render_amounts(day)}" for day in answer.days),
        f"Total: {render_amounts(answer.total)}",
        answer.hint,
    )


def _check_days(first: date, last: date) -> None:
    if first > last:
        raise InvalidValueError(f"start {first} is after end {last}; swap them")
    if (last - first).days >= LONGEST_DAYS:
        raise InvalidValueError(f"{first} to {last} is longer than {LONGEST_DAYS} days; ask for it in parts")


TOOL = Entry(get_sim_daily_usage, "Get a SIM's daily usage")
