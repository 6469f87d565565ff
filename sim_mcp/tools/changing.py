"""The tools that change SIMs. Each plans, sees that a person agrees, and only then writes."""

from typing import Annotated, Literal

import anyio
from mcp.server.elicitation import ElicitationResult
from mcp.server.mcpserver import Elicit, Resolve
from mcp.types import CallToolResult
from pydantic import Field

from sim_mcp.changes import consent
from sim_mcp.changes.consent import Agreement, NoForm, TypedAgreement
from sim_mcp.changes.plan import Assign, Change, Delete, Role, SetStatus, make
from sim_mcp.changes.record.entries import StoredPlan
from sim_mcp.emnify import DeadlineExceededError, InvalidValueError, Organisation, SimStatus
from sim_mcp.fleet.lookup.organisations import find_organisation
from sim_mcp.tools import answers
from sim_mcp.tools.choosing import Choice, OfCustomer, WithModel
from sim_mcp.tools.context import ToolContext, caller_of, changes_of, emnify_of, forms_count
from sim_mcp.tools.outcomes import carry_out, reported
from sim_mcp.tools.parameters import Name, SimNames, Status

PLANNING_TAKES_S = 30.0
"""The longest that planning works, so that there is time left to ask and to act before a host gives up."""

_OrganisationName = Annotated[Name | None, Field(description='organisation name or id; "none" to clear')]


async def _choose(
    sims: list[str] | None = None,
    with_status: Status | None = None,
    of_customer: str | None = None,
    with_model: str | None = None,
    has_device: bool | None = None,
) -> Choice:
    return Choice(tuple(sims or ()), with_status, of_customer, with_model, has_device)


_Chosen = Annotated[Choice, Resolve(_choose)]


async def _plan_status(
    ctx: ToolContext, chosen: _Chosen, status: Literal["activated", "suspended", "factory_test"]
) -> StoredPlan:
    return await _plan(ctx, "set_sim_status", chosen, SetStatus(target=SimStatus.from_word(status)))


async def _plan_assignment(
    ctx: ToolContext, chosen: _Chosen, customer: str | None, reseller: str | None, issuer: str | None
) -> StoredPlan:
    named: dict[Role, str | None] = {"customer": customer, "reseller": reseller, "issuer": issuer}
    if issuer is not None and _is_none(issuer):
        raise InvalidValueError(
            'issuer="none": emnify has no SIM without an issuer; leave issuer out, or name the organisation that shall '
            "issue the SIMs from now on"
        )
    targets = [(role, await _organisation(ctx, said)) for role, said in named.items() if said is not None]
    if not targets:
        raise InvalidValueError("name at least one of customer, reseller or issuer")
    return await _plan(ctx, "assign_sims", chosen, Assign(organisations=tuple(targets)))


async def _plan_deletion(ctx: ToolContext, chosen: _Chosen) -> StoredPlan:
    return await _plan(ctx, "delete_sims", chosen, Delete())


async def _plan(ctx: ToolContext, tool: str, chosen: Choice, change: Change) -> StoredPlan:
    client = emnify_of(ctx)
    service = changes_of(ctx)
    await service.require_journal()
    try:
        with anyio.fail_after(PLANNING_TAKES_S):
            found, selection = await chosen.sims_of(client)
    except TimeoutError:
        raise DeadlineExceededError(
            f"finding the SIMs took longer than {PLANNING_TAKES_S:.0f} s, so nothing was planned; choose fewer"
        ) from None
    plan = make(tool, change, found, own_organisation=client.own_organisation_id, selection=selection)
    return await service.keep(plan, caller_of(ctx))


async def _organisation(ctx: ToolContext, said: str) -> Organisation | None:
    return None if _is_none(said) else await find_organisation(emnify_of(ctx), said, among_all=True)


def _is_none(said: str) -> bool:
    return said.strip(" \"'").lower() == "none"


