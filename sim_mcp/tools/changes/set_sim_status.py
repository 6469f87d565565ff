"""Activate, suspend or factory-test SIMs."""

from typing import Annotated, Literal

from mcp.server.elicitation import ElicitationResult
from mcp.server.mcpserver import Elicit, Resolve
from mcp.types import CallToolResult

from sim_mcp.changes.consent import Agreement, NoForm
from sim_mcp.changes.kinds.status import SetStatus
from sim_mcp.emnify import SimStatus
from sim_mcp.tools.changes.change_report import ChangeReport, carry_out
from sim_mcp.tools.changes.choice import Choice, Customers, Models, choose
from sim_mcp.tools.changes.proposal import Proposal, ask, propose
from sim_mcp.tools.context import ToolContext
from sim_mcp.tools.parameters import SimNames, Statuses
from sim_mcp.tools.registry import Entry

NewStatus = Literal["activated", "suspended", "factory_test"]


async def _choose(
    sims: list[str] | None = None,
    with_status: list[str] | None = None,
    customer: list[str] | None = None,
    model: list[str] | None = None,
    has_device: bool | None = None,
) -> Choice:
    return await choose(sims, with_status, customer, model, has_device)


async def _propose(ctx: ToolContext, chosen: Annotated[Choice, Resolve(_choose)], status: NewStatus) -> Proposal:
    return await propose(ctx, chosen, SetStatus(target=SimStatus.from_word(status)))


_Proposal = Annotated[Proposal, Resolve(_propose)]


async def _ask(ctx: ToolContext, proposal: _Proposal) -> Elicit[Agreement] | Agreement | NoForm:
    return await ask(ctx, proposal, Agreement)


async def set_sim_status(
    ctx: ToolContext,
    status: NewStatus,
    proposal: _Proposal,
    agreed: Annotated[ElicitationResult[Agreement], Resolve(_ask)],
    sims: SimNames | None = None,
    with_status: Statuses | None = None,
    customer: Customers = None,
    model: Models = None,
    has_device: bool | None = None,
) -> Annotated[CallToolResult, ChangeReport]:
    """Activate SIM cards, suspend them or put them in factory test, named or all that fit a filter, after a person
    agreed. Suspending stops service and, from next month, the hosting fee; activating restores service and starts the
    fee. A person sees each SIM with its effect on service and bill first. Returns each SIM's outcome with its status
    before and after.
    """  # noqa: D205  # the description is one paragraph for the model.
    return await carry_out(ctx, proposal, agreed)


TOOL = Entry(set_sim_status, "Set SIM status", effect="writes")
