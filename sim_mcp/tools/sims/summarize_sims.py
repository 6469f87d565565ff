"""summarize_sims: how many SIMs of the whole fleet there are of each kind."""

from collections.abc import Sequence
from typing import Annotated, Any

from mcp.types import CallToolResult
from pydantic import Field, WithJsonSchema, model_serializer, model_validator

from sim_mcp.fleet.inventory.filters import FleetFilter, GroupBy
from sim_mcp.fleet.inventory.inventory import StillReadingError
from sim_mcp.formatting import format_next, format_timestamp, join_lines
from sim_mcp.sanitize import clean, fence, quoted
from sim_mcp.tools.context import ToolContext, emnify_of, inventory_of
from sim_mcp.tools.parameters import FirstDay, LastDay, Name, Names, Statuses, name_to_come, ready_call, to_statuses
from sim_mcp.tools.registry import Entry
from sim_mcp.tools.result import Answer, join_hints, respond
from sim_mcp.tools.sims.fleet_answer import FleetAnswer, query_snapshot, render_totals, render_unfinished

_COUNT = "sims"
_TOP, _MOST = 20, 100


class Group(Answer):
    """SIMs that have the same values; on the wire one flat object, such as `{"status": "Activated", "sims": 3}`."""

    values: dict[str, str]
    """By property, in the order of `group_by`."""
    sims: int

    @model_validator(mode="before")
    @classmethod
    def _unflatten(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "values" in data:
            return data
        return {"values": {name: value for name, value in data.items() if name != _COUNT}, _COUNT: data.get(_COUNT)}

    @model_serializer
    def _flatten(self) -> dict[str, Any]:
        return {**self.values, _COUNT: self.sims}


class CountsAnswer(FleetAnswer):
    """SIMs counted by what they have in common; `other` is what the groups not shown hold."""

    groups: Annotated[list[Group], WithJsonSchema({"type": "array", "items": {"type": "object"}})] | None = None
    other: int | None = None
    other_groups: int | None = None


async def summarize_sims(
    ctx: ToolContext,
    group_by: Annotated[list[GroupBy], Field(min_length=1, max_length=2)],
    status: Statuses | None = None,
    customer: Names | None = None,
    reseller: Names | None = None,
    issuer: Names | None = None,
    model: Names | None = None,
    device: Annotated[Name | None, Field(description="part of the name")] = None,
    has_device: bool | None = None,
    activated_before: FirstDay | None = None,
    activated_after: LastDay | None = None,
    top: Annotated[int, Field(ge=1, le=_MOST)] = _TOP,
    fresh: Annotated[bool, Field(description="read the fleet again instead of an answer up to 5 minutes old")] = False,
) -> Annotated[CallToolResult, CountsAnswer]:
    """Count the SIM cards of the whole fleet by one or two properties, such as status and customer, largest first.
    A large fleet takes a second per 25,000 SIMs to read.
    """  # noqa: D205  # the description is one paragraph for the model.
    arguments = {
        "group_by": group_by,
        "status": status,
        "customer": customer,
        "reseller": reseller,
        "issuer": issuer,
        "model": model,
        "device": device,
        "has_device": has_device,
        "activated_before": activated_before,
        "activated_after": activated_after,
        "top": top if top != _TOP else None,
        "fresh": fresh or None,
    }
    chosen = FleetFilter(
        statuses=to_statuses(status),
        customers=tuple(customer or ()),
        resellers=tuple(reseller or ()),
        issuers=tuple(issuer or ()),
        models=tuple(model or ()),
        name_contains=device,
        has_device=has_device,
        activated_before=activated_before,
        activated_after=activated_after,
    )
    properties = tuple(dict.fromkeys(group_by))
    try:
        snapshot = await inventory_of(ctx).snapshot(fresh=fresh, progress=ctx.report_progress)
    except StillReadingError as error:
        unfinished = CountsAnswer(hint=str(error), next=ready_call("summarize_sims", arguments))
        return respond(unfinished, render(unfinished))
    counts, fleet = await query_snapshot(lambda: (snapshot.group(properties, chosen), snapshot.total))
    groups = [_build_group(properties, values, sims) for values, sims in counts]
    answer = build(groups, top, arguments, fleet=fleet, as_of=format_timestamp(snapshot.taken_at), note=snapshot.note)
    if not answer.total:
        to_come = name_to_come(emnify_of(ctx).now(), activated_after=activated_after)
        answer.hint = join_hints(to_come, answer.hint)
    return respond(answer, render(answer))


TOOL = Entry(summarize_sims, "Count SIMs")


def build(
    groups: Sequence[Group], top: int, arguments: dict[str, Any], *, fleet: int, as_of: str, note: str | None
) -> CountsAnswer:
    """Return the largest groups, what the others hold together, and the call that shows more of them."""
    total = sum(group.sims for group in groups)
    # A single group more takes no more room than to say that there is one.
    shown = groups if len(groups) == top + 1 else groups[:top]
    left_out = groups[len(shown) :]
    wider = min(_MOST, len(groups))
    return CountsAnswer(
        total=total,
        fleet=fleet,
        as_of=as_of,
        groups=list(shown),
        other=sum(group.sims for group in left_out) if left_out else None,
        other_groups=len(left_out) or None,
        next=ready_call("summarize_sims", arguments, top=wider, fresh=None) if left_out and wider > top else None,
        hint=join_hints(None if total else _hint_nothing(arguments), note),
    )


def render(answer: CountsAnswer) -> str:
    """Return the groups as lines inside a fence, the one for all other groups last."""
    if answer.total is None:
        return render_unfinished(answer)
    rows = [_render_group(group) for group in answer.groups or ()]
    other = f"other ({answer.other_groups:,} more groups): {answer.other:,}" if answer.other_groups else None
    return join_lines(
        render_totals(answer),
        fence(join_lines(*rows, other)) if rows else None,
        format_next(answer.next),
        answer.hint,
    )


def _build_group(properties: Sequence[GroupBy], values: Sequence[str], sims: int) -> Group:
    named: dict[str, str] = {name: clean(value) or "unnamed" for name, value in zip(properties, values, strict=True)}
    return Group(values=named, sims=sims)


def _render_group(group: Group) -> str:
    values = ", ".join(f"{name} {quoted(value)}" for name, value in group.values.items())
    return f"{values}: {group.sims:,}"


def _hint_nothing(arguments: dict[str, Any]) -> str:
    return f"Searched {ready_call('summarize_sims', arguments)}. Leave a filter out to see what there is."
