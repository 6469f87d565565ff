"""The tools that read one SIM's usage. They send nothing but GET."""

from datetime import date, timedelta
from typing import Annotated

from mcp.types import CallToolResult
from pydantic import Field

from sim_mcp.emnify import InvalidValueError
from sim_mcp.fleet.lookup.sims import find_sim
from sim_mcp.tools import answers, facts, text
from sim_mcp.tools.context import ToolContext, emnify_of
from sim_mcp.tools.parameters import Day, SimName
from sim_mcp.tools.result import respond

DEFAULT_DAYS = 7
LONGEST = 62
"""Days one answer may cover: two months fit into what a model is given at once."""


async def get_sim_usage(ctx: ToolContext, sim: SimName) -> Annotated[CallToolResult, answers.Usage]:
    """Get a SIM card's data and SMS usage with cost, this month and last month. For single days,
    get_sim_daily_usage. Data is in MB; rx is what the device received; costs carry their currency.
    """  # noqa: D205  # the description is one paragraph for the model.
    client = emnify_of(ctx)
    found = await find_sim(client, sim)
    used = facts.usage(found, await client.get_sim_usage(found.id))
    return respond(used, text.usage(used))


async def get_sim_daily_usage(
    ctx: ToolContext,
    sim: SimName,
    start: Annotated[Day | None, Field(description="first day; default: 6 days before end")] = None,
    end: Annotated[Day | None, Field(description="last day; default: today")] = None,
) -> Annotated[CallToolResult, answers.DailyUsage]:
    """Get a SIM card's data and SMS usage day by day with the total, by default of the last 7 days. Shows when traffic
    began, stopped or jumped. For whole months, get_sim_usage. Data is in MB; days without traffic may be left out.
    """  # noqa: D205  # the description is one paragraph for the model.
    client = emnify_of(ctx)
    if start and end:
        _check_days(start, end)  # before anything is sent.
    found = await find_sim(client, sim)
    # Only an answer tells emnify's day.
    last = end or client.now().date()
    first = start or last - timedelta(days=DEFAULT_DAYS - 1)
    if end is None and first > last:
        raise InvalidValueError(f"start {first} is still to come: today is {last}, by emnify's clock")
    _check_days(first, last)
    read = await client.get_sim_daily_usage(found.id, first, last)
    used = facts.daily(found, read, first.isoformat(), last.isoformat())
    return respond(used, text.daily_usage(used))


def _check_days(first: date, last: date) -> None:
    if first > last:
        raise InvalidValueError(f"start {first} is after end {last}; swap them")
    if (last - first).days >= LONGEST:
        raise InvalidValueError(f"{first} to {last} is longer than {LONGEST} days; ask for it in parts")
