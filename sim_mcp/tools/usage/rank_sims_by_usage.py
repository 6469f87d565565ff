"""The tool that ranks the SIMs of the fleet by usage."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import anyio
import anyio.to_thread
from mcp.types import CallToolResult
from pydantic import ConfigDict, Field

from sim_mcp.emnify import InvalidValueError
from sim_mcp.emnify.money import Money
from sim_mcp.fleet.inventory.filters import FleetFilter, FleetSim
from sim_mcp.fleet.inventory.inventory import StillReadingError
from sim_mcp.fleet.usage.periods import Period
from sim_mcp.fleet.usage.ranking import (
    Ranked,
    Ranking,
    Total,
    explain_difference,
    may_have_used,
    rank,
    total,
)
from sim_mcp.fleet.usage.scan import UsageResult
from sim_mcp.formatting import format_next, format_number, format_quantity, join_lines, round_volume
from sim_mcp.sanitize import fence
from sim_mcp.tools.context import ToolContext, emnify_of
from sim_mcp.tools.parameters import Names, Statuses, to_statuses
from sim_mcp.tools.registry import Entry
from sim_mcp.tools.result import Answer, keep_properties, render_shared_customer, respond
from sim_mcp.tools.sim_row import SimRow, build_sim_row, extract_customer, note_cut_names, render_sim_row
from sim_mcp.tools.usage.asked_period import parse_period, resolve_period
from sim_mcp.tools.usage.costs import (
    NO_COSTS,
    CostRow,
    cost_fields,
    currency_fields,
    format_row_costs,
    read_cost_note,
    single_currency,
)
from sim_mcp.tools.usage.fleet_usage import open_fleet, read_own_total, read_usage_of
from sim_mcp.tools.usage.scan_state import (
    collect_notes,
    format_as_of,
    format_call,
    format_no_sims,
    format_snapshot_note,
    format_state,
    load_sims,
    render_progress,
)

By = Literal["data", "sms", "cost"]
Order = Literal["most", "least", "none"]

_TOP, _MOST = 10, 50
_DEFAULTS = {"period": "current_month", "by": "data", "order": "most", "top": _TOP}
_DID = {"data": "used data", "sms": "had SMS", "cost": "had costs"}
_FIRST = {"most": ", most first", "least": ", least first", "none": ""}
_CURRENCIES = "Costs are in several currencies and ranked by their bare numbers."
_CURRENCIES_OF_ONE_SIM = (
    "Costs are in several currencies and ranked by their bare numbers; a SIM that has several is ranked by the largest."
)
_NO_COSTS = "emnify reports no cost of these SIMs."
_BY_DAY = "Costs of days are of data only, and rounded; current_month and last_month have emnify's whole figures."


class RankedRow(SimRow, CostRow):
    """A SIM with what it used; if its costs are in several currencies, each is in a field such as `cost_EUR`."""

    data_mb: float
    sms: float
    cost: float | None = None
    currency: str | None = None


class TotalRow(CostRow):
    """What many SIMs used together; costs are in fields such as `cost_EUR`."""

    data_mb: float
    sms: float


class RankingAnswer(Answer):
    """SIMs by usage, with totals; data in MB, SMS as a count."""

    model_config = ConfigDict(json_schema_extra=keep_properties("sims", "state"))

    period: str | None = None
    customer: str | None = None
    """Of all rows, if they share one."""
    sims: list[RankedRow] = Field(default_factory=list)
    ranked: int = 0
    """SIMs with such usage, or without any."""
    read: int = 0
    of: int | None = None
    """None while the SIMs themselves are still being read."""
    sum: TotalRow | None = None
    emnify_total: TotalRow | None = None
    as_of: str | None = None
    state: str
    """Complete, or how far it is."""
    next: str | None = None
    more: str | None = None
    """The call that lists more of the SIMs that fit."""
    notes: list[str] = Field(default_factory=list)


async def rank_sims_by_usage(
    ctx: ToolContext,
    period: Annotated[
        str, Field(description="current_month, last_month, 2026-10 or 2026-11-01..2026-11-07")
    ] = "current_month",
    by: By = "data",
    order: Annotated[Order, Field(description="none: without any usage")] = "most",
    customer: Names | None = None,
    status: Statuses | None = None,
    top: Annotated[int, Field(ge=1, le=_MOST)] = _TOP,
) -> Annotated[CallToolResult, RankingAnswer]:
    """Rank SIM cards by data usage (MB), SMS or cost across the fleet, with totals. 10 SIMs are read a second: a big
    fleet takes several calls, each telling what is known so far.
    """  # noqa: D205  # the description is one paragraph for the model.
    wanted = parse_period(period)
    given = {"period": period, "by": by, "order": order, "customer": customer, "status": status, "top": top}
    chosen = FleetFilter(statuses=to_statuses(status), customers=tuple(customer or ()))
    try:
        fleet = await open_fleet(ctx, chosen)
    except StillReadingError as error:
        early = RankingAnswer(state=str(error), next=_same_call(given))
        return respond(early, render_ranking(early, by, order))
    client = emnify_of(ctx)
    asked = resolve_period(wanted, fleet.months, client.now().date())
    cost_note = await read_cost_note(client)
    if by == "cost" and cost_note == NO_COSTS:
        raise InvalidValueError(f"{NO_COSTS} Rank by data or sms")
    serving = [sim for sim in fleet.sims if may_have_used(sim)]
    own = None if customer or status else await read_own_total(client, fleet, asked.period)
    reading = await read_usage_of(ctx, fleet, serving, [asked.period])
    amounts = reading.amounts[asked.period]
    ranking = await anyio.to_thread.run_sync(lambda: rank(serving, amounts, by, order, top))
    details = await load_sims(fleet.snapshot, [ranked.sim.id for ranked in ranking.first])
    answer = build_ranking(
        given, asked.period, ranking, details, reading, len(fleet.sims), own, costs=cost_note != NO_COSTS
    )
    answer.notes += filter(
        None,
        (
            asked.note,
            note_cut_names(answer.sims),
            _note_issued(len(fleet.sims) - len(serving), order),
            *_cost_notes(reading, asked.period, by, cost_note),
            None if fleet.sims else format_no_sims(customer=customer, status=status),
            format_snapshot_note(fleet.snapshot),
        ),
    )
    return respond(answer, render_ranking(answer, by, order))


def build_ranking(
    given: Mapping[str, Any],
    period: Period,
    ranking: Ranking,
    details: Mapping[int, FleetSim],
    reading: UsageResult,
    sims: int,
    own_total: Total | None = None,
    *,
    costs: bool = True,
) -> RankingAnswer:
    """Return the answer, with the notes on the scan.

    Args:
        given: the call's arguments.
        period: what was read.
        ranking: its first SIMs, in order.
        details: those SIMs in full, by id.
        reading: what was read of all SIMs that can have used anything.
        sims: how many SIMs the question is about; what those used that were never in service is known too.
        own_total: emnify's total of the workspace, if it is comparable.
        costs: whether costs say anything.
    """
    rows = [
        build_ranked_row(details[ranked.sim.id], ranked, costs=costs)
        for ranked in ranking.first
        if ranked.sim.id in details
    ]
    summed = total(reading.amounts[period].values())
    most = min(ranking.fitting, _MOST)
    return RankingAnswer(
        period=period.label,
        customer=extract_customer(rows),
        sims=rows,
        ranked=ranking.fitting,
        read=sims - reading.left - reading.failed,
        of=sims,
        sum=build_total(summed, costs=costs),
        emnify_total=build_total(own_total, costs=costs) if own_total else None,
        as_of=format_as_of(reading),
        state=format_state(reading),
        next=None if reading.is_complete else _same_call(given),
        more=_same_call(given, top=most) if reading.is_complete and most > given["top"] else None,
        notes=collect_notes(reading, explain_difference(summed, own_total, complete=reading.is_complete)),
    )


def build_ranked_row(sim: FleetSim, ranked: Ranked, *, costs: bool = True) -> RankedRow:
    """Return a SIM and what it used as a row, with `costs` or without."""
    used = ranked.amount
    paid = used.costs if costs else Money()
    return RankedRow(
        **build_sim_row(sim).wire(),
        data_mb=round_volume(used.data_mb),
        sms=round_volume(used.sms),
        currency=single_currency(paid),
        **cost_fields({"cost": paid}),
    )


def build_total(found: Total, *, costs: bool = True) -> TotalRow:
    """Return a total as a row, with `costs` or without."""
    paid = currency_fields("cost", found.costs if costs else Money())
    return TotalRow(data_mb=round_volume(found.data_mb), sms=round_volume(found.sms), **paid)


def render_ranking(answer: RankingAnswer, by: By, order: Order) -> str:
    """Return the answer as text: how many it shows, how far it is, the rows, the totals."""
    if answer.of is None:
        return join_lines(answer.state, format_next(answer.next))
    did = "used nothing" if order == "none" else _DID[by]
    rows = [f"{place}. {_render_row(row)}" for place, row in enumerate(answer.sims, 1)]
    own = answer.emnify_total
    some = answer.read < answer.of
    base = f"{answer.read:,} SIMs read, of {answer.of:,}," if some else format_quantity(answer.of, "SIM")
    shown = f"; the first {len(rows):,}" if len(rows) < answer.ranked else ""
    return join_lines(
        f"{answer.ranked:,} of {base} {did} in {answer.period}{_FIRST[order]}{shown}:",
        fence(join_lines(render_shared_customer(answer.customer), *rows)) if rows else None,
        render_progress(answer.read, answer.of, answer.as_of, answer.state),
        f"Sum: {_render_total(answer.sum)}" if answer.sum else None,
        f"emnify's own total of the workspace and those below it: {_render_total(own)}" if own else None,
        *answer.notes,
        f"More of them: {answer.more}" if answer.more else None,
        format_next(answer.next),
    )


def _note_issued(issued: int, order: Order) -> str | None:
    if not issued:
        return None
    listed = ", so they are not listed" if order == "none" else ""
    were = "is Issued and was" if issued == 1 else "are Issued and were"
    return f"{format_quantity(issued, 'SIM')} {were} never in service{listed}."


def _cost_notes(reading: UsageResult, period: Period, by: By, cost_note: str | None) -> list[str | None]:
    """Return what to know of the costs, and of a ranking by them."""
    costs = total(reading.amounts[period].values()).costs
    if cost_note == NO_COSTS:
        return [cost_note]
    if not any(costs.values()):
        return [_NO_COSTS if by == "cost" else None]
    notes = [cost_note, None if period.is_month else _BY_DAY]
    if by == "cost" and len(costs) > 1:
        of_one_sim = any(len(amount.costs) > 1 for amount in reading.amounts[period].values())
        notes.append(_CURRENCIES_OF_ONE_SIM if of_one_sim else _CURRENCIES)
    return notes


def _same_call(given: Mapping[str, Any], **changed: Any) -> str:
    return format_call(rank_sims_by_usage.__name__, given, _DEFAULTS, **changed)


def _render_row(row: RankedRow) -> str:
    return f"{render_sim_row(row)}: {_render_used(row, format_row_costs(row, 'cost', row.cost, row.currency))}"


def _render_total(row: TotalRow) -> str:
    return _render_used(row, format_row_costs(row, "cost"))


def _render_used(row: RankedRow | TotalRow, costs: Sequence[str]) -> str:
    return ", ".join([f"{format_number(row.data_mb)} MB", f"{format_number(row.sms)} SMS", *costs])


TOOL = Entry(rank_sims_by_usage, "Rank SIMs by usage")
