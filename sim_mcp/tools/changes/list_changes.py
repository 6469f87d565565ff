"""List changes: what waits, what is open, what was done."""

from datetime import datetime
from typing import Annotated, Literal

from mcp.types import CallToolResult
from pydantic import Field

from sim_mcp.changes.record.entries import Caller
from sim_mcp.changes.record.history import Change
from sim_mcp.emnify import InvalidValueError
from sim_mcp.formatting import as_utc, format_counts, format_next, format_quantity, join_lines
from sim_mcp.sanitize import fence
from sim_mcp.tools.context import ToolContext, caller_of, changes_of, emnify_of, principal
from sim_mcp.tools.parameters import End, Name, Page, Start, name_to_come, ready_call
from sim_mcp.tools.registry import Entry
from sim_mcp.tools.result import Answer, join_hints, respond

PER_PAGE = 20
MOST_SIMS = 20
"""SIMs of one change that are listed."""

State = Literal["waiting", "open", "done"]


class ChangeRow(Answer):
    """One change on record: waiting, open, done, rejected or expired."""

    plan: str
    at: str
    state: str
    summary: str
    agreed: str | None = None
    by: str | None = None
    client: str
    counts: dict[str, int] | None = None
    left: int | None = None
    in_doubt: int | None = None
    sims: list[str] | None = None
    not_shown: int | None = None
    others: int | None = None
    """SIMs of the same plan that were not asked about."""
    next: str | None = None


class ChangeList(Answer):
    """A page of the changes on record."""

    total: int
    page: int
    changes: list[ChangeRow]
    next: str | None = None
    hint: str | None = None


async def list_changes(
    ctx: ToolContext,
    state: State | None = None,
    sim: Annotated[Name | None, Field(description="only of this SIM, named in any way")] = None,
    start: Annotated[Start | None, Field(description="moment, day or month")] = None,
    end: End | None = None,
    page: Page = 1,
) -> Annotated[CallToolResult, ChangeList]:
    """List the changes of SIM cards made through this server, newest first: waiting for approval, open (interrupted or
    in doubt) or done; of one SIM, or of a time ("what was changed today?"). Reads again what is in doubt. Returns each
    change's plan id, how it was agreed to and what came of it.
    """  # noqa: D205  # the description is one paragraph for the model.
    if start and end and start >= end:
        raise InvalidValueError(f"start={start.isoformat()} has to lie before end={end.isoformat()}")
    found = await changes_of(ctx).changes(sim=sim, start=_utc(start), end=_utc(end))
    caller, all_are_seen = caller_of(ctx), principal().sees_all
    found = [
        change
        for change in found
        if state in (None, change.standing) and (all_are_seen or change.caller.owner == caller.owner)
    ]
    more = page * PER_PAGE < len(found)
    asked = {"state": state, "sim": sim, "start": start, "end": end}
    next_page = ready_call("list_changes", asked, page=page + 1) if more else None
    answer = build(found, page, caller, next_page, of_one_sim=sim is not None)
    if not answer.changes:
        answer.hint = join_hints(name_to_come(emnify_of(ctx).now(), start=start), answer.hint)
    return respond(answer, render(answer))


def build(
    found: list[Change], page: int, caller: Caller, next_page: str | None, *, of_one_sim: bool = False
) -> ChangeList:
    """Return a page of the changes that were found; only those of the caller come with the call that continues them."""
    listed = found[(page - 1) * PER_PAGE : page * PER_PAGE]
    return ChangeList(
        total=len(found),
        page=page,
        changes=[_row(change, mine=change.caller.owner == caller.owner, of_one_sim=of_one_sim) for change in listed],
        next=next_page,
        hint=None if listed else _hint(found),
    )


def render(answer: ChangeList) -> str:
    """Return the changes with what came of each, and the next calls."""
    if not answer.changes:
        return join_lines("0 changes.", answer.hint)
    total, listed = format_quantity(answer.total, "change"), len(answer.changes)
    counted = total if listed == answer.total else f"{listed:,} of {total}"
    # Calls stand outside the fence: what is inside is nobody's instruction.
    calls = " or ".join(row.next for row in answer.changes if row.next)
    return join_lines(
        f"{counted}, page {answer.page}.",
        fence("\n".join(map(_render_row, answer.changes))),
        format_next(calls),
        f"Next page: {answer.next}" if answer.next else None,
    )


def _row(change: Change, *, mine: bool, of_one_sim: bool) -> ChangeRow:
    unfinished = change.standing in ("waiting", "open")
    return ChangeRow(
        plan=change.plan,
        at=f"{as_utc(change.at):%Y-%m-%d %H:%M} UTC",
        state=change.standing,
        summary=change.summary,
        agreed=change.agreed,
        by=change.caller.principal if change.caller.signed_in else None,
        client=change.caller.client,
        counts=change.counts or None,
        left=change.left or None,
        in_doubt=change.in_doubt or None,
        sims=_sims(change) or None,
        not_shown=max(0, len(change.sims) - MOST_SIMS) or None,
        others=max(0, sum(change.counts.values()) + change.left - len(change.sims)) or None if of_one_sim else None,
        next=ready_call("continue_change", {"plan": change.plan}) if unfinished and mine else None,
    )


def _sims(change: Change) -> list[str]:
    """Return what SIMs were and became, one by one, or by how many did the same step."""
    if change.sims:
        return [f"{sim.sim}: {sim.before} → {sim.after} ({sim.outcome})" for sim in change.sims[:MOST_SIMS]]
    return [f"{format_quantity(count, 'SIM')}: {before} → {after}" for before, after, count in change.steps]


def _render_row(row: ChangeRow) -> str:
    counts = format_counts(row.counts or {})
    return join_lines(
        f"{row.at} plan {row.plan} {row.state}: {row.summary}.",
        f"  {counts}." if counts else None,
        f"  {row.left:,} not sent yet." if row.left else None,
        f"  {row.in_doubt:,} sent, outcome not known." if row.in_doubt else None,
        *(f"  {sim}" for sim in row.sims or ()),
        f"  {row.not_shown:,} SIMs more; sim-mcp audit has them all." if row.not_shown else None,
        f"  {format_quantity(row.others, 'other SIM')} in this plan: list_changes without sim." if row.others else None,
        f"  {_render_decision(row)} {f'Asked by: {row.by}. ' if row.by else ''}Client: {row.client}.",
    )


def _render_decision(row: ChangeRow) -> str:
    if row.agreed is None:
        return "Nobody has decided yet." if row.state == "waiting" else "Nobody agreed."
    return f"{'Rejected' if row.state == 'rejected' else 'Agreed'} by: {row.agreed}."


def _hint(found: list[Change]) -> str:
    if found:
        return f"There are {len(found)} changes; page=1 has the first."
    return "No change on record fits. Only what was changed through this server is on it; get_sim_timeline tells more."


def _utc(moment: datetime | None) -> datetime | None:
    return as_utc(moment) if moment else None


TOOL = Entry(list_changes, "List changes of SIMs")
