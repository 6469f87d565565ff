"""Register a delivered batch of SIMs."""

from typing import Annotated, Literal

import anyio
from mcp.server.elicitation import ElicitationResult
from mcp.server.mcpserver import Elicit, Resolve
from mcp.types import CallToolResult

from sim_mcp.changes.consent import Agreement, NoForm
from sim_mcp.changes.kinds.register import validate_batch
from sim_mcp.changes.plan import Plan, name_workspace
from sim_mcp.emnify import Bic, SimStatus
from sim_mcp.tools.changes.change_report import ChangeReport, carry_out
from sim_mcp.tools.changes.proposal import Proposal, ask
from sim_mcp.tools.context import ToolContext, caller_of, changes_of, emnify_of
from sim_mcp.tools.parameters import BicText
from sim_mcp.tools.registry import Entry

BatchStatus = Literal["issued", "activated", "factory_test"]


async def _propose(ctx: ToolContext, bic: str, status: BatchStatus) -> Proposal:
    started = anyio.current_time()
    client, service = emnify_of(ctx), changes_of(ctx)
    code = Bic.parse(bic)
    await service.require_journal()
    change, items = await validate_batch(client, code, SimStatus.from_word(status))
    plan = Plan.of(change, items, workspace=name_workspace(client.own_organisation_id))
    return Proposal(await service.keep(plan, caller_of(ctx)), started)


_Proposal = Annotated[Proposal, Resolve(_propose)]


async def _ask(ctx: ToolContext, proposal: _Proposal) -> Elicit[Agreement] | Agreement | NoForm:
    return await ask(ctx, proposal, Agreement)


async def register_sim_batch(
    ctx: ToolContext,
    bic: BicText,
    proposal: _Proposal,
    agreed: Annotated[ElicitationResult[Agreement], Resolve(_ask)],
    status: BatchStatus = "issued",
) -> Annotated[CallToolResult, ChangeReport]:
    """Register a delivered batch of SIM cards in this workspace by its BIC, after a person agreed. The status decides
    what the SIMs cost: issued nothing yet, factory_test nothing while testing, activated the hosting fee at once.
    Returns how many were registered and their statuses as read back.
    """  # noqa: D205  # the description is one paragraph for the model.
    return await carry_out(ctx, proposal, agreed)


TOOL = Entry(register_sim_batch, "Register a SIM batch", effect="writes", idempotent=False)
