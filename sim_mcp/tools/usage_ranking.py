"""The tools that look at usage across SIMs. They send nothing but GET, and answer within one call's time."""

from datetime import date
from typing import Annotated, Any, Literal

import anyio
import anyio.to_thread
from mcp.types import CallToolResult
from pydantic import Field

from sim_mcp.emnify import AuthenticationError, EmnifyError, InvalidValueError, MonthUsage, SimStatus
from sim_mcp.emnify.identifiers import shown
from sim_mcp.fleet.periods import Period, days
from sim_mcp.fleet.ranking import likeliest_first, may_have_used, rank, total, total_told
from sim_mcp.fleet.selection import FleetFilter, FleetSim
from sim_mcp.fleet.snapshot import Snapshot
from sim_mcp.fleet.usage import Reading
from sim_mcp.fleet.waste import (
    Price,
    Waste,
    Why,
    disabled_devices,
    hosting_price,
    needs_usage,
    sort_out,
)
from sim_mcp.tools import usage_facts, usage_text
from sim_mcp.tools.parameters import Name, Status, ready_call
from sim_mcp.tools.results import answer
from sim_mcp.tools.state import ToolContext, emnify_of, inventory_of, usage_of
from sim_mcp.tools.usage_answers import UsageRanking, WasteReport

ANSWER_WITHIN_S = 44.0
"""The longest a call waits for readings; the rest is for counting, well before hosts give up."""

_TOP, _MOST = 10, 50
_EXAMPLES, _MOST_EXAMPLES = 3, 100
_LONGEST_DAYS, _FIRST_YEAR = 366, 2000
_QUESTIONS = {"most": "with {} used, most first", "least": "with {} used, least first", "none": "without any usage"}
Month = Literal["current_month", "last_month"]
_MONTHS: dict[str, Month] = {"current_month": "current_month", "last_month": "last_month"}
_NO_COSTS = "emnify tells no cost, or 0, where volumes are pooled."


async def rank_sims_by_usage(
    ctx: ToolContext,
    period: Annotated[
        str, Field(description="current_month, last_month, or days such as 2026-11-01..2026-11-07")
    ] = "current_month",
    by: Literal["data", "sms", "cost"] = "data",
    order: Annotated[Literal["most", "least", "none"], Field(description="none: without any usage")] = "most",
    customer: Name | None = None,
    status: Status | None = None,
    top: Annotated[int, Field(ge=1, le=_MOST)] = _TOP,
) -> Annotated[CallToolResult, UsageRanking]:
    """Rank SIM cards by data (MB), SMS or cost across the fleet, with totals. Usage is read at 10 SIMs a second: a big
    fleet takes several calls, and each tells what is known so far and when it will be done.
    """  # noqa: D205  # the description is one paragraph for the model.
    over_at = anyio.current_time() + ANSWER_WITHIN_S
    chosen = FleetFilter(statuses=(SimStatus.from_word(status),) if status else (), customer=customer)
    wanted = _period(period)
    scan = usage_of(ctx)
    given = {"period": period, "by": by, "order": order, "customer": customer}
    given |= {"status": status}
    snapshot = await inventory_of(ctx).snapshot(progress=ctx.report_progress, wait_s=ANSWER_WITHIN_S)
    this_month, last_month = await scan.months()
    asked = wanted if isinstance(wanted, Period) else {"current_month": this_month, "last_month": last_month}[wanted]
    sims = await anyio.to_thread.run_sync(lambda: list(snapshot.sims(chosen)))
    serving = [sim for sim in sims if may_have_used(sim)]
    own = None if customer or status else await _own_total(ctx, asked, this_month)
    ids = likeliest_first(serving)
    reading = await scan.read(ids, [asked], wait_s=over_at - anyio.current_time(), progress=ctx.report_progress)
    amounts = reading.amounts[asked]
    ranked = await anyio.to_thread.run_sync(lambda: rank(serving, amounts, by, order, top))
    rows = [usage_facts.usage_row(row) for row in ranked.first]
    summed = total(amounts.values())
    issued = len(sims) - len(serving)
    found = UsageRanking(
        period=asked.words,
        customer=usage_facts.shared_customer(rows),
        sims=rows,
        ranked=ranked.fitting,
        read=reading.read,
        of=reading.wanted,
        sum=usage_facts.total(summed),
        emnify_total=usage_facts.total(total_told(own)) if own else None,
        as_of=usage_facts.as_of(reading),
        state=usage_facts.state(reading),
        next=_next_ranking(given | {"top": top}, reading, ranked.fitting),
        notes=usage_facts.notes(
            reading,
            f"{issued:,} Issued SIMs never had service and are left out." if issued else None,
            _NO_COSTS if by == "cost" and not any(summed.costs.values()) else None,
            _searched(given, sims),
            _inventory(snapshot),
        ),
    )
    what = {"data": "data", "sms": "SMS", "cost": "cost"}[by]
    return answer(found, usage_text.ranking(found, _QUESTIONS[order].format(what)))


