"""The tool that gets one SIM's usage this month and last."""

from typing import Annotated

from mcp.types import CallToolResult

from sim_mcp.emnify import Sim, SimUsage
from sim_mcp.formatting import format_megabytes, join_lines
from sim_mcp.tools.context import ToolContext, emnify_of
from sim_mcp.tools.one_sim import find_one
from sim_mcp.tools.parameters import SimName
from sim_mcp.tools.registry import Entry
from sim_mcp.tools.result import Answer, respond
from sim_mcp.tools.usage.amounts import Amounts, build_amounts, render_amounts


class UsageAnswer(Answer):
    """One SIM's usage this month and last."""

    iccid: str
    current_month: Amounts | None = None
    last_month: Amounts | None = None
    last_hour_mb: float | None = None
    hint: str | None = None


async def get_sim_usage(ctx: ToolContext, sim: SimName) -> Annotated[CallToolResult, UsageAnswer]:
    """Get a SIM card's data and SMS usage with cost, this month and last month. For single days,
    get_sim_daily_usage. Data is in MB; rx is what the device received; costs carry their currency.
    """  # noqa: D205  # the description is one paragraph for the model.
    client = emnify_of(ctx)
    found, note = await find_one(ctx, sim)
    answer = build_usage(found, await client.get_sim_usage(found.id))
    return respond(answer, render_usage(answer), note)


def build_usage(sim: Sim, usage: SimUsage) -> UsageAnswer:
    """Return the answer for a SIM and its usage."""
    nothing = usage.current_month is None and usage.last_month is None
    return UsageAnswer(
        iccid=sim.printed_iccid or f"id {sim.id}",
        current_month=build_amounts(usage.current_month) if usage.current_month else None,
        last_month=build_amounts(usage.last_month) if usage.last_month else None,
        last_hour_mb=usage.last_hour_mb,
        hint="No traffic this month or last: emnify leaves months without traffic out." if nothing else None,
    )


def render_usage(answer: UsageAnswer) -> str:
    """Return the answer as text, a line for each month."""
    months = [("This month", answer.current_month), ("Last month", answer.last_month)]
    lines = [f"{name}: {render_amounts(month)}" for name, month in months if month is not None]
    last_hour = None if answer.last_hour_mb is None else f"Last hour: {format_megabytes(answer.last_hour_mb)}"
    return join_lines(f"Usage of SIM {answer.iccid}", *lines, last_hour, answer.hint)


TOOL = Entry(get_sim_usage, "Get a SIM's monthly usage")
