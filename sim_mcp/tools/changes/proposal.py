"""A change as one call proposes it: planned and kept, and then asked about."""

from typing import NamedTuple, TypeVar

import anyio
from mcp.server.mcpserver import Elicit

from sim_mcp.changes import consent
from sim_mcp.changes.consent import Agreement, NoForm, TypedAgreement
from sim_mcp.changes.kinds.kind import SimKind
from sim_mcp.changes.plan import make
from sim_mcp.changes.record.entries import StoredPlan
from sim_mcp.emnify import DeadlineExceededError
from sim_mcp.fleet.inventory.fleet_search import FleetSearch
from sim_mcp.tools.changes.choice import Choice
from sim_mcp.tools.context import ToolContext, caller_of, changes_of, emnify_of, form_wait_s, inventory_of

PLANNING_TAKES_S = 30.0
"""The longest that planning works, so that there is time left to ask and to act before a host gives up."""

FormT = TypeVar("FormT", Agreement, TypedAgreement)


class Proposal(NamedTuple):
    """The plan of a call, and when the call began, by the event loop's clock."""

    stored: StoredPlan
    started: float


async def propose(ctx: ToolContext, choice: Choice, change: SimKind) -> Proposal:
    """Plan a change of the SIMs that are meant, and keep the plan.

    Raises:
        DeadlineExceededError: Finding the SIMs took too long.
    """
    started = anyio.current_time()
    client, service = emnify_of(ctx), changes_of(ctx)
    await service.require_journal()
    try:
        with anyio.fail_after(PLANNING_TAKES_S):
            found, selection = await choice.find(client, FleetSearch(inventory_of(ctx)))
    except TimeoutError:
        raise DeadlineExceededError(
            f"finding the SIMs took longer than {PLANNING_TAKES_S:.0f} s, so nothing was planned; choose fewer"
        ) from None
    plan = make(change, found, own_organisation=client.own_organisation_id, selection=selection)
    return Proposal(await service.keep(plan, caller_of(ctx)), started)


async def ask(ctx: ToolContext, proposal: Proposal, form: type[FormT]) -> Elicit[FormT] | FormT | NoForm:
    """Ask a person to agree to it, unless the operator's policy decides."""
    stored = proposal.stored
    return await consent.ask(ctx, await changes_of(ctx).decision(stored), stored, form, form_wait_s(ctx))
