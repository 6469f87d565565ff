"""The tools that look at usage across SIMs. They send nothing but GET, and answer within one call's time."""

from collections.abc import Awaitable, Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Literal

import anyio
import anyio.to_thread
from mcp.types import CallToolResult
from pydantic import Field

from sim_mcp.emnify import AuthenticationError, EmnifyClient, EmnifyError, InvalidValueError, MonthUsage, SimStatus
from sim_mcp.emnify.identifiers import format_input
from sim_mcp.fleet.inventory.filters import FleetFilter, FleetSim
from sim_mcp.fleet.inventory.inventory import StillReadingError
from sim_mcp.fleet.inventory.snapshot import Snapshot
from sim_mcp.fleet.usage.periods import Period, days
from sim_mcp.fleet.usage.ranking import Brief, brief, likeliest_first, may_have_used, rank, total, total_told
from sim_mcp.fleet.usage.scan import UsageResult
from sim_mcp.fleet.usage.waste import (
    Price,
    Waste,
    Why,
    disabled_devices,
    hosting_price,
    needs_usage,
    sort_out,
    statuses_of,
)
from sim_mcp.sanitize import quoted
from sim_mcp.tools import usage_facts, usage_text
from sim_mcp.tools.context import ANSWER_WITHIN_S, ToolContext, emnify_of, inventory_of, usage_of
from sim_mcp.tools.idle import MONTHS
from sim_mcp.tools.parameters import Month, Name, Status, ready_call
from sim_mcp.tools.result import respond
from sim_mcp.tools.usage_answers import UsageRanking, WasteReport

_SIMS_WITHIN_S, _DEVICES_WITHIN_S, _TOTAL_WITHIN_S = 30.0, 12.0, 8.0
"""The longest it waits for the SIMs themselves, and for what else has to be known."""

