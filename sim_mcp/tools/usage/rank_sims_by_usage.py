"""The tool that ranks the SIMs of the fleet by usage."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Literal

import anyio
import anyio.to_thread
from mcp.types import CallToolResult
from pydantic import ConfigDict, Field

from sim_mcp.emnify import AuthenticationError, EmnifyClient, EmnifyError, InvalidValueError, MonthUsage
from sim_mcp.emnify.identifiers import format_input
from sim_mcp.fleet.inventory.filters import FleetFilter, FleetSim
from sim_mcp.fleet.inventory.inventory import StillReadingError
from sim_mcp.fleet.usage.periods import Period, days
from sim_mcp.fleet.usage.ranking import (
    Ranked,
    Ranking,
    Total,
    brief,
    emnify_total,
    likeliest_first,
    may_have_used,
    rank,
    total,
)
from sim_mcp.fleet.usage.scan import UsageResult
from sim_mcp.formatting import format_next, format_number, format_quantity, join_lines, round_volume
from sim_mcp.sanitize import fence
from sim_mcp.tools.context import ANSWER_WITHIN_S, ToolContext, emnify_of, inventory_of, usage_of
from sim_mcp.tools.parameters import Month, Names, Statuses, to_statuses
from sim_mcp.tools.registry import Entry
from sim_mcp.tools.result import Answer, keep_properties, render_shared_customer, respond
from sim_mcp.tools.sim_row import SimRow, build_sim_row, extract_customer, render_sim_row
from sim_mcp.tools.usage.costs import CostRow, cost_fields, currency_fields, format_row_costs, single_currency
from sim_mcp.tools.usage.scan_state import (
    SNAPSHOT_WITHIN_S,
    collect_notes,
    format_as_of,
    format_call,
    format_no_sims,
    format_snapshot_note,
    format_state,
    load_sims,
    render_progress,
)
from sim_mcp.tools.usage.unused import MONTHS

By = Literal["data", "sms", "cost"]
Order = Literal["most", "least", "none"]

_TOTAL_WITHIN_S = 8.0
_TOP, _MOST = 10, 50
_LONGEST_DAYS, _FIRST_YEAR = 366, 2000
_DEFAULTS = {"period": "current_month", "by": "data", "order": "most", "top": _TOP}
_KINDS = {"data": "data", "sms": "SMS", "cost": "cost"}
_ORDERS = {"most": "with {} used, most first", "least": "with {} used, least first", "none": "without any usage"}
_CURRENCIES = "Costs are in several currencies and ranked by their bare numbers."
_CURRENCIES_OF_ONE_SIM = (
    "Costs are in several currencies and ranked by their bare numbers; a SIM that has several is ranked by the largest."
)
_NO_COSTS = "emnify tells no cost, or 0, where volumes are pooled."


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
    notes: list[str] = Field(default_factory=list)


async def rank_sims_by_usage(
    ctx: ToolContext,
    period: Annotated[
        str, Field(description="current_month, last_month, or days such as 2026-11-01..2026-11-07")
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
    over_at = anyio.current_time() + ANSWER_WITHIN_S
    wanted = parse_period(period)
    given = {"period": period, "by": by, "order": order, "customer": customer, "status": status, "top": top}
    chosen = FleetFilter(statuses=to_statuses(status), customers=tuple(customer or ()))
    try:
        snapshot = await inventory_of(ctx).snapshot(progress=ctx.report_progress, wait_s=SNAPSHOT_WITHIN_S)
    except StillReadingError as error:
        early = RankingAnswer(state=str(error), next=_same_call(given))
        return respond(early, render_ranking(early, by, order))
    months = await usage_of(ctx).months()
    asked = wanted if isinstance(wanted, Period) else months[MONTHS.index(wanted)]
    _check_begun(asked, emnify_of(ctx).now().date())
    sims = await anyio.to_thread.run_sync(lambda: [brief(sim) for sim in snapshot.sims(chosen)])
    serving = [sim for sim in sims if may_have_used(sim)]
    own = None if customer or status or isinstance(wanted, Period) else await _own_month(emnify_of(ctx), wanted)
    reading = await usage_of(ctx).read(
        likeliest_first(serving), [asked], wait_s=over_at - anyio.current_time(), progress=ctx.report_progress
    )
    amounts = reading.amounts[asked]
    ranking = await anyio.to_thread.run_sync(lambda: rank(serving, amounts, by, order, top))
    details = await load_sims(snapshot, [ranked.sim.id for ranked in ranking.first])
    answer = build_ranking(given, asked, ranking, details, reading, emnify_total(own) if own else None)
    issued = len(sims) - len(serving)
    answer.notes += filter(
        None,
        (
            f"{issued:,} Issued SIMs never had service and are left out." if issued else None,
            *(_cost_notes(reading, asked) if by == "cost" else ()),
            None if sims else format_no_sims(customer=customer, status=status),
            format_snapshot_note(snapshot),
        ),
    )
    return respond(answer, render_ranking(answer, by, order))


def build_ranking(
    given: Mapping[str, Any],
    period: Period,
    ranking: Ranking,
    details: Mapping[int, FleetSim],
    reading: UsageResult,
    own_total: Total | None,
) -> RankingAnswer:
    """Return the answer, with the notes on the scan.

    Args:
        given: the call's arguments.
        period: what was read.
        ranking: its first SIMs, in order.
        details: those SIMs in full, by id.
        reading: what was read of all SIMs.
        own_total: emnify's total of the workspace, if it is comparable.
    """
    rows = [build_ranked_row(details[ranked.sim.id], ranked) for ranked in ranking.first if ranked.sim.id in details]
    return RankingAnswer(
        period=period.label,
        customer=extract_customer(rows),
        sims=rows,
        ranked=ranking.fitting,
        read=reading.read,
        of=reading.wanted,
        sum=build_total(total(reading.amounts[period].values())),
        emnify_total=build_total(own_total) if own_total else None,
        as_of=format_as_of(reading),
        state=format_state(reading),
        next=_next_call(given, reading, ranking.fitting),
        notes=collect_notes(reading),
    )


def build_ranked_row(sim: FleetSim, ranked: Ranked) -> RankedRow:
    """Return a SIM and what it used as a row."""
    used = ranked.amount
    return RankedRow(
        **build_sim_row(sim).wire(),
        data_mb=round_volume(used.data_mb),
        sms=round_volume(used.sms),
        currency=single_currency(used.costs),
        **cost_fields({"cost": used.costs}),
    )


def build_total(found: Total) -> TotalRow:
    """Return a total as a row."""
    costs = currency_fields("cost", found.costs)
    return TotalRow(data_mb=round_volume(found.data_mb), sms=round_volume(found.sms), **costs)


def render_ranking(answer: RankingAnswer, by: By, order: Order) -> str:
    """Return the answer as text: how many it shows, how far it is, the rows, the totals."""
    if answer.of is None:
        return join_lines(answer.state, format_next(answer.next))
    question = _ORDERS[order].format(_KINDS[by])
    rows = [f"{place}. {_render_row(row)}" for place, row in enumerate(answer.sims, 1)]
    own = answer.emnify_total
    return join_lines(
        f"{len(answer.sims):,} of {format_quantity(answer.ranked, 'SIM')} {question} in {answer.period}.",
        render_progress(answer.read, answer.of, answer.as_of, answer.state),
        fence(join_lines(render_shared_customer(answer.customer), *rows)) if rows else None,
        f"Sum over the {answer.read:,} SIMs read: {_render_total(answer.sum)}" if answer.sum else None,
        f"emnify's own total of the workspace and those below it: {_render_total(own)}" if own else None,
        *answer.notes,
        format_next(answer.next),
    )


def parse_period(text: str) -> Period | Month:
    """Parse a period as people write it, such as `last month` or `2026-11-01..2026-11-07`.

    Raises:
        InvalidValueError: It is no period, or one too long or too long ago.
    """
    word = text.strip().lower().replace(" ", "_")
    for month in MONTHS:
        if word == month:
            return month
    first, _, last = word.partition("..")
    try:
        start, end = date.fromisoformat(first.strip("_")), date.fromisoformat((last or first).strip("_"))
    except ValueError:
        raise InvalidValueError(
            f"period {format_input(text)} is not current_month, last_month or days such as 2026-11-01..2026-11-07"
        ) from None
    if start > end:
        raise InvalidValueError(f"{start} is after {end}; swap them")
    if start.year < _FIRST_YEAR or (end - start).days >= _LONGEST_DAYS:
        raise InvalidValueError(f"{start}..{end} is too long ago, or longer than {_LONGEST_DAYS} days")
    return days(start, end)


def _check_begun(period: Period, today: date) -> None:
    """Refuse a period in the future: reading it would take as long and find nothing.

    Raises:
        InvalidValueError: The period begins after today.
    """
    if period.first > today:
        raise InvalidValueError(f"{period.label} is still to come: today is {today}, by emnify's clock")


async def _own_month(client: EmnifyClient, month: Month) -> MonthUsage | None:
    """Return emnify's own total of a month, or None where it has none."""
    try:
        stats = await client.organisation.get_stats(deadline_s=_TOTAL_WITHIN_S)
    except AuthenticationError:
        raise
    except EmnifyError:
        return None
    return stats.current_month if month == "current_month" else stats.last_month


