"""The tool that lists SIMs, from the SIM collection or, by device name, from the device collection."""

from dataclasses import replace
from typing import Annotated, Any, Literal

from mcp.types import CallToolResult
from pydantic import Field

from sim_mcp.emnify import InvalidValueError, Sim, SimFilter, SimSort, SimSortField, SimStatus, compact, parse_iccid
from sim_mcp.emnify import Page as EmnifyPage
from sim_mcp.emnify.identifiers import PRINTED_ICCID_LENGTH
from sim_mcp.fleet.listing import Listing, list_matching
from sim_mcp.fleet.organisations import find_organisation
from sim_mcp.tools import answers, facts, text
from sim_mcp.tools.parameters import Day, Name, Page, PerPage, Status, ready_call
from sim_mcp.tools.results import answer
from sim_mcp.tools.state import ToolContext, emnify_of

SortField = Literal["id", "iccid", "eid", "status", "production_date", "device", "model", "organisation"]
Part = Annotated[Name | None, Field(description="whole or part")]
_EMNIFY_FIELDS: dict[SortField, SimSortField] = {
    "id": "id",
    "iccid": "iccid",
    "eid": "eid",
    "status": "status",
    "production_date": "production_date",
    "device": "endpoint",
    "model": "model",
    "organisation": "customer_org",
}
_PER_PAGE = 25
MOST_IN_FULL = 40
"""Rows in full that fit into what a model is given at once."""


async def list_sims(
    ctx: ToolContext,
    status: Status | None = None,
    iccid: Part = None,
    imsi: Part = None,
    msisdn: Part = None,
    eid: Part = None,
    device: Annotated[
        Name | None, Field(description="device name, whole or part; combines with status, iccid, eid only")
    ] = None,
    has_device: bool | None = None,
    organisation: Annotated[Name | None, Field(description="customer: name or id")] = None,
    model: Annotated[Name | None, Field(description="SIM model")] = None,
    produced: Annotated[Day | None, Field(description="production date")] = None,
    sort: SortField = "id",
    descending: bool = False,
    page: Page = 1,
    per_page: PerPage = _PER_PAGE,
    detail: Annotated[
        Literal["concise", "full"], Field(description="full adds IMSI, MSISDN, EID, model, IP and dates")
    ] = "concise",
) -> Annotated[CallToolResult, answers.SimList]:
    """List the SIM cards (eSIMs) of the fleet, filtered, sorted and counted. For one known SIM, get_sim tells more.
    Returns ICCID, status, device and customer of each, the total that match, and the call for the next page.
    """  # noqa: D205  # the description is one paragraph for the model.
    if detail == "full" and per_page > MOST_IN_FULL:
        raise InvalidValueError(
            f"per_page={per_page} with detail=full is too long an answer; ask for {MOST_IN_FULL}, or concise"
        )
    client = emnify_of(ctx)
    chosen = SimFilter(
        status=SimStatus.from_word(status) if status else None,
        iccid=_digits(iccid),
        imsi=_digits(imsi),
        msisdn=_digits(msisdn),
        eid=_digits(eid),
        model=model,
        production_date=produced,
    )
    str(chosen)  # what cannot be expressed is refused before anything is sent.
    if organisation is not None:
        chosen = replace(chosen, customer_org=(await find_organisation(client, organisation)).id)
    order = SimSort(_EMNIFY_FIELDS[sort], descending)
    found = await list_matching(client, Listing(chosen, device, has_device, order, page, per_page))
    given = {
        "status": status,
        "iccid": iccid,
        "imsi": imsi,
        "msisdn": msisdn,
        "eid": eid,
        "device": device,
        "has_device": has_device,
        "organisation": organisation,
        "model": model,
        "produced": produced,
    }
    shape = {
        "sort": sort if sort != "id" else None,
        "descending": descending or None,
        "per_page": per_page if per_page != _PER_PAGE else None,
        "detail": detail if detail != "concise" else None,
    }
    rows = [facts.sim_row(sim, full=detail == "full") for sim in found.items]
    customers = {row.customer for row in rows}
    shared = customers.pop() if len(customers) == 1 else None
    listed = answers.SimList(
        total=found.total,
        page=found.page,
        pages=found.pages,
        customer=shared,
        sims=[row.model_copy(update={"customer": None}) if shared else row for row in rows],
        next=ready_call("list_sims", given | shape, page=page + 1) if found.has_next else None,
        hint=None if rows else _nothing(given, found),
    )
    return answer(listed, text.sim_list(listed))


def _nothing(given: dict[str, Any], found: EmnifyPage[Sim]) -> str:
    """Say what was searched and the likeliest mistake."""
    if found.total:
        return f"Page {found.page} is past the last: {found.total:,} SIMs on {found.pages:,} pages match."
    searched = ready_call("list_sims", given)
    if not any(value is not None for value in given.values()):
        return "This workspace has no SIMs, or the token is for another one."
    longest = next((name for name in ("iccid", "imsi", "msisdn", "eid") if given[name] is not None), None)
    if longest:
        return f"Searched {searched}. A digit may be wrong: try a shorter part of the {longest}."
    if given["device"] is not None:
        return f"Searched {searched}. Only devices with a SIM are listed: try a shorter part of the name."
    return f"Searched {searched}. Leave a filter out to see what there is."


def _digits(said: str | None) -> str | None:
    """Return a number without blanks and dashes; a whole printed ICCID loses its check digit once it is proven."""
    if said is None:
        return None
    digits = compact(said).removeprefix("+")
    return parse_iccid(digits) if len(digits) == PRINTED_ICCID_LENGTH and digits.isdecimal() else digits
