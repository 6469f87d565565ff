"""Continue a change that waits for approval or was interrupted."""

from typing import Annotated

from mcp.types import CallToolResult
from pydantic import Field

from sim_mcp.tools.changes.change_report import ChangeReport, build, render
from sim_mcp.tools.context import ToolContext, caller_of, changes_of, forms_count, principal, wants_progress
from sim_mcp.tools.parameters import Name
from sim_mcp.tools.permission import why_not
from sim_mcp.tools.registry import Entry, scopes_of
from sim_mcp.tools.result import respond


async def continue_change(
    ctx: ToolContext, plan: Annotated[Name | None, Field(description="plan id; left out, the only open one")] = None
) -> Annotated[CallToolResult, ChangeReport]:
    """Continue a change of SIM cards that waits for approval or was interrupted, by its plan id. Tells how the plan
    stands and carries it out only if a person approved it; what is done already is not done again.
    """  # noqa: D205  # the description is one paragraph for the model.
    report = await changes_of(ctx).go_on(
        plan,
        caller_of(ctx),
        ctx.report_progress,
        may_call=lambda tool: why_not(principal(), tool, scopes_of(tool)),
        unasked=forms_count(ctx),
        heard=wants_progress(ctx),
    )
    answer = build(report)
    return respond(answer, render(answer))


TOOL = Entry(continue_change, "Continue a change", effect="continues")