async def find_waste(
    ctx: ToolContext,
    customer: Name | None = None,
    group: Literal["no_device", "disabled_device", "no_traffic", "factory_test_ending"] | None = None,
    examples: Annotated[int, Field(ge=1, le=_MOST_EXAMPLES, description="per group")] = _EXAMPLES,
) -> Annotated[CallToolResult, WasteReport]:
    """Find SIM cards that cost and do nothing: activated without a device, in a disabled device or without traffic this
    month and last; and factory tests about to end. Tells counts, examples and what suspending them would save.
    """  # noqa: D205  # the description is one paragraph for the model.
    over_at = anyio.current_time() + ANSWER_WITHIN_S
    client, scan = emnify_of(ctx), usage_of(ctx)
    chosen = FleetFilter(statuses=(SimStatus.ACTIVATED, SimStatus.FACTORY_TEST), customer=customer)
    snapshot = await inventory_of(ctx).snapshot(progress=ctx.report_progress, wait_s=ANSWER_WITHIN_S)
    months = await scan.months()
    sims = await anyio.to_thread.run_sync(lambda: list(snapshot.sims(chosen)))
    disabled = await disabled_devices(client)
    price = await hosting_price(client)
    ids = likeliest_first(sim for sim in sims if needs_usage(sim, disabled))
    reading = await scan.read(ids, months, wait_s=over_at - anyio.current_time(), progress=ctx.report_progress)
    this, last = (reading.amounts[month] for month in months)
    waste = await anyio.to_thread.run_sync(lambda: sort_out(sims, disabled, this, last, client.now().date()))
    found = _waste_report(waste, reading, price, {"customer": customer, "group": group, "examples": examples})
    found.notes.extend(filter(None, [_searched({"customer": customer}, sims), _inventory(snapshot)]))
    return answer(found, usage_text.waste(found))


def _waste_report(waste: Waste, reading: Reading, price: Price | None, given: dict[str, Any]) -> WasteReport:
    costing = [why for why in Why if why is not Why.FACTORY_TEST_ENDING]
    count = sum(len(waste.found[why]) for why in costing)
    groups = []
    for why in Why:
        sims = waste.found[why]
        if given["group"] not in (None, why) or not sims:
            continue
        shown = sims[: given["examples"]]
        group: dict[str, Any] = {"why": why.value, "sims": len(sims), "means": usage_facts.MEANS[why]}
        group |= {"saves": usage_facts.saving(price, len(sims))} if why in costing else {}
        group |= {"examples": [usage_facts.named(sim, status=False) for sim in shown]}
        more = min(len(sims), _MOST_EXAMPLES)
        if len(shown) < more:
            call = given | {"group": why.value, "examples": more}
            if why is Why.NO_DEVICE and len(sims) > more:
                group["next"] = ready_call(
                    "list_sims",
                    {"status": "activated", "has_device": False, "organisation": given["customer"]},
                )
            else:
                group["next"] = ready_call("find_waste", call)
        groups.append(group)
    return WasteReport(
        customer=usage_facts.shared_customer([row for group in groups for row in group["examples"]]),
        groups=groups,
        total=count,
        saves=usage_facts.saving(price, count),
        price=usage_facts.price(price),
        read=reading.read,
        of=reading.wanted,
        as_of=usage_facts.as_of(reading),
        state=usage_facts.state(reading),
        next=None if reading.is_complete else ready_call("find_waste", _without_defaults(given)),
        notes=usage_facts.notes(
            reading,
            "Suspending: this month stays charged, no hosting fee from the 1st of the next (custom plans may differ)."
            if count
            else None,
            *usage_facts.waste_notes(waste),
        ),
    )


def _period(said: str) -> Period | Month:
    """Read a period as people write it.

    Raises:
        InvalidValueError: It is none, or too long.
    """
    word = said.strip().lower().replace(" ", "_")
    if word in _MONTHS:
        return _MONTHS[word]
    first, _, last = word.partition("..")
    try:
        start, end = date.fromisoformat(first.strip("_")), date.fromisoformat((last or first).strip("_"))
    except ValueError:
        raise InvalidValueError(
            f"period {shown(said)} is not current_month, last_month or days such as 2026-11-01..2026-11-07"
        ) from None
    if start > end:
        raise InvalidValueError(f"{start} is after {end}; swap them")
    if start.year < _FIRST_YEAR or (end - start).days >= _LONGEST_DAYS:
        raise InvalidValueError(f"{start}..{end} is too long ago, or longer than {_LONGEST_DAYS} days")
    return days(start, end)


async def _own_total(ctx: ToolContext, asked: Period, this_month: Period) -> MonthUsage | None:
    """Return emnify's own total of a month, or None where it tells none."""
    if not asked.is_month:
        return None
    try:
        stats = await emnify_of(ctx).organisation.get_stats()
    except AuthenticationError:
        raise
    except EmnifyError:
        return None
    return stats.current_month if asked == this_month else stats.last_month


def _next_ranking(given: dict[str, Any], reading: Reading, fitting: int) -> str | None:
    if not reading.is_complete:
        return ready_call("rank_sims_by_usage", _without_defaults(given))
    if fitting > given["top"] < _MOST:
        return ready_call("rank_sims_by_usage", _without_defaults(given), top=_MOST)
    return None


def _without_defaults(given: dict[str, Any]) -> dict[str, Any]:
    plain = {"period": "current_month", "by": "data", "order": "most", "top": _TOP, "examples": _EXAMPLES}
    return {name: value for name, value in given.items() if plain.get(name) != value}


def _searched(given: dict[str, Any], sims: list[FleetSim]) -> str | None:
    """Say what was searched where nothing was found."""
    if sims:
        return None
    filters = {name: given[name] for name in ("customer", "status") if given.get(name) is not None}
    searched = ", ".join(f"{name}={value}" for name, value in filters.items())
    return f"No SIM fits {searched}; leave a filter out." if filters else "This workspace has no such SIMs."


def _inventory(snapshot: Snapshot) -> str:
    note = f" {snapshot.note}" if snapshot.note else ""
    return f"SIMs as of {usage_facts.zulu(snapshot.taken_at)}.{note}"
