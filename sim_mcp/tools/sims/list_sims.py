"""list_sims: which SIMs there are, filtered, sorted and paged."""

from typing import Annotated, Any, Literal

from mcp.types import CallToolResult
from pydantic import Field

from sim_mcp.emnify import InvalidValueError, compact, parse_iccid
from sim_mcp.emnify.identifiers import PRINTED_ICCID_LENGTH
from sim_mcp.fleet.inventory.filters import FleetFilter
from sim_mcp.fleet.inventory.inventory import StillReadingError
from sim_mcp.formatting import format_counted, format_next, format_page, join_lines
from sim_mcp.sanitize import fence
from sim_mcp.tools.context import ToolContext, emnify_of
from sim_mcp.tools.order import SortKeys, parse_order
from sim_mcp.tools.parameters import (
    Days,
    FirstDay,
    LastDay,
    Month,
    Name,
    Names,
    Page,
    PerPage,
    Statuses,
    format_days,
    name_to_come,
    ready_call,
    to_statuses,
)
from sim_mcp.tools.registry import Entry
from sim_mcp.tools.result import Answer, join_hints, render_shared_customer, respond
from sim_mcp.tools.sim_row import extract_customer, note_cut_names
from sim_mcp.tools.sims.query import SimPage, SimQuery, produced_in, read_page
from sim_mcp.tools.sims.row import ListedSim, render_row

MOST_IN_FULL = 40
"""Rows in full that fit into what a model is given at once."""

_PER_PAGE = 25

Part = Annotated[Name | None, Field(description="whole or part")]


class SimListAnswer(Answer):
    """A page of SIMs."""

    total: int | None = Field(default=None, description="all that match")
    page: int
    pages: int | None = None
    customer: str | None = Field(default=None, description="of all that match")
    as_of: str | None = Field(default=None, description="if from the inventory")
    sims: list[ListedSim]
    next: str | None = None
    hint: str | None = None


async def list_sims(
    ctx: ToolContext,
    status: Statuses | None = None,
    iccid: Part = None,
    imsi: Part = None,
    msisdn: Part = None,
    eid: Part = None,
    device: Annotated[Name | None, Field(description="device name, whole or part")] = None,
    has_device: bool | None = None,
    customer: Names | None = None,
    reseller: Names | None = None,
    issuer: Names | None = None,
    model: Names | None = None,
    produced: Annotated[Days | None, Field(description="day or month")] = None,
    activated_before: Annotated[FirstDay | None, Field(description="excludes this day")] = None,
    activated_after: LastDay | None = None,
    without_usage: Month | None = None,
    sort: SortKeys | None = None,
    page: Page = 1,
    per_page: PerPage = _PER_PAGE,
    detail: Annotated[
        Literal["concise", "full"], Field(description="full adds IMSI, MSISDN, EID, roles, model, IP and dates")
    ] = "concise",
) -> Annotated[CallToolResult, SimListAnswer]:
    """List the SIM cards (eSIMs) of the fleet, filtered, sorted and counted. For one known SIM, get_sim tells more.
    Returns ICCID, status, device and customer of each, the total that match, and the call for the next page.
    """  # noqa: D205  # the description is one paragraph for the model.
    if detail == "full" and per_page > MOST_IN_FULL:
        raise InvalidValueError(
            f"per_page={per_page} with detail=full is too long an answer; ask for {MOST_IN_FULL}, or concise"
        )
    order = parse_order(sort)
    chosen = FleetFilter(
        statuses=to_statuses(status),
        iccid=_parse_iccid_part(iccid),
        imsi=_strip_separators(imsi),
        msisdn=_strip_separators(msisdn, dialled="00"),
        eid=_strip_separators(eid),
        name_contains=device,
        has_device=has_device,
        customers=tuple(customer or ()),
        resellers=tuple(reseller or ()),
        issuers=tuple(issuer or ()),
        models=tuple(model or ()),
        activated_before=activated_before,
        activated_after=activated_after,
        **produced_in(produced),
    )
    filters = {
        "status": status,
        "iccid": iccid,
        "imsi": imsi,
        "msisdn": msisdn,
        "eid": eid,
        "device": device,
        "has_device": has_device,
        "customer": customer,
        "reseller": reseller,
        "issuer": issuer,
        "model": model,
        "produced": format_days(produced),
        "activated_before": activated_before,
        "activated_after": activated_after,
        "without_usage": without_usage,
    }
    shape = {
        "sort": sort,
        "per_page": per_page if per_page != _PER_PAGE else None,
        "detail": detail if detail != "concise" else None,
    }
    query = SimQuery(chosen, order, page, per_page, detail == "full", without_usage)
    try:
        answer = build(await read_page(ctx, query), filters, shape)
        if not answer.sims:
            first = produced[0] if produced else None
            to_come = name_to_come(emnify_of(ctx).now(), produced=first, activated_after=activated_after)
            answer.hint = join_hints(to_come, answer.hint)
    except StillReadingError as error:
        again = ready_call("list_sims", filters | shape, page=page if page > 1 else None)
        answer = SimListAnswer(page=page, sims=[], hint=str(error), next=again)
    return respond(answer, render(answer))


