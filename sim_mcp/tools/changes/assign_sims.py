"""Move SIMs to other organisations."""

from typing import Annotated

from mcp.server.elicitation import ElicitationResult
from mcp.server.mcpserver import Elicit, Resolve
from mcp.types import CallToolResult
from pydantic import Field

from sim_mcp.changes.consent import Agreement, NoForm
from sim_mcp.changes.kinds.assign import Assign
from sim_mcp.changes.kinds.roles import Role
from sim_mcp.emnify import InvalidValueError, Organisation
from sim_mcp.fleet.lookup.organisations import find_organisation
from sim_mcp.tools.changes.change_report import ChangeReport, carry_out
from sim_mcp.tools.changes.choice import Choice, Customers, Models, choose
from sim_mcp.tools.changes.proposal import Proposal, ask, propose
from sim_mcp.tools.context import ToolContext, emnify_of
from sim_mcp.tools.parameters import Name, SimNames, Statuses
from sim_mcp.tools.registry import Entry

_OrganisationName = Annotated[Name | None, Field(description='organisation name or id; "none" to clear')]


async def _choose(
    sims: list[str] | None = None,
    status: list[str] | None = None,
    of_customer: list[str] | None = None,
    model: list[str] | None = None,
    has_device: bool | None = None,
) -> Choice:
    return await choose(sims, status, of_customer, model, has_device)


async def _propose(
    ctx: ToolContext,
    chosen: Annotated[Choice, Resolve(_choose)],
    customer: str | None,
    reseller: str | None,
    issuer: str | None,
) -> Proposal:
    named: dict[Role, str | None] = {"customer": customer, "reseller": reseller, "issuer": issuer}
    if issuer is not None and _is_none(issuer):
        raise InvalidValueError(
            'issuer="none": emnify has no SIM without an issuer; leave issuer out, or name the organisation that shall '
            "issue the SIMs from now on"
        )
    targets = [(role, await _find(ctx, name)) for role, name in named.items() if name is not None]
    if not targets:
        raise InvalidValueError("name at least one of customer, reseller or issuer")
    return await propose(ctx, chosen, Assign(organisations=tuple(targets)))


async def _find(ctx: ToolContext, name: str) -> Organisation | None:
    return None if _is_none(name) else await find_organisation(emnify_of(ctx), name, among_all=True)


def _is_none(name: str) -> bool:
    return name.strip(" \"'").lower() == "none"


_Proposal = Annotated[Proposal, Resolve(_propose)]


async def _ask(ctx: ToolContext, proposal: _Proposal) -> Elicit[Agreement] | Agreement | NoForm:
    return await ask(ctx, proposal, Agreement)


async def assign_sims(
    ctx: ToolContext,
    proposal: _Proposal,
    agreed: Annotated[ElicitationResult[Agreement], Resolve(_ask)],
    sims: SimNames | None = None,
    customer: _OrganisationName = None,
    reseller: _OrganisationName = None,
    issuer: _OrganisationName = None,
    status: Statuses | None = None,
    of_customer: Customers = None,
    model: Models = None,
    has_device: bool | None = None,
) -> Annotated[CallToolResult, ChangeReport]:
    """Move SIM cards, named or all that fit a filter, to another organisation (workspace) as customer, reseller or
    issuer, or clear one, after a person agreed. Only issuers and resellers of a SIM may do so, not its customer.
    Returns each SIM's outcome with its organisations before and after.
    """  # noqa: D205  # the description is one paragraph for the model.
    return await carry_out(ctx, proposal, agreed)


TOOL = Entry(assign_sims, "Assign SIMs to organisations", effect="writes")
