"""The tools for delivered batches of SIMs."""

from typing import Annotated, Literal

from mcp.server.elicitation import ElicitationResult
from mcp.server.mcpserver import Elicit, Resolve
from mcp.types import CallToolResult

from sim_mcp.changes import consent
from sim_mcp.changes.consent import Agreement, NoForm
from sim_mcp.changes.record.entries import StoredPlan
from sim_mcp.changes.registration import plan_registration
from sim_mcp.emnify import Bic, SimStatus
from sim_mcp.sanitize import clean
from sim_mcp.tools import answers, text
from sim_mcp.tools.context import ToolContext, caller_of, changes_of, emnify_of
from sim_mcp.tools.outcomes import carry_out
from sim_mcp.tools.parameters import BicText, ready_call
from sim_mcp.tools.result import respond

BatchStatus = Literal["issued", "activated", "factory_test"]


async def validate_sim_batch(ctx: ToolContext, bic: BicText) -> Annotated[CallToolResult, answers.BatchState]:
    """Check whether a delivered batch of SIM cards can be registered, by its BIC from the packaging. Returns how many
    SIMs of which model it holds, or why emnify does not accept it. Changes nothing.
    """  # noqa: D205  # the description is one paragraph for the model.
    code = Bic.parse(bic)
    found = await emnify_of(ctx).get_batch(code)
    state = answers.BatchState(
        bic=code.display,
        sims=found.quantity,
        model=clean(found.model_name) or None,
        status=clean(found.status.description) or None if found.status else None,
        next=ready_call("register_sim_batch", {"bic": code.display, "status": "issued"}),
    )
    return respond(state, text.batch(state))


async def _plan_registration(ctx: ToolContext, bic: str, status: BatchStatus) -> StoredPlan:
    client, service = emnify_of(ctx), changes_of(ctx)
    code = Bic.parse(bic)
    await service.require_journal()
    plan = await plan_registration("register_sim_batch", client, code, SimStatus.from_word(status))
    return await service.keep(plan, caller_of(ctx))


_Plan = Annotated[StoredPlan, Resolve(_plan_registration)]


async def _ask_registration(ctx: ToolContext, plan: _Plan) -> Elicit[Agreement] | NoForm:
    return consent.ask(ctx, changes_of(ctx).decision(plan.plan), plan, Agreement)


async def register_sim_batch(
    ctx: ToolContext,
    bic: BicText,
    plan: _Plan,
    agreed: Annotated[ElicitationResult[Agreement], Resolve(_ask_registration)],
    status: BatchStatus = "issued",
) -> Annotated[CallToolResult, answers.ChangeReport]:
    """Register a delivered batch of SIM cards in this workspace by its BIC, after a person agreed. The status decides
    what the SIMs cost: issued nothing yet, factory_test nothing while testing, activated the hosting fee at once.
    Returns how many were registered and the statuses they really read.
    """  # noqa: D205  # the description is one paragraph for the model.
    return await carry_out(ctx, plan, agreed)