RANK, WASTE = "rank_sims_by_usage", "find_waste"
_TOP, _MOST = 10, 50
_EXAMPLES, _MOST_EXAMPLES = 3, 100
_LONGEST_DAYS, _FIRST_YEAR = 366, 2000
_QUESTIONS = {"most": "with {} used, most first", "least": "with {} used, least first", "none": "without any usage"}
_SUSPENDING = "Suspending: this month stays charged, no hosting fee from the 1st of the next (custom plans may differ)."
_NO_DEVICES = "Which devices are disabled could not be read: their SIMs are among those without traffic."
_CURRENCIES = "Costs are in several currencies and ranked by their bare numbers."
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
    """Rank SIM cards by data usage (MB), SMS or cost across the fleet, with totals. 10 SIMs are read a second: a big
    fleet takes several calls, each telling what is known so far.
    """  # noqa: D205  # the description is one paragraph for the model.
    over_at = anyio.current_time() + ANSWER_WITHIN_S
    wanted = _period(period)
    given = {"period": period, "by": by, "order": order, "customer": customer, "status": status, "top": top}
    chosen = FleetFilter(statuses=(SimStatus.from_word(status),) if status else (), customer=customer)
    try:
        snapshot = await inventory_of(ctx).snapshot(progress=ctx.report_progress, wait_s=_SIMS_WITHIN_S)
    except StillReadingError as error:
        early = UsageRanking(state=str(error), next=_again(RANK, given))
        return respond(early, usage_text.ranking(early, ""))
    months = await usage_of(ctx).months()
    asked = wanted if isinstance(wanted, Period) else months[MONTHS.index(wanted)]
    _not_to_come(asked, emnify_of(ctx).now().date())
    sims = await anyio.to_thread.run_sync(lambda: [brief(sim) for sim in snapshot.sims(chosen)])
    serving = [sim for sim in sims if may_have_used(sim)]
    own = None if customer or status or not asked.is_month else await _own_total(ctx, wanted)
    reading = await usage_of(ctx).read(
        likeliest_first(serving), [asked], wait_s=over_at - anyio.current_time(), progress=ctx.report_progress
    )
    amounts = reading.amounts[asked]
    ranked = await anyio.to_thread.run_sync(lambda: rank(serving, amounts, by, order, top))
    details = await _details(snapshot, [row.sim.id for row in ranked.first])
    rows = [usage_facts.usage_row(details[row.sim.id], row.amount) for row in ranked.first if row.sim.id in details]
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
        next=_next_ranking(given, reading, ranked.fitting),
        notes=usage_facts.notes(
            reading,
            f"{issued:,} Issued SIMs never had service and are left out." if issued else None,
            _NO_COSTS if by == "cost" and not any(summed.costs.values()) else None,
            _CURRENCIES if by == "cost" and len(summed.costs) > 1 else None,
            _searched(given, sims),
            _inventory(snapshot),
        ),
    )
    what = {"data": "data", "sms": "SMS", "cost": "cost"}[by]
    return respond(found, usage_text.ranking(found, _QUESTIONS[order].format(what)))


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
    client = emnify_of(ctx)
    given = {"customer": customer, "group": group, "examples": examples}
    whys = tuple(Why) if group is None else (Why(group),)
    chosen = FleetFilter(statuses=statuses_of(whys), customer=customer)
    try:
        snapshot = await inventory_of(ctx).snapshot(progress=ctx.report_progress, wait_s=_SIMS_WITHIN_S)
    except StillReadingError as error:
        early = WasteReport(state=str(error), next=_again(WASTE, given))
        return respond(early, usage_text.waste(early, None))
    months = await usage_of(ctx).months()
    sims = await anyio.to_thread.run_sync(lambda: [brief(sim) for sim in snapshot.sims(chosen)])
    disabled, price = await _devices_and_price(client)
    reading = await usage_of(ctx).read(
        likeliest_first(sim for sim in sims if needs_usage(sim, disabled or set(), whys)),
        months,
        wait_s=over_at - anyio.current_time(),
        progress=ctx.report_progress,
    )
    this, last = (reading.amounts[month] for month in months)
    waste = await anyio.to_thread.run_sync(lambda: sort_out(sims, disabled or set(), this, last, client.now().date()))
    shown = [sim.id for why in whys for sim in waste.found[why][:examples]]
    groups = _groups(waste, whys, await _details(snapshot, shown), price, given)
    charged = [why for why in whys if why is not Why.FACTORY_TEST_ENDING]
    count = sum(len(waste.found[why]) for why in charged or whys)
    found = WasteReport(
        customer=usage_facts.shared_customer([row for each in groups for row in each["examples"]]),
        groups=groups,
        total=count,
        saves=usage_facts.saving(price, count) if charged else None,
        price=usage_facts.price(price),
        read=reading.read,
        of=reading.wanted,
        as_of=usage_facts.as_of(reading),
        state=usage_facts.state(reading),
        next=None if reading.is_complete else _again(WASTE, given),
        notes=usage_facts.notes(
            reading,
            _SUSPENDING if count and charged else None,
            *usage_facts.waste_notes(waste),
            _NO_DEVICES if disabled is None else None,
            _searched(given, sims),
            _inventory(snapshot),
        ),
    )
    return respond(found, usage_text.waste(found, group))


def _groups(
    waste: Waste, whys: Sequence[Why], details: Mapping[int, FleetSim], price: Price | None, given: dict[str, Any]
) -> list[dict[str, Any]]:
    groups = []
    for why in whys:
        sims = waste.found[why]
        if not sims:
            continue
        shown = [details[sim.id] for sim in sims[: given["examples"]] if sim.id in details]
        group: dict[str, Any] = {"why": why.value, "sims": len(sims), "means": usage_facts.MEANS[why]}
        if why is not Why.FACTORY_TEST_ENDING:
            group["saves"] = usage_facts.saving(price, len(sims))
        group["examples"] = [usage_facts.named(sim, status=False) for sim in shown]
        if len(shown) < min(len(sims), _MOST_EXAMPLES):
            group["next"] = _again(WASTE, given, group=why.value, examples=min(len(sims), _MOST_EXAMPLES))
        elif len(shown) < len(sims) and why is Why.NO_DEVICE:
            filters = {"status": "activated", "has_device": False, "organisation": given["customer"]}
            group["next"] = ready_call("list_sims", filters)
        groups.append(group)
    return groups


