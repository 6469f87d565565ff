"""find_sims: the SIMs that hold a part of a number or name, in any field."""

from typing import Annotated

from mcp.types import CallToolResult
from pydantic import Field

from sim_mcp.emnify import InvalidValueError
from sim_mcp.emnify.identifiers import IMEI_BODY_LENGTH, CheckDigitError, imei_with_check_digit, parse_candidates
from sim_mcp.fleet.inventory.filters import FleetSim, Found, Match
from sim_mcp.fleet.inventory.inventory import StillReadingError
from sim_mcp.fleet.inventory.snapshot import Snapshot
from sim_mcp.fleet.lookup.failures import number_fault
from sim_mcp.fleet.lookup.neighbours import near_typed
from sim_mcp.formatting import format_next, format_quantity, format_timestamp, join_lines
from sim_mcp.sanitize import called, clean, fence
from sim_mcp.tools.context import ToolContext, inventory_of
from sim_mcp.tools.parameters import Name, ready_call
from sim_mcp.tools.registry import Entry
from sim_mcp.tools.result import join_hints, respond
from sim_mcp.tools.sim_row import NAME_LIMIT, SimRow, note_cut_names, render_sim_row
from sim_mcp.tools.sims.fleet_answer import FleetAnswer, query_snapshot, render_totals, render_unfinished

_MOST_SHOWN = 20
_MOST_NEAR = 5
_FILTERS = {"ICCID": "iccid", "IMSI": "imsi", "MSISDN": "msisdn", "EID": "eid", "device": "device"}
"""The parameter of list_sims that searches a field."""


class FoundSim(SimRow):
    """One SIM with the field that matched, and how well: exact, prefix, part or, where none has the number, near."""

    matched: str
    fit: str


class FoundSimsAnswer(FleetAnswer):
    """SIMs that hold a text, best first."""

    sims: list[FoundSim] | None = None


async def find_sims(
    ctx: ToolContext,
    text: Annotated[Name, Field(description="part of any number, IP, tag or name; words in any order")],
) -> Annotated[CallToolResult, FoundSimsAnswer]:
    """Find SIM cards by whatever part of a number or name a person has, in all fields at once, best matches first.
    For a whole number or name, get_sim is quicker.
    """  # noqa: D205  # the description is one paragraph for the model.
    try:
        snapshot = await inventory_of(ctx).snapshot(progress=ctx.report_progress)
    except StillReadingError as error:
        unfinished = FoundSimsAnswer(hint=str(error), next=ready_call("find_sims", {"text": text}))
        return respond(unfinished, render(unfinished))
    found, fleet = await query_snapshot(lambda: (_search(snapshot, text), snapshot.total))
    answer = build(found, text, fleet=fleet, as_of=format_timestamp(snapshot.taken_at), note=snapshot.note)
    return respond(answer, render(answer))


TOOL = Entry(find_sims, "Find SIMs")


def _search(snapshot: Snapshot, text: str) -> Found:
    """Return the SIMs that hold a text, or where none does, those whose number is nearly that."""
    found = snapshot.search(text, limit=_MOST_SHOWN)
    if found.total:
        return found
    for numbers in near_typed(text):
        if near := snapshot.near(numbers, limit=_MOST_NEAR):
            return Found([Match(sim, _near_field(sim, numbers), "near") for sim in near], 0)
    return found


def _near_field(sim: FleetSim, numbers: frozenset[str]) -> str:
    fields = {"IMSI": sim.imsi, "MSISDN": sim.msisdn, "EID": sim.eid, "IMEI": (sim.imei or "")[:IMEI_BODY_LENGTH]}
    return next((field for field, value in fields.items() if value in numbers), "ICCID")


def build(found: Found, text: str, *, fleet: int, as_of: str, note: str | None) -> FoundSimsAnswer:
    """Return the best matches, and the call that lists all of them if there are more."""
    rows = [_build_row(match) for match in found.matches]
    return FoundSimsAnswer(
        total=found.total,
        fleet=fleet,
        as_of=as_of,
        sims=rows,
        next=_call_for_all(text, found.matches[0]) if found.total > len(rows) else None,
        hint=join_hints(None if found.total else _hint_nothing(text, near=bool(rows)), note, note_cut_names(rows)),
    )


def render(answer: FoundSimsAnswer) -> str:
    """Return the SIMs as lines inside a fence."""
    if answer.total is None:
        return render_unfinished(answer)
    rows = answer.sims or []
    shown = f", the best {len(rows)} first" if answer.total > len(rows) else ""
    return join_lines(
        render_totals(answer, shown) if answer.total or not rows else _render_near(answer, len(rows)),
        fence(join_lines(*map(_render_row, rows))) if rows else None,
        format_next(answer.next),
        answer.hint,
    )


def _render_near(answer: FoundSimsAnswer, near: int) -> str:
    number = format_quantity(near, "similar number")
    return f"No exact match among {answer.fleet:,} SIMs, as of {answer.as_of}; {number}:"


def _build_row(match: Match) -> FoundSim:
    sim = match.sim
    return FoundSim(
        iccid=clean(sim.iccid) or f"id {sim.id}",
        status=clean(sim.status_label) or None,
        device=called(sim.device, sim.device_id, NAME_LIMIT) if sim.device_id is not None else None,
        customer=called(sim.customer, sim.customer_id, NAME_LIMIT) if sim.customer_id is not None else None,
        matched=_label_match(sim, match.field),
        fit="beginning" if match.fit == "prefix" else match.fit,
    )


def _render_row(row: FoundSim) -> str:
    return f"{render_sim_row(row)} ({row.matched}: {row.fit})"


def _label_match(sim: FleetSim, field: str) -> str:
    """Return the field, with its value where the row does not hold it otherwise."""
    values = {
        "SIM id": str(sim.id),
        "IMSI": sim.imsi,
        "MSISDN": sim.msisdn,
        "EID": sim.eid,
        "IMEI": imei_with_check_digit(sim.imei),
        "IP address": sim.ip,
        "device id": str(sim.device_id),
        "tag": sim.tags,
        "reseller": sim.reseller,
        "issuer": sim.issuer,
    }
    return f"{field} {clean(values.get(field), NAME_LIMIT)}".rstrip()


def _call_for_all(text: str, best: Match) -> str | None:
    """Return the call that pages through all SIMs that match in the same field as the best one."""
    if best.field in _FILTERS:
        return ready_call("list_sims", {_FILTERS[best.field]: text})
    if best.field == "customer" and best.sim.customer_id is not None:
        return ready_call("list_sims", {"customer": [str(best.sim.customer_id)]})
    return None


def _hint_nothing(text: str, *, near: bool) -> str:
    """Return the likeliest mistake where nothing was found, and how near numbers are to be taken."""
    listed = "Those listed have nearly that number, a digit or two apart: check them against the card, none was chosen."
    try:
        parse_candidates(text)
    except CheckDigitError as error:
        return f"Nothing holds that: {error}.{f' {listed}' if near else ''}"
    except InvalidValueError:
        return "Nothing holds that."
    fault = number_fault(text)
    if fault is None:
        return "Nothing holds that. Try fewer words, or a part of one."
    return f"Nothing holds that. {listed if near else fault or 'Compare the digits, or try a shorter part.'}"