def _cost_notes(reading: UsageResult, period: Period) -> Sequence[str]:
    """Return what to know of a ranking by cost."""
    costs = total(reading.amounts[period].values()).costs
    if not any(costs.values()):
        return [_NO_COSTS]
    if len(costs) < 2:  # noqa: PLR2004  # one currency needs no note.
        return []
    of_one_sim = any(len(amount.costs) > 1 for amount in reading.amounts[period].values())
    return [_CURRENCIES_OF_ONE_SIM if of_one_sim else _CURRENCIES]


def _next_call(given: Mapping[str, Any], reading: UsageResult, fitting: int) -> str | None:
    if not reading.is_complete:
        return _same_call(given)
    return _same_call(given, top=_MOST) if fitting > given["top"] < _MOST else None


def _same_call(given: Mapping[str, Any], **changed: Any) -> str:
    return format_call(rank_sims_by_usage.__name__, given, _DEFAULTS, **changed)


def _render_row(row: RankedRow) -> str:
    return f"{render_sim_row(row)}: {_render_used(row, format_row_costs(row, 'cost', row.cost, row.currency))}"


def _render_total(row: TotalRow) -> str:
    return _render_used(row, format_row_costs(row, "cost"))


def _render_used(row: RankedRow | TotalRow, costs: Sequence[str]) -> str:
    return ", ".join([f"{format_number(row.data_mb)} MB", f"{format_number(row.sms)} SMS", *costs])


TOOL = Entry(rank_sims_by_usage, "Rank SIMs by usage")
