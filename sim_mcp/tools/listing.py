"""The tool that lists SIMs: one page from emnify where its filters can say what is meant, else from the inventory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import anyio
from mcp.types import CallToolResult
from pydantic import Field

from sim_mcp.emnify import (
    InvalidValueError,
    Sim,
    SimFilter,
    SimSort,
    SimSortField,
    compact,
    parse_iccid,
)
from sim_mcp.emnify import Page as EmnifyPage
from sim_mcp.emnify.identifiers import PRINTED_ICCID_LENGTH
from sim_mcp.fleet.inventory.crawler import LARGEST_PAGE
from sim_mcp.fleet.inventory.filters import FleetFilter, FleetSim, OrderBy
from sim_mcp.fleet.inventory.inventory import StillReadingError
from sim_mcp.fleet.inventory.snapshot import Snapshot
from sim_mcp.fleet.lookup.listing import Listing, list_matching
from sim_mcp.fleet.lookup.organisations import NotAllSeenError, find_organisation
from sim_mcp.tools import answers, facts, text
from sim_mcp.tools.context import ANSWER_WITHIN_S, ToolContext, emnify_of, inventory_of
from sim_mcp.tools.fleet import asked, chosen, moment
from sim_mcp.tools.parameters import Day, Month, Name, Page, PerPage, PlainDay, Statuses, ready_call
from sim_mcp.tools.result import respond
from sim_mcp.tools.usage.unused import unused_sims

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
_FLEET_FIELDS: dict[SortField, OrderBy] = {
    "id": "id",
    "iccid": "iccid",
    "eid": "eid",
    "status": "status",
    "production_date": "production_date",
    "device": "device",
    "model": "model",
    "organisation": "customer",
}
_PER_PAGE = 25
_UNSPEAKABLE = ",|"
MOST_IN_FULL = 40
"""Rows in full that fit into what a model is given at once."""


@dataclass(frozen=True)
class _Wanted:
    """What was asked for, before it is known who can answer it."""

    filter: FleetFilter
    sort: SortField
    descending: bool
    page: int
    per_page: int
    without_usage: Month | None = None

    @property
    def beyond_emnify(self) -> bool:
        """Tell whether emnify's filters cannot say this: then the inventory answers."""
        where = self.filter
        if self.without_usage or len(where.statuses) > 1 or where.activated_before or where.activated_after:
            return True
        # Its filters have no escape for these.
        if set(_UNSPEAKABLE) & {*(where.name_contains or ""), *(where.model or "")}:
            return True
        # It cannot filter for SIMs in a device: to reach a late page, all before it would be read anew each time.
        if where.has_device and self.page * self.per_page > LARGEST_PAGE:
            return True
        # emnify searches device names among devices, which know little of their SIMs.
        alone = replace(where, name_contains=None, statuses=(), iccid=None, eid=None, has_device=None)
        return where.name_contains is not None and (
            alone != FleetFilter() or where.has_device is False or self.sort != "id"
        )


@dataclass(frozen=True)
class _Listed:
    """What was found, and how much it says."""

    found: EmnifyPage[Any]
    rows: list[answers.SimRow]
    as_of: str | None = None
    complete: bool = True
    """Whether the same call again would say no more."""
    notes: Sequence[str] = ()


