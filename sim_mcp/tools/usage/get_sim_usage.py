"""The tool that gets one SIM's usage this month and last."""

from datetime import datetime
from typing import Annotated

from mcp.types import CallToolResult
from pydantic import ConfigDict

from sim_mcp.emnify import MonthUsage, Sim, SimUsage
from sim_mcp.formatting import format_megabytes, format_timestamp, join_lines
from sim_mcp.tools.context import ToolContext, emnify_of
from sim_mcp.tools.one_sim import find_one
from sim_mcp.tools.parameters import SimName
from sim_mcp.tools.registry import Entry
from sim_mcp.tools.result import Answer, join_hints, keep_properties, respond
from sim_mcp.tools.usage.amounts import Amounts, build_amounts, render_amounts
from sim_mcp.tools.usage.costs import NO_COSTS, read_cost_note

_FEES = "Traffic costs only; hosting fees are not included."


class _Named(Answer):
    """A base of its own, so that the month comes first in the row."""

    month: str


class MonthRow(Amounts, _Named):
    """One month's usage."""


class UsageAnswer(Answer):
    """One SIM's usage this month and last."""

    model_config = ConfigDict(json_schema_extra=keep_properties("iccid", "as_of"))

    iccid: str
    as_of: str
    current_month: MonthRow
    last_month: MonthRow
    last_hour_mb: float | None = None
    hint: str | None = None


async def get_sim_usage(ctx: ToolContext, sim: SimName) -> Annotated[CallToolResult, UsageAnswer]:
    """Get a SIM card's data and SMS usage with cost, this month and last month. For single days,
    get_sim_daily_usage. Data is in MB; rx is what the device received; costs carry their currency.
    """  # noqa: D205  # the description is one paragraph for the model.
    client = emnify_of(ctx)
    found, note = await find_one(ctx, sim)
    usage = await client.get_sim_usage(found.id)
    answer = build_usage(found, usage, client.as_of(), await read_cost_note(client))
    return respond(answer, render_usage(answer), note)


def build_usage(sim: Sim, usage: SimUsage, now: datetime, cost_note: str | None = None) -> UsageAnswer:
    """Return the answer for a SIM and its usage.

    Args:
        sim: the SIM.
        usage: its usage, as emnify has it.
        now: emnify's time.
        cost_note: why its costs may say nothing, if they may.
    """
    this, last = usage.label_months(now.date())
    used = (usage.current_month, usage.last_month)
    has_costs = cost_note != NO_COSTS and any(month and any(month.costs.values()) for month in used)
    return UsageAnswer(
        iccid=sim.printed_iccid or f"id {sim.id}",
        as_of=format_timestamp(now),
        current_month=_build_month(this, usage.current_month, cost_note),
        last_month=_build_month(last, usage.last_month, cost_note),
        last_hour_mb=usage.last_hour_mb,
        hint=join_hints(cost_note if has_costs or cost_note == NO_COSTS else None, _FEES if has_costs else None),
    )


def render_usage(answer: UsageAnswer) -> str:
    """Return the answer as text, a line for each month; one without traffic says so."""
    this, last = answer.current_month, answer.last_month
    return join_lines(
        f"Usage of SIM {answer.iccid}, as of {answer.as_of}",
        f"This month, {this.month} so far: {render_amounts(this)}",
        f"Last month, {last.month}: {render_amounts(last)}",
        None if answer.last_hour_mb is None else f"Last hour: {format_megabytes(answer.last_hour_mb)}",
        answer.hint,
    )


def _build_month(name: str, month: MonthUsage | None, cost_note: str | None) -> MonthRow:
    amounts = build_amounts(month, costs=cost_note != NO_COSTS) if month else Amounts()
    return MonthRow(month=name, **amounts.wire())


TOOL = Entry(get_sim_usage, "Get a SIM's monthly usage")
