"""The tool that finds SIMs that cost money and are not used."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Annotated, Any, Literal

import anyio
import anyio.to_thread
from mcp.types import CallToolResult
from pydantic import ConfigDict, Field

from sim_mcp.emnify import AuthenticationError, EmnifyClient, EmnifyError
from sim_mcp.fleet.inventory.filters import FleetFilter, FleetSim
from sim_mcp.fleet.inventory.inventory import StillReadingError
from sim_mcp.fleet.usage.scan import UsageResult
from sim_mcp.fleet.usage.waste import (
    NEW,
    TEST_MB,
    TEST_SMS,
    Price,
    Waste,
    Why,
    disabled_devices,
    hosting_price,
    needs_usage,
    sort_out,
    statuses_of,
)
from sim_mcp.formatting import format_costs, format_next, format_quantity, join_lines
from sim_mcp.sanitize import fence
from sim_mcp.tools.context import ToolContext, emnify_of
from sim_mcp.tools.parameters import Names, ready_call
from sim_mcp.tools.registry import Entry
from sim_mcp.tools.result import Answer, keep_properties, render_shared_customer, respond
from sim_mcp.tools.sim_row import SimRow, build_sim_row, extract_customer, note_cut_names, render_sim_row
from sim_mcp.tools.usage.fleet_usage import open_fleet, read_usage_of
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

_DEVICES_WITHIN_S = 12.0
_EXAMPLES, _MOST_EXAMPLES = 3, 100
_DEFAULTS = {"examples": _EXAMPLES}
_SUSPENDING = (
    "Suspending: this month is still charged, no hosting fee from the 1st of the next (custom plans may differ)."
)
_NO_DEVICES = "Which devices are disabled could not be read: their SIMs are among those without traffic."
_NO_PRICE = "not known: emnify told neither a tariff plan with one price per SIM nor hosting fees in time"
_MEANS = {
    Why.NO_DEVICE: "Activated without a device: charged every month, and without a device it cannot be used.",
    Why.DISABLED_DEVICE: "Activated in a disabled device: charged every month, while the device may not connect.",
    Why.NO_TRAFFIC: "Activated in an enabled device without any data or SMS this month and last: charged all the same.",
    Why.FACTORY_TEST_ENDING: (
        f"In factory test with at least a quarter of the default test volume used ({TEST_MB * 1000:.0f} KB or "
        f"{TEST_SMS:.0f} SMS): free still, charged once it is used up and the SIM becomes Activated by itself."
    ),
}


class WasteGroup(Answer):
    """SIMs that are waste for one reason, with examples."""

    why: str
    sims: int
    means: str
    saves: str | None = None
    """What suspending all of them saves a month."""
    examples: list[SimRow]
    next: str | None = None


class WasteAnswer(Answer):
    """SIMs that cost money and are not used, by why."""

    model_config = ConfigDict(json_schema_extra=keep_properties("groups", "total", "state"))

    customer: str | None = None
    """Of all examples, if they share one."""
    groups: list[WasteGroup] = Field(default_factory=list)
    total: int = 0
    saves: str | None = None
    price: str | None = None
    read: int = 0
    of: int | None = None
    """None while the SIMs themselves are still being read."""
    as_of: str | None = None
    state: str
    """Complete, or how far it is."""
    next: str | None = None
    notes: list[str] = Field(default_factory=list)


async def find_waste(
    ctx: ToolContext,
    customer: Names | None = None,
    group: Literal["no_device", "disabled_device", "no_traffic", "factory_test_ending"] | None = None,
    examples: Annotated[int, Field(ge=1, le=_MOST_EXAMPLES, description="per group")] = _EXAMPLES,
) -> Annotated[CallToolResult, WasteAnswer]:
    """Find SIM cards that cost money and are not used: activated without a device, in a disabled device or without
    traffic this month and last; and factory tests about to end. Tells counts, examples and what suspending would save.
    """  # noqa: D205  # the description is one paragraph for the model.
    client = emnify_of(ctx)
    given = {"customer": customer, "group": group, "examples": examples}
    whys = tuple(Why) if group is None else (Why(group),)
    chosen = FleetFilter(statuses=statuses_of(whys), customers=tuple(customer or ()))
    try:
        fleet = await open_fleet(ctx, chosen)
    except StillReadingError as error:
        early = WasteAnswer(state=str(error), next=_same_call(given))
        return respond(early, render_waste(early, None))
    sims = fleet.sims
    disabled, price = await _devices_and_price(client)
    read = [sim for sim in sims if needs_usage(sim, disabled or set(), whys)]
    reading = await read_usage_of(ctx, fleet, read, fleet.months)
    this, last = (reading.amounts[month] for month in fleet.months)
    waste = await anyio.to_thread.run_sync(lambda: sort_out(sims, disabled or set(), this, last, client.now().date()))
    details = await load_sims(fleet.snapshot, [sim.id for why in whys for sim in waste.found[why][:examples]])
    answer = build_waste(given, whys, waste, details, price, reading)
    answer.notes += filter(
        None,
        (
            _NO_DEVICES if disabled is None else None,
            note_cut_names([row for each in answer.groups for row in each.examples]),
            None if sims else format_no_sims(customer=customer),
            format_snapshot_note(fleet.snapshot),
        ),
    )
    return respond(answer, render_waste(answer, group))


def build_waste(
    given: Mapping[str, Any],
    whys: Sequence[Why],
    waste: Waste,
    details: Mapping[int, FleetSim],
    price: Price | None,
    reading: UsageResult,
) -> WasteAnswer:
    """Return the answer, with the notes on the scan and on what does not count as waste.

    Args:
        given: the call's arguments.
        whys: the reasons asked for.
        waste: the SIMs by reason.
        details: the examples in full, by SIM id.
        price: what suspending a SIM saves, if known.
        reading: what was read of their usage.
    """
    groups = [_build_group(why, waste, details, price, given) for why in whys if waste.found[why]]
    charged = [why for why in whys if why is not Why.FACTORY_TEST_ENDING]
    count = sum(len(waste.found[why]) for why in charged or whys)
    return WasteAnswer(
        customer=extract_customer([row for group in groups for row in group.examples]),
        groups=groups,
        total=count,
        saves=_format_saving(price, count) if charged else None,
        price=_NO_PRICE if price is None else f"{format_costs(price.per_sim)} per SIM and month ({price.source})",
        read=reading.read,
        of=reading.wanted,
        as_of=format_as_of(reading),
        state=format_state(reading),
        next=None if reading.is_complete else _same_call(given),
        notes=collect_notes(reading, _SUSPENDING if count and charged else None, *_waste_notes(waste)),
    )


def render_waste(answer: WasteAnswer, group: str | None) -> str:
    """Return the answer as text: counts and saving, then the groups, or the one that was asked for, with examples."""
    if answer.of is None:
        return join_lines(answer.state, format_next(answer.next))
    what = f"in {group}" if group else "cost money and are not used"
    saves = f"; suspending saves {answer.saves}" if answer.saves else ""
    return join_lines(
        f"{format_quantity(answer.total, 'SIM')} {what}{saves}. Price: {answer.price}.",
        render_progress(answer.read, answer.of, answer.as_of, answer.state),
        *[_render_group(each, answer.customer, whole=answer.next is None) for each in answer.groups],
        *answer.notes,
        format_next(answer.next),
    )


def _build_group(
    why: Why, waste: Waste, details: Mapping[int, FleetSim], price: Price | None, given: Mapping[str, Any]
) -> WasteGroup:
    sims = waste.found[why]
    examples = [details[sim.id] for sim in sims[: given["examples"]] if sim.id in details]
    more = None
    if len(examples) < min(len(sims), _MOST_EXAMPLES):
        more = _same_call(given, group=why.value, examples=min(len(sims), _MOST_EXAMPLES))
    elif len(examples) < len(sims) and why is Why.NO_DEVICE:
        filters = {"status": ["activated"], "has_device": False, "customer": given["customer"]}
        more = ready_call("list_sims", filters)
    return WasteGroup(
        why=why.value,
        sims=len(sims),
        means=_MEANS[why],
        saves=None if why is Why.FACTORY_TEST_ENDING else _format_saving(price, len(sims)),
        examples=[build_sim_row(sim, status=False) for sim in examples],
        next=more,
    )


def _render_group(group: WasteGroup, customer: str | None, *, whole: bool) -> str:
    saves = f" Suspending saves {group.saves}." if group.saves else ""
    rows = [render_sim_row(row) for row in group.examples]
    every = "All of them:" if whole else "All of them so far:"
    head = f"{len(rows):,} of them:" if len(rows) < group.sims else every
    return join_lines(
        f"{group.why}: {format_quantity(group.sims, 'SIM')}. {group.means}{saves}",
        f"{head}\n{fence(join_lines(render_shared_customer(customer), *rows))}" if rows else None,
        f"More of them: {group.next}" if group.next else None,
    )


def _waste_notes(waste: Waste) -> list[str | None]:
    """Return what does not count as waste, and what cannot be known."""
    others = waste.in_factory_test - waste.past_default_test - len(waste.found[Why.FACTORY_TEST_ENDING])
    return [
        f"Not counted: {waste.new:,} SIMs without traffic first activated within {NEW.days} days."
        if waste.new
        else None,
        f"{others:,} more in factory test: far from the default volume." if others else None,
        f"{waste.past_default_test:,} in factory test: past the default volume, so this workspace has its own limits."
        if waste.past_default_test
        else None,
        "A factory test can also end by a date, which emnify's API does not tell." if waste.in_factory_test else None,
    ]


def _format_saving(price: Price | None, sims: int) -> str:
    return "price not known" if price is None else f"{format_costs(price.per_sim * sims)} a month"


async def _devices_and_price(client: EmnifyClient) -> tuple[set[int] | None, Price | None]:
    """Return which devices are disabled, and what a SIM costs; None for what cannot be read in time.

    Raises:
        AuthenticationError: emnify does not accept the token.
    """
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


def _same_call(given: Mapping[str, Any], **changed: Any) -> str:
    return format_call(find_waste.__name__, given, _DEFAULTS, **changed)


TOOL = Entry(find_waste, "Find SIMs that cost money and are not used")
