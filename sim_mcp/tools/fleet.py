"""The tools that look at the whole fleet at once, from the inventory."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

import anyio.to_thread
from mcp.types import CallToolResult
from pydantic import BeforeValidator, Field

from sim_mcp.emnify import InvalidValueError, SimStatus, compact, parse_iccid
from sim_mcp.emnify.identifiers import PRINTED_ICCID_LENGTH
from sim_mcp.fleet.inventory.filters import FleetFilter, FleetSim, GroupBy, Match
from sim_mcp.fleet.inventory.inventory import StillReadingError
from sim_mcp.sanitize import called, clean
from sim_mcp.tools import fleet_answers, fleet_text
from sim_mcp.tools.context import ToolContext, inventory_of
from sim_mcp.tools.facts import ROW_NAME_LIMIT
from sim_mcp.tools.parameters import Name, PlainDay, Statuses, ready_call, wrap_scalar
from sim_mcp.tools.result import respond

T = TypeVar("T")
_TOP = 20
_SHOWN = 20


async def summarize_sims(
    ctx: ToolContext,
    group_by: Annotated[list[GroupBy], BeforeValidator(wrap_scalar), Field(min_length=1, max_length=2)],
    status: Statuses | None = None,
    customer: Annotated[Name | None, Field(description="name or id")] = None,
    device: Annotated[Name | None, Field(description="part of the name")] = None,
    activated_before: PlainDay | None = None,
    activated_after: PlainDay | None = None,
    top: Annotated[int, Field(ge=1, le=100)] = _TOP,
    fresh: Annotated[bool, Field(description="not up to 5 minutes old")] = False,
) -> Annotated[CallToolResult, fleet_answers.FleetCounts]:
    """Count the SIM cards of the whole fleet by one or two properties, such as status and customer, largest first.
    A large fleet takes a second per 25,000 SIMs to read.
    """  # noqa: D205  # the description is one paragraph for the model.
    given = {
        "group_by": group_by,
        "status": status,
        "customer": customer,
        "device": device,
        "activated_before": activated_before,
        "activated_after": activated_after,
        "top": top if top != _TOP else None,
        "fresh": fresh or None,
    }
    where = FleetFilter(
        statuses=chosen(status),
        customer=customer,
        name_contains=device,
        activated_before=activated_before,
        activated_after=activated_after,
    )
    by = tuple(dict.fromkeys(group_by))
    try:
        snapshot = await inventory_of(ctx).snapshot(fresh=fresh, progress=ctx.report_progress)
    except StillReadingError as error:
        reading = fleet_answers.FleetCounts(hint=str(error), next=ready_call("summarize_sims", given))
        return respond(reading, fleet_text.counts(reading))
    groups, fleet = await asked(lambda: (snapshot.group(by, where), snapshot.total))
    total = sum(count for _, count in groups)
    # A single group more takes no more room than to say that there is one.
    shown = groups if len(groups) == top + 1 else groups[:top]
    left = groups[len(shown) :]
    wider = min(100, len(groups))
    counted = fleet_answers.FleetCounts(
        total=total,
        fleet=fleet,
        as_of=moment(snapshot.taken_at),
        groups=[_group(by, values, count) for values, count in shown],
        other=sum(count for _, count in left) if left else None,
        other_groups=len(left) or None,
        next=ready_call("summarize_sims", given, top=wider, fresh=None) if left and wider > top else None,
        hint=" ".join(filter(None, [None if total else _nothing(given), snapshot.note])) or None,
    )
    return respond(counted, fleet_text.counts(counted))


async def find_sims(
    ctx: ToolContext,
    text: Annotated[Name, Field(description="part of an ICCID, IMSI, MSISDN, EID, device or organisation name")],
) -> Annotated[CallToolResult, fleet_answers.FoundSims]:
    """Find SIM cards by whatever part of a number or name a person has, in all fields at once, best matches first.
    For a whole number or name, get_sim is quicker.
    """  # noqa: D205  # the description is one paragraph for the model.
    try:
        snapshot = await inventory_of(ctx).snapshot(progress=ctx.report_progress)
    except StillReadingError as error:
        reading = fleet_answers.FoundSims(hint=str(error), next=ready_call("find_sims", {"text": text}))
        return respond(reading, fleet_text.found(reading))
    hits, fleet = await asked(lambda: (snapshot.search(text, limit=_SHOWN), snapshot.total))
    rows = [_found(match) for match in hits.matches]
    found = fleet_answers.FoundSims(
        total=hits.total,
        fleet=fleet,
        as_of=moment(snapshot.taken_at),
        sims=rows,
        next=_list_them(text, hits.matches) if hits.total > len(rows) else None,
        hint=" ".join(filter(None, [None if rows else _nobody(text), snapshot.note])) or None,
    )
    return respond(found, fleet_text.found(found))


async def asked(question: Callable[[], T]) -> T:
    """Ask a snapshot in a thread: a million SIMs take it up to a second."""
    return await anyio.to_thread.run_sync(question)


def chosen(status: Sequence[str] | None) -> tuple[SimStatus, ...]:
    """Return the statuses of those words, each once."""
    return tuple(dict.fromkeys(SimStatus.from_word(word) for word in status or ()))


def moment(when: datetime) -> str:
    """Write when a snapshot was taken."""
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"


def _group(by: tuple[GroupBy, ...], values: tuple[str, ...], count: int) -> dict[str, Any]:
    return {name: clean(value) or "unnamed" for name, value in zip(by, values, strict=True)} | {"sims": count}


def _nothing(given: dict[str, Any]) -> str:
    return f"Searched {ready_call('summarize_sims', given)}. Leave a filter out to see what there is."


def _nobody(text: str) -> str:
    """Say the likeliest mistake where nothing was found: a check digit tells a misread card at once."""
    digits = compact(text)
    if len(digits) == PRINTED_ICCID_LENGTH and digits.isdecimal():
        try:
            parse_iccid(digits)
        except InvalidValueError as error:
            return f"Nothing holds that: {error}."
    return "Nothing holds that. A digit may be wrong: try a shorter part, digits or letters alone."


def _found(match: Match) -> dict[str, Any]:
    sim = match.sim
    row = {
        "iccid": clean(sim.iccid) or f"id {sim.id}",
        "status": clean(sim.status_label),
        "device": called(sim.device, sim.device_id, ROW_NAME_LIMIT) if sim.device_id is not None else None,
        "customer": called(sim.customer, sim.customer_id, ROW_NAME_LIMIT) if sim.customer_id is not None else None,
        "matched": _matched(sim, match.field),
        "fit": match.fit,
    }
    return {name: value for name, value in row.items() if value}


def _matched(sim: FleetSim, field: str) -> str:
    """Name the field, with its value where the row does not show it otherwise."""
    value = {"SIM id": str(sim.id), "IMSI": sim.imsi, "MSISDN": sim.msisdn, "EID": sim.eid}.get(field)
    organisation = {"reseller": sim.reseller, "issuer": sim.issuer}.get(field)
    return f"{field} {clean(value or organisation, ROW_NAME_LIMIT)}".rstrip()


def _list_them(text: str, matches: list[Match]) -> str | None:
    """Return the call that pages through all that match in the same field as the best one."""
    field = matches[0].field
    parameter = {"ICCID": "iccid", "IMSI": "imsi", "MSISDN": "msisdn", "EID": "eid", "device": "device"}.get(field)
    if parameter is not None:
        return ready_call("list_sims", {parameter: text})
    if field == "customer" and matches[0].sim.customer_id is not None:
        return ready_call("list_sims", {"organisation": str(matches[0].sim.customer_id)})
    return None