async def _devices_and_price(client: EmnifyClient) -> tuple[set[int] | None, Price | None]:
    """Return which devices are disabled, and what a SIM costs, read side by side; None for what takes too long."""
    found: dict[str, Any] = {}
    refused: list[AuthenticationError] = []

    async def read(name: str, reading: Awaitable[set[int] | Price | None]) -> None:
        try:
            found[name] = await reading
        except AuthenticationError as error:
            refused.append(error)
        except EmnifyError:
            return

    with anyio.move_on_after(_DEVICES_WITHIN_S):
        async with anyio.create_task_group() as both:
            both.start_soon(read, "devices", disabled_devices(client))
            both.start_soon(read, "price", hosting_price(client))
    if refused:
        raise refused[0]
    return found.get("devices"), found.get("price")


async def _details(snapshot: Snapshot, ids: list[int]) -> dict[int, FleetSim]:
    if not ids:
        return {}
    return await anyio.to_thread.run_sync(lambda: {sim.id: sim for sim in snapshot.sims(FleetFilter(ids=tuple(ids)))})


def _period(said: str) -> Period | Month:
    """Read a period as people write it.

    Raises:
        InvalidValueError: It is none, or too long.
    """
    word = said.strip().lower().replace(" ", "_")
    for month in MONTHS:
        if word == month:
            return month
    first, _, last = word.partition("..")
    try:
        start, end = date.fromisoformat(first.strip("_")), date.fromisoformat((last or first).strip("_"))
    except ValueError:
        raise InvalidValueError(
            f"period {format_input(said)} is not current_month, last_month or days such as 2026-11-01..2026-11-07"
        ) from None
    if start > end:
        raise InvalidValueError(f"{start} is after {end}; swap them")
    if start.year < _FIRST_YEAR or (end - start).days >= _LONGEST_DAYS:
        raise InvalidValueError(f"{start}..{end} is too long ago, or longer than {_LONGEST_DAYS} days")
    return days(start, end)


def _not_to_come(period: Period, today: date) -> None:
    """Refuse days without usage yet: reading them would take as long and say nothing.

    Raises:
        InvalidValueError: The period begins after today.
    """
    if period.first > today:
        raise InvalidValueError(f"{period.words} is still to come: today is {today}, by emnify's clock")


async def _own_total(ctx: ToolContext, month: Period | Month) -> MonthUsage | None:
    """Return emnify's own total of a month, or None where it tells none."""
    try:
        stats = await emnify_of(ctx).organisation.get_stats(deadline_s=_TOTAL_WITHIN_S)
    except AuthenticationError:
        raise
    except EmnifyError:
        return None
    return stats.current_month if month == "current_month" else stats.last_month


def _next_ranking(given: dict[str, Any], reading: UsageResult, fitting: int) -> str | None:
    if not reading.is_complete:
        return _again(RANK, given)
    return _again(RANK, given, top=_MOST) if fitting > given["top"] < _MOST else None


def _again(tool: str, given: dict[str, Any], **changed: Any) -> str:
    """Write the same call, without what it means anyway."""
    plain: dict[str, Any] = {"period": "current_month", "by": "data", "order": "most"}
    plain |= {"top": _TOP} if tool == RANK else {"examples": _EXAMPLES}
    return ready_call(tool, {name: value for name, value in given.items() if plain.get(name) != value}, **changed)


def _searched(given: dict[str, Any], sims: list[Brief]) -> str | None:
    """Say what was searched where nothing was found."""
    if sims:
        return None
    filters = {name: given[name] for name in ("customer", "status") if given.get(name) is not None}
    searched = ", ".join(f"{name} {quoted(value)}" for name, value in filters.items())
    return f"No SIM fits {searched}; leave a filter out." if filters else "This workspace has no such SIMs."


def _inventory(snapshot: Snapshot) -> str:
    note = f" {snapshot.note}" if snapshot.note else ""
    return f"SIMs as of {usage_facts.zulu(snapshot.taken_at)}.{note}"