TOOL = Entry(list_sims, "List and filter SIMs")


def build(found: SimPage, filters: dict[str, Any], shape: dict[str, Any]) -> SimListAnswer:
    """Return a page; a customer that all rows share is moved from the rows to the page.

    Args:
        found: the page.
        filters: the arguments that choose SIMs, by parameter.
        shape: the other arguments, for the next call.
    """
    following = found.page + 1 if found.complete else found.page
    goes_on = found.has_next or not found.complete
    return SimListAnswer(
        total=found.total,
        page=found.page,
        pages=found.pages,
        customer=extract_customer(found.rows) if found.same_customer else None,
        as_of=found.as_of,
        sims=found.rows,
        next=ready_call("list_sims", filters | shape, page=following if following > 1 else None) if goes_on else None,
        hint=join_hints(
            None if found.rows or not found.complete else _hint_nothing(found, filters),
            *found.notes,
            note_cut_names(found.rows),
        ),
    )


def render(answer: SimListAnswer) -> str:
    """Return a page as lines: how many of how many, the rows inside a fence, the next call."""
    as_of = f", from the inventory as of {answer.as_of}" if answer.as_of else ""
    if not answer.sims:
        if answer.hint and answer.next:
            return join_lines(answer.hint, format_next(answer.next))
        return join_lines(f"0 SIMs {'on this page' if answer.total else 'match'}{as_of}.", answer.hint)
    head = f"{format_counted(len(answer.sims), answer.total, 'SIM')}, {format_page(answer.page, answer.pages)}{as_of}."
    rows = join_lines(render_shared_customer(answer.customer), *map(render_row, answer.sims))
    return join_lines(head, fence(rows), format_next(answer.next), answer.hint)


def _hint_nothing(found: SimPage, filters: dict[str, Any]) -> str:
    """Return what was searched and the likeliest mistake."""
    if found.total:
        return f"Page {found.page} is past the last: {found.total:,} SIMs on {found.pages or 1:,} pages match."
    searched = ready_call("list_sims", filters)
    if not any(value is not None for value in filters.values()):
        return "This workspace has no SIMs, or the token is for another one."
    number = next((name for name in ("iccid", "imsi", "msisdn", "eid") if filters[name] is not None), None)
    if number:
        return f"Searched {searched}. A digit may be wrong: find_sims tells which numbers are near it."
    if filters["device"] is not None:
        return f"Searched {searched}. Only devices with a SIM are listed: try a shorter part of the name."
    return f"Searched {searched}. Leave a filter out to see what there is."


def _strip_separators(number: str | None, dialled: str = "") -> str | None:
    """Return a number without blanks, dashes, the leading plus or what is dialled instead."""
    return None if number is None else compact(number).removeprefix("+").removeprefix(dialled)


def _parse_iccid_part(text: str | None) -> str | None:
    """Return an ICCID or a part of one; a whole printed one loses its check digit once that is verified.

    Raises:
        InvalidValueError: The check digit is wrong.
    """
    digits = _strip_separators(text)
    whole = digits is not None and len(digits) == PRINTED_ICCID_LENGTH and digits.isdecimal()
    return parse_iccid(digits) if digits is not None and whole else digits
