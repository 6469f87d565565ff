"""The tools for delivered batches of SIMs."""

from typing import Annotated, Literal

from mcp.server.elicitation import ElicitationResult
from mcp.server.mcpserver import Elicit, Resolve
from mcp.types import CallToolResult

from sim_mcp.changes import batch, consent
from sim_mcp.changes.batch import READ_BACK, BatchPlan
from sim_mcp.changes.consent import Agreement, Standing
from sim_mcp.emnify import Bic, SimStatus
from sim_mcp.tools import answers, text
from sim_mcp.tools.parameters import BicText, ready_call
from sim_mcp.tools.results import answer
from sim_mcp.tools.state import ToolContext, emnify_of, settings_of
from sim_mcp.untrusted import clean

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
    return answer(state, text.batch(state))


async def _plan_registration(ctx: ToolContext, bic: str, status: BatchStatus) -> BatchPlan:
    return await batch.plan_batch(emnify_of(ctx), Bic.parse(bic), SimStatus.from_word(status))


_Plan = Annotated[BatchPlan, Resolve(_plan_registration)]


def _ask_registration(ctx: ToolContext, plan: _Plan) -> Elicit[Agreement] | Standing:
    return consent.ask(ctx, settings_of(ctx).confirm, plan)


async def register_sim_batch(
    ctx: ToolContext,
    bic: BicText,
    plan: _Plan,
    agreed: Annotated[ElicitationResult[Agreement], Resolve(_ask_registration)],
    status: BatchStatus = "issued",
) -> Annotated[CallToolResult, answers.BatchReport]:
    """Register a delivered batch of SIM cards in this workspace by its BIC, after a person agreed. The status decides
    what the SIMs cost: issued nothing yet, factory_test nothing while testing, activated the hosting fee at once.
    Returns how many were registered and the statuses they really read.
    """  # noqa: D205  # the description is one paragraph for the model.
    how = consent.settle(plan, agreed)
    done = await batch.register(emnify_of(ctx), plan)
    report = answers.BatchReport(
        bic=plan.bic.display,
        outcome="registered" if done.certain else "unknown",
        agreed=how,
        sims=len(done.registered),
        statuses=done.statuses,
        iccids=[reference.iccid for reference in done.registered[:READ_BACK] if reference.iccid],
        note=done.note,
    )
    return answer(report, text.batch_report(report))