async def list_sims(
    ctx: ToolContext,
    status: Statuses | None = None,
    iccid: Part = None,
    imsi: Part = None,
    msisdn: Part = None,
    eid: Part = None,
    device: Annotated[Name | None, Field(description="device name, whole or part")] = None,
    has_device: bool | None = None,
    organisation: Annotated[Name | None, Field(description="customer: name or id")] = None,
    model: Annotated[Name | None, Field(description="SIM model")] = None,
    produced: Annotated[Day | None, Field(description="production date")] = None,
    activated_before: PlainDay | None = None,
    activated_after: PlainDay | None = None,
    without_usage: Month | None = None,
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
    wanted = _Wanted(
        FleetFilter(
            statuses=chosen(status),
            iccid=_iccid(iccid),
            imsi=_digits(imsi),
            msisdn=_digits(msisdn),
            eid=_digits(eid),
            name_contains=device,
            has_device=has_device,
            customer=organisation,
            model=model,
            produced=produced,
            activated_before=activated_before,
            activated_after=activated_after,
        ),
        sort, descending, page, per_page, without_usage,
    )  # fmt: skip
    given = {
        "status": status[0] if status and len(status) == 1 else status,
        "iccid": iccid,
        "imsi": imsi,
        "msisdn": msisdn,
        "eid": eid,
        "device": device,
        "has_device": has_device,
        "organisation": organisation,
        "model": model,
        "produced": produced,
        "activated_before": activated_before,
        "activated_after": activated_after,
        "without_usage": without_usage,
    }
    shape = {
        "sort": sort if sort != "id" else None,
        "descending": descending or None,
        "per_page": per_page if per_page != _PER_PAGE else None,
        "detail": detail if detail != "concise" else None,
    }
    full = detail == "full"
    again = ready_call("list_sims", given | shape, page=page if page > 1 else None)
    try:
        listed = await (_in_inventory(ctx, wanted, full) if wanted.beyond_emnify else _at_emnify(ctx, wanted, full))
    except StillReadingError as error:
        reading = answers.SimList(page=page, sims=[], hint=str(error), next=again)
        return respond(reading, text.sim_list(reading))
    found, rows = listed.found, listed.rows
    customers = {row.customer for row in rows}
    shared = customers.pop() if len(customers) == 1 else None
    hint = None if rows or not listed.complete else _nothing(given, found)
    following = ready_call("list_sims", given | shape, page=page + 1) if found.has_next else None
    result = answers.SimList(
        total=found.total,
        page=found.page,
        pages=found.pages,
        customer=shared,
        as_of=listed.as_of,
        sims=[row.model_copy(update={"customer": None}) if shared else row for row in rows],
        next=following if listed.complete else again,
        hint=" ".join(filter(None, [hint, *listed.notes])) or None,
    )
    return respond(result, text.sim_list(result))


async def _at_emnify(ctx: ToolContext, wanted: _Wanted, full: bool) -> _Listed:
    """List a page as emnify has it now."""
    client, asked_for = emnify_of(ctx), wanted.filter
    narrowed = SimFilter(
        status=asked_for.statuses[0] if asked_for.statuses else None,
        iccid=asked_for.iccid,
        imsi=asked_for.imsi,
        msisdn=asked_for.msisdn,
        eid=asked_for.eid,
        model=asked_for.model,
        production_date=asked_for.produced,
    )
    str(narrowed)  # what cannot be expressed is refused before anything is sent.
    if asked_for.customer is not None:
        try:
            organisation = await find_organisation(client, asked_for.customer, among_all=True)
        except NotAllSeenError:
            return await _in_inventory(ctx, wanted, full)
        narrowed = replace(narrowed, customer_org=organisation.id)
    order = SimSort(_EMNIFY_FIELDS[wanted.sort], wanted.descending)
    found = await list_matching(
        client,
        Listing(narrowed, asked_for.name_contains, asked_for.has_device, order, wanted.page, wanted.per_page),
    )
    return _Listed(found, [facts.sim_row(sim, full=full) for sim in found.items])


async def _in_inventory(ctx: ToolContext, wanted: _Wanted, full: bool) -> _Listed:
    """List a page as the inventory has it, with usage as far as it could be read within one call."""
    over_at = anyio.current_time() + ANSWER_WITHIN_S
    snapshot = await inventory_of(ctx).snapshot(progress=ctx.report_progress)
    complete, notes = True, [snapshot.note]
    if wanted.without_usage is not None:
        unused = await unused_sims(ctx, snapshot, wanted.filter, wanted.without_usage, over_at)
        wanted = replace(wanted, filter=replace(wanted.filter, ids=unused.ids))
        complete, notes = unused.complete, [unused.note, snapshot.note]
    found = await asked(lambda: _in_snapshot(snapshot, wanted))
    rows = [facts.fleet_row(sim, full=full) for sim in found.items]
    return _Listed(found, rows, moment(snapshot.taken_at), complete, [note for note in notes if note])


def _in_snapshot(snapshot: Snapshot, wanted: _Wanted) -> EmnifyPage[FleetSim]:
    """List a page as the inventory has it."""
    total = snapshot.count(wanted.filter)
    sims = snapshot.sims(
        wanted.filter,
        order=_FLEET_FIELDS[wanted.sort],
        descending=wanted.descending,
        limit=wanted.per_page,
        offset=(wanted.page - 1) * wanted.per_page,
    )
    pages = max(1, -(-total // wanted.per_page))
    return EmnifyPage(items=list(sims), page=wanted.page, per_page=wanted.per_page, total=total, pages=pages)


def _nothing(given: dict[str, Any], found: EmnifyPage[Sim]) -> str:
    """Say what was searched and the likeliest mistake."""
    if found.total:
        return f"Page {found.page} is past the last: {found.total:,} SIMs on {found.pages or 1:,} pages match."
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
    """Return a number without blanks and dashes."""
    return None if said is None else compact(said).removeprefix("+")


def _iccid(said: str | None) -> str | None:
    """Return an ICCID or a part of one; a whole printed one loses its check digit once it is proven."""
    digits = _digits(said)
    whole = digits is not None and len(digits) == PRINTED_ICCID_LENGTH and digits.isdecimal()
    return parse_iccid(digits) if digits is not None and whole else digits