_StatusPlan = Annotated[StoredPlan, Resolve(_plan_status)]
_AssignmentPlan = Annotated[StoredPlan, Resolve(_plan_assignment)]
_DeletionPlan = Annotated[StoredPlan, Resolve(_plan_deletion)]


async def _ask_status(ctx: ToolContext, plan: _StatusPlan) -> Elicit[Agreement] | NoForm:
    return consent.ask(ctx, changes_of(ctx).decision(plan.plan), plan, Agreement)


async def _ask_assignment(ctx: ToolContext, plan: _AssignmentPlan) -> Elicit[Agreement] | NoForm:
    return consent.ask(ctx, changes_of(ctx).decision(plan.plan), plan, Agreement)


async def _ask_deletion(ctx: ToolContext, plan: _DeletionPlan) -> Elicit[TypedAgreement] | NoForm:
    return consent.ask(ctx, changes_of(ctx).decision(plan.plan), plan, TypedAgreement)


async def set_sim_status(
    ctx: ToolContext,
    status: Literal["activated", "suspended", "factory_test"],
    plan: _StatusPlan,
    agreed: Annotated[ElicitationResult[Agreement], Resolve(_ask_status)],
    sims: SimNames | None = None,
    with_status: Status | None = None,
    of_customer: OfCustomer = None,
    with_model: WithModel = None,
    has_device: bool | None = None,
) -> Annotated[CallToolResult, answers.ChangeReport]:
    """Activate, suspend or factory-test SIM cards, named or all that fit a filter, after a person agreed. Suspending
    stops service and, from next month, the hosting fee; activating starts both. A person sees each SIM with its effect
    on service and bill first. Returns each SIM's outcome with its status before and after.
    """  # noqa: D205  # the description is one paragraph for the model.
    return await carry_out(ctx, plan, agreed)


async def assign_sims(
    ctx: ToolContext,
    plan: _AssignmentPlan,
    agreed: Annotated[ElicitationResult[Agreement], Resolve(_ask_assignment)],
    sims: SimNames | None = None,
    customer: _OrganisationName = None,
    reseller: _OrganisationName = None,
    issuer: _OrganisationName = None,
    with_status: Status | None = None,
    of_customer: OfCustomer = None,
    with_model: WithModel = None,
    has_device: bool | None = None,
) -> Annotated[CallToolResult, answers.ChangeReport]:
    """Move SIM cards, named or all that fit a filter, to another organisation (workspace) as customer, reseller or
    issuer, or clear one, after a person agreed. Only issuers and resellers of a SIM may do so, not its customer.
    Returns each SIM's outcome with its organisations before and after.
    """  # noqa: D205  # the description is one paragraph for the model.
    return await carry_out(ctx, plan, agreed)


async def delete_sims(
    ctx: ToolContext,
    plan: _DeletionPlan,
    agreed: Annotated[ElicitationResult[TypedAgreement], Resolve(_ask_deletion)],
    sims: SimNames | None = None,
    with_status: Status | None = None,
    of_customer: OfCustomer = None,
    with_model: WithModel = None,
    has_device: bool | None = None,
) -> Annotated[CallToolResult, answers.ChangeReport]:
    """Delete SIM cards, named or all that fit a filter, for good, after a person agreed and typed a confirmation. It
    cannot be undone; suspending can. A SIM that is still in a device cannot be deleted. Returns each SIM's outcome.
    """  # noqa: D205  # the description is one paragraph for the model.
    return await carry_out(ctx, plan, agreed)


async def continue_change(
    ctx: ToolContext, plan: Annotated[Name | None, Field(description="plan id; left out, the only open one")] = None
) -> Annotated[CallToolResult, answers.ChangeReport]:
    """Continue a change of SIM cards that waits for approval or was interrupted, by its plan id. Tells how the plan
    stands and carries it out only if a person approved it; what is done already is not done again.
    """  # noqa: D205  # the description is one paragraph for the model.
    report = await changes_of(ctx).go_on(plan, caller_of(ctx), ctx.report_progress, unasked=forms_count(ctx))
    return reported(report)
