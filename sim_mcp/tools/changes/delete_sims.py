"""Delete SIMs for good."""

from typing import Annotated

from mcp.server.elicitation import ElicitationResult
from mcp.server.mcpserver import Elicit, Resolve
from mcp.types import CallToolResult

from sim_mcp.changes.consent import NoForm, TypedAgreement
from sim_mcp.changes.kinds.delete import Delete
from sim_mcp.tools.changes.change_report import ChangeReport, carry_out
from sim_mcp.tools.changes.choice import Chosen, Customers, Models
from sim_mcp.tools.changes.proposal import Proposal, ask, propose
from sim_mcp.tools.context import ToolContext
from sim_mcp.tools.parameters import SimNames, Statuses
from sim_mcp.tools.registry import Entry


async def _propose(ctx: ToolContext, chosen: Chosen) -> Proposal:
    return await propose(ctx, chosen, Delete())


_Proposal = Annotated[Proposal, Resolve(_propose)]


async def _ask(ctx: ToolContext, proposal: _Proposal) -> Elicit[TypedAgreement] | TypedAgreement | NoForm:
    return await ask(ctx, proposal, TypedAgreement)


async def delete_sims(
    ctx: ToolContext,
    proposal: _Proposal,
    agreed: Annotated[ElicitationResult[TypedAgreement], Resolve(_ask)],
    sims: SimNames | None = None,
    status: Statuses | None = None,
    customer: Customers = None,
    model: Models = None,
    has_device: bool | None = None,
) -> Annotated[CallToolResult, ChangeReport]:
    """Delete SIM cards, named or all that fit a filter, for good, after a person agreed and typed a confirmation. It
    cannot be undone; suspending can. A SIM that is still in a device cannot be deleted. Returns each SIM's outcome.
    """  # noqa: D205  # the description is one paragraph for the model.
    return await carry_out(ctx, proposal, agreed)


TOOL = Entry(delete_sims, "Delete SIMs", effect="deletes")
