"""How a change stands and what it did: the answer of every tool that changes SIMs."""

from typing import Any

from mcp.server.elicitation import ElicitationResult
from mcp.types import CallToolResult
from pydantic import Field

from sim_mcp.changes import consent
from sim_mcp.changes.item import PlannedItem
from sim_mcp.changes.outcome import Outcome
from sim_mcp.changes.record.entries import StoredPlan
from sim_mcp.changes.report import Report
from sim_mcp.formatting import format_counts, format_next, format_quantity, format_timestamp, join_lines
from sim_mcp.sanitize import fence, quoted
from sim_mcp.tools.changes.proposal import Proposal
from sim_mcp.tools.context import ToolContext, changes_of, wants_progress
from sim_mcp.tools.parameters import ready_call
from sim_mcp.tools.result import Answer, join_hints, respond

ROWS = 40
"""Outcomes listed one by one: what fits into an answer. What needs a look comes first."""

_URGENCY = ("unknown", "failed", "moved", "refused", "dropped", "changed", "already")


class OutcomeRow(Answer):
    """What became of one SIM or batch: changed, already, refused, moved, failed or unknown."""

    iccid: str
    device: str | None = None
    outcome: str
    before: str
    after: str
    note: str


class ChangeReport(Answer):
    """How a change stands and what it did, SIM by SIM."""

    plan: str
    summary: str
    state: str = Field(description="done, not finished, or waiting for approval")
    agreed: str | None = None
    approve_at: str | None = Field(default=None, description="page for a person")
    counts: dict[str, int]
    sims: list[OutcomeRow]
    not_shown: int | None = None
    planned: list[str] | None = None
    note: str | None = None
    next: str | None = None


async def carry_out(ctx: ToolContext, proposal: Proposal, agreed: ElicitationResult[Any]) -> CallToolResult:
    """Carry a plan out if it was agreed to; otherwise offer the approval page and wait a while."""
    service = changes_of(ctx)
    stored, started = proposal
    how = consent.agreed_by(stored, agreed)
    if how is not None:
        answer = build(await service.carry_out(stored, how, ctx.report_progress, started))
        return respond(answer, render(answer))
    if (refused := consent.refused_by(agreed)) is not None:
        await service.reject(stored, refused)
    asked, wait = consent.was_asked(agreed), wants_progress(ctx)
    answer = build(
        await service.offer_page(stored, ctx.report_progress, started, asked=asked, wait=wait), form_was_shown=asked
    )
    return respond(answer, render(answer))


def build(report: Report, *, form_was_shown: bool = False) -> ChangeReport:
    """Return how a plan stands; where it waits, a form that was shown before came back without an approval."""
    stored = report.stored
    ranked = sorted(report.outcomes, key=lambda pair: _URGENCY.index(pair[1].kind))
    waiting = stored.state == "waiting" and bool(stored.plan.to_do)
    in_doubt = any(outcome.kind == "unknown" for _, outcome in report.outcomes)
    return ChangeReport(
        plan=stored.id,
        summary=stored.plan.summary,
        state="waiting for approval" if waiting else _state(report),
        agreed=stored.agreed,
        approve_at=report.link,
        counts=report.counts,
        sims=[_row(stored, item, outcome) for item, outcome in ranked[:ROWS]],
        not_shown=max(0, len(ranked) - ROWS) or None,
        planned=_planned(stored) if waiting else None,
        note=_note(report, form_failed=waiting and form_was_shown, waiting=waiting),
        next=ready_call("continue_change", {"plan": stored.id}) if report.open_items or in_doubt else None,
    )


def render(answer: ChangeReport) -> str:
    """Return the totals, then each SIM before and after, or what waits for approval where."""
    rows = [
        f"{row.iccid}{f' {quoted(row.device)}' if row.device else ''} {row.outcome}: {_step(row)} ({row.note})"
        for row in answer.sims
    ]
    return join_lines(
        *_render_head(answer),
        # What is changed may name an organisation, which may have chosen that name.
        fence(join_lines(f"{answer.summary}.", *rows, *(answer.planned or ()))),
        f"{answer.not_shown:,} more not shown; sim-mcp audit has them all." if answer.not_shown else None,
        answer.note,
        format_next(answer.next),
    )


def _render_head(answer: ChangeReport) -> list[str | None]:
    counts = format_counts(answer.counts)
    agreed = f"Agreed by: {answer.agreed}." if answer.agreed else "Nobody had to agree."
    if answer.agreed is None and counts and not set(answer.counts) - {"refused", "already"}:
        return [f"Nothing changed: {counts}. Plan {answer.plan} is {answer.state}."]
    return [
        f"Plan {answer.plan}: {answer.state}.",
        f"Nothing changed yet. A person has to approve it at {answer.approve_at}" if answer.approve_at else None,
        "Send them this link now; continue_change then waits for them." if answer.approve_at else None,
        f"Result: {counts}. {agreed}" if counts else None,
    ]


def _step(row: OutcomeRow) -> str:
    return row.before if row.before == row.after else f"{row.before} → {row.after}"


def _planned(stored: StoredPlan) -> list[str]:
    """Return what waits, the effect told once for all SIMs that it is the same for."""
    groups, left_out = stored.plan.outline(ROWS)
    lines: list[str] = []
    for group in groups:
        lines.append(group.heading)
        if group.listed and not group.is_single:
            lines.append(", ".join(item.short_identity for item in group.listed))
    return [*lines, f"and {left_out:,} more, on the approval page"] if left_out else lines


def _note(report: Report, *, form_failed: bool, waiting: bool) -> str | None:
    until = f"The approval expires at {format_timestamp(report.stored.expires_at)}." if waiting else None
    form = "The form came back without a yes; perhaps nobody saw it." if form_failed else None
    others = f"{format_quantity(report.besides, 'other change')} of this client" if report.besides else ""
    besides = f"{others} not finished: list_changes tells which." if others else None
    return join_hints(form, until, _meaning(report, waiting=waiting), report.note, besides)


def _meaning(report: Report, *, waiting: bool) -> str | None:
    """Return what the change does or did to service and bill; what waits has that beside each SIM."""
    plan = report.stored.plan
    told = plan.meaning[2:] if waiting else plan.meaning if report.counts.get("changed") else ()
    place = "Sandbox: made-up SIMs." if plan.place == "sandbox" else None
    return join_hints(place, *(f"{name}: {words}." for name, words in told if words != "nothing"))


def _state(report: Report) -> str:
    if not report.open_items:
        return "done"
    why = f" because {report.paused}" if report.paused else ""
    return f"not finished: {report.open_items:,} SIMs to go{why}"


def _row(stored: StoredPlan, item: PlannedItem, outcome: Outcome) -> OutcomeRow:
    return OutcomeRow(
        iccid=stored.plan.change.label(item),
        device=item.device,
        outcome=outcome.kind,
        before=outcome.before,
        after=outcome.after,
        note=outcome.note,
    )
