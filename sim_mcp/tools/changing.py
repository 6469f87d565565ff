"""The tools that change SIMs. Each plans, asks a person, and only then writes."""

from collections import Counter
from typing import Annotated, Literal

from mcp.server.elicitation import ElicitationResult
from mcp.server.mcpserver import Elicit, Resolve
from mcp.types import CallToolResult
from pydantic import Field

from sim_mcp.changes import apply, consent
from sim_mcp.changes.consent import Agreement, Standing, TypedAgreement
from sim_mcp.changes.plan import Assign, Change, Delete, Plan, Role, SetStatus, make
from sim_mcp.emnify import InvalidValueError, Organisation, SimStatus
from sim_mcp.fleet.lookup import find_sims
from sim_mcp.fleet.organisations import find_organisation
from sim_mcp.tools import answers, text
from sim_mcp.tools.parameters import Name, SimNames
from sim_mcp.tools.results import answer
from sim_mcp.tools.state import ToolContext, emnify_of, settings_of
from sim_mcp.untrusted import clean

_OrganisationName = Annotated[Name | None, Field(description='organisation name or id; "none" to clear')]


async def _plan_status(
    ctx: ToolContext, sims: list[str], status: Literal["activated", "suspended", "factory_test"]
) -> Plan:
    return await _plan(ctx, sims, SetStatus(SimStatus.from_word(status)))


async def _plan_assignment(
    ctx: ToolContext, sims: list[str], customer: str | None, reseller: str | None, issuer: str | None
) -> Plan:
    named: dict[Role, str | None] = {"customer": customer, "reseller": reseller, "issuer": issuer}
    targets = [(role, await _organisation(ctx, said)) for role, said in named.items() if said is not None]
    if not targets:
        raise InvalidValueError("name at least one of customer, reseller or issuer")
    return await _plan(ctx, sims, Assign(tuple(targets)))


async def _plan_deletion(ctx: ToolContext, sims: list[str]) -> Plan:
    return await _plan(ctx, sims, Delete())


async def _plan(ctx: ToolContext, sims: list[str], change: Change) -> Plan:
    client = emnify_of(ctx)
    found = await find_sims(client, sims)
    return make(change, found, own_organisation=client.own_organisation_id)


async def _organisation(ctx: ToolContext, said: str) -> Organisation | None:
    return None if said.strip().lower() == "none" else await find_organisation(emnify_of(ctx), said)


_StatusPlan = Annotated[Plan, Resolve(_plan_status)]
_AssignmentPlan = Annotated[Plan, Resolve(_plan_assignment)]
_DeletionPlan = Annotated[Plan, Resolve(_plan_deletion)]


def _ask_status(ctx: ToolContext, plan: _StatusPlan) -> Elicit[Agreement] | Standing:
    return consent.ask(ctx, settings_of(ctx).confirm, plan)


def _ask_assignment(ctx: ToolContext, plan: _AssignmentPlan) -> Elicit[Agreement] | Standing:
    return consent.ask(ctx, settings_of(ctx).confirm, plan)


def _ask_deletion(ctx: ToolContext, plan: _DeletionPlan) -> Elicit[TypedAgreement] | Standing:
    return consent.ask_typed(ctx, settings_of(ctx).confirm, plan)


async def set_sim_status(
    ctx: ToolContext,
    sims: SimNames,
    status: Literal["activated", "suspended", "factory_test"],
    plan: _StatusPlan,
    agreed: Annotated[ElicitationResult[Agreement], Resolve(_ask_status)],
) -> Annotated[CallToolResult, answers.ChangeReport]:
    """Activate, suspend or factory-test SIM cards, after a person agreed. Suspending stops service and, from next
    month, the hosting fee; activating starts both. A person sees each SIM with its effect on service and bill first.
    Returns each SIM's outcome with its status before and after.
    """  # noqa: D205  # the description is one paragraph for the model.
    return await _carry_out(ctx, plan, agreed)


async def assign_sims(
    ctx: ToolContext,
    sims: SimNames,
    plan: _AssignmentPlan,
    agreed: Annotated[ElicitationResult[Agreement], Resolve(_ask_assignment)],
    customer: _OrganisationName = None,
    reseller: _OrganisationName = None,
    issuer: _OrganisationName = None,
) -> Annotated[CallToolResult, answers.ChangeReport]:
    """Move SIM cards to another organisation (workspace) as customer, reseller or issuer, or clear one, after a
    person agreed. Only issuers and resellers of a SIM may do so, not its customer. Returns each SIM's outcome with
    its organisations before and after.
    """  # noqa: D205  # the description is one paragraph for the model.
    return await _carry_out(ctx, plan, agreed)


async def delete_sims(
    ctx: ToolContext,
    sims: SimNames,
    plan: _DeletionPlan,
    agreed: Annotated[ElicitationResult[TypedAgreement], Resolve(_ask_deletion)],
) -> Annotated[CallToolResult, answers.ChangeReport]:
    """Delete SIM cards for good, after a person agreed and typed a confirmation. It cannot be undone; suspending can.
    A SIM that is still in a device cannot be deleted. Returns each SIM's outcome.
    """  # noqa: D205  # the description is one paragraph for the model.
    return await _carry_out(ctx, plan, agreed)


async def _carry_out(
    ctx: ToolContext, plan: Plan, agreed: ElicitationResult[Agreement] | ElicitationResult[TypedAgreement]
) -> CallToolResult:
    how = consent.settle(plan, agreed)
    outcomes = await apply.run(emnify_of(ctx), plan, ctx.report_progress)
    report = answers.ChangeReport(
        summary=plan.summary,
        agreed=how,
        counts=dict(Counter(outcome.kind for outcome in outcomes)),
        sims=[
            answers.OutcomeRow(
                iccid=outcome.sim.printed_iccid or f"id {outcome.sim.id}",
                device=clean(outcome.sim.device.name) or None if outcome.sim.device else None,
                outcome=outcome.kind,
                before=outcome.before,
                after=outcome.after,
                note=outcome.note,
            )
            for outcome in outcomes
        ],
    )
    return answer(report, text.change_report(report))
