"""How a change is carried out for a tool, and how its outcome is told."""

from collections import Counter
from typing import Any

from mcp.server.elicitation import ElicitationResult
from mcp.types import CallToolResult

from sim_mcp.changes import consent
from sim_mcp.changes.plan import Planned, Register, counted
from sim_mcp.changes.record.entries import Outcome, StoredPlan
from sim_mcp.changes.report import Report
from sim_mcp.tools import answers, text
from sim_mcp.tools.context import ToolContext, changes_of, wants_progress
from sim_mcp.tools.parameters import ready_call
from sim_mcp.tools.result import respond

ROWS = 40
"""Outcomes told one by one: what fits into an answer. What needs a look comes first."""

_URGENCY = ("unknown", "failed", "moved", "refused", "dropped", "changed", "already")


async def carry_out(ctx: ToolContext, stored: StoredPlan, agreed: ElicitationResult[Any]) -> CallToolResult:
    """Carry a plan out if it was agreed to; otherwise offer the approval page and wait a while."""
    service = changes_of(ctx)
    started = consent.answered()
    how = consent.agreed_by(stored, agreed)
    if how is not None:
        return reported(await service.carry_out(stored, how, ctx.report_progress, started))
    if (refused := consent.refused_by(agreed)) is not None:
        await service.reject(stored, refused)
    asked, wait = consent.was_asked(agreed), wants_progress(ctx)
    report = await service.offer_page(stored, ctx.report_progress, started, asked=asked, wait=wait)
    return reported(report, asked=asked)


def reported(report: Report, *, asked: bool = False) -> CallToolResult:
    """Tell how a plan stands, as a tool result; whether a form was open for it before, if it waits."""
    stored = report.stored
    ranked = sorted(report.outcomes, key=lambda pair: _URGENCY.index(pair[1].kind))
    waiting = stored.state == "waiting" and bool(stored.plan.to_do)
    in_doubt = any(outcome.kind == "unknown" for _, outcome in report.outcomes)
    told = answers.ChangeReport(
        plan=stored.id,
        summary=stored.plan.summary,
        state="waiting for approval" if waiting else _state(report),
        agreed=stored.agreed,
        approve_at=report.link,
        counts=dict(Counter(outcome.kind for _, outcome in report.outcomes)),
        sims=[_row(stored, item, outcome) for item, outcome in ranked[:ROWS]],
        not_shown=max(0, len(ranked) - ROWS) or None,
        planned=list(stored.plan.lines[:ROWS]) if waiting else None,
        note=_note(report, form_failed=waiting and asked),
        next=ready_call("continue_change", {"plan": stored.id}) if report.open_items or in_doubt else None,
    )
    return respond(told, text.change_report(told))


def _note(report: Report, *, form_failed: bool) -> str | None:
    form = "The form came back without a yes; perhaps nobody saw it." if form_failed else None
    others = f"{counted(report.besides, 'other change')} of this client" if report.besides else ""
    besides = f"{others} not finished: list_changes tells which." if others else None
    return " ".join(filter(None, [form, report.note, besides])) or None


def _state(report: Report) -> str:
    if not report.open_items:
        return "done"
    why = f" because {report.paused}" if report.paused else ""
    return f"not finished: {report.open_items:,} SIMs to go{why}"


def _row(stored: StoredPlan, item: Planned, outcome: Outcome) -> answers.OutcomeRow:
    change = stored.plan.change
    return answers.OutcomeRow(
        iccid=change.bic if isinstance(change, Register) else item.iccid or f"id {item.sim_id}",
        device=item.device,
        outcome=outcome.kind,
        before=outcome.before,
        after=outcome.after,
        note=outcome.note,
    )
