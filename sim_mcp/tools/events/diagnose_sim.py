"""diagnose_sim: why one SIM is offline, rejected, blocked, without data or expensive."""

from typing import Annotated

import anyio
from mcp.types import CallToolResult
from pydantic import ConfigDict, WithJsonSchema

from sim_mcp.changes.record.last_change import LastChange
from sim_mcp.emnify.lifecycle import status_label
from sim_mcp.fleet.diagnosis.diagnosis import Diagnosis, diagnose, unread
from sim_mcp.fleet.diagnosis.evidence import Evidence
from sim_mcp.fleet.diagnosis.findings import Certainty, Finding
from sim_mcp.fleet.diagnosis.rules_quota import format_quota
from sim_mcp.fleet.events.event import format_label
from sim_mcp.fleet.events.event_type import FROM_DEVICE
from sim_mcp.formatting import format_minute, format_timestamp, join_lines
from sim_mcp.sanitize import called, clean, fence, quoted
from sim_mcp.tools.context import ANSWER_WITHIN_S, ToolContext, changes_of, emnify_of
from sim_mcp.tools.one_sim import find_one
from sim_mcp.tools.parameters import SimName
from sim_mcp.tools.registry import Entry
from sim_mcp.tools.result import Answer, keep_properties, respond
from sim_mcp.tools.sim_state import (
    WHOLE_NAME,
    describe_months,
    format_last_change,
    format_last_data,
    format_network_answer,
    read_reach,
)

_MOST_OPERATORS = 5
_LABELS = {
    "sim_status": "SIM",
    "device_status": "device is",
    "session_since": "session since",
    "network_answers": "network's answer to a live query",
    "last_heard": "last heard of",
    "last_data": "data last sent",
    "last_session": "last data session began",
    "this_month": "this month",
    "last_month": "last month",
    "data_quota": "data quota",
    "sms_quota": "SMS quota",
    "blocked_operators": "blocked operators",
    "last_change": "last change by this server",
}
_QUOTED = {"device", "network", "country", "blocked_operators", "network_answers"}
"""Fields of the state that customers or networks write."""


class SimState(Answer):
    """How SIM and device stand now, as far as was read."""

    sim_status: str
    device: str | None = None
    device_status: str | None = None
    connectivity: str | None = None
    network: str | None = None
    country: str | None = None
    radio: str | None = None
    session_since: str | None = None
    network_answers: str | None = None
    last_heard: str | None = None
    last_session: str | None = None
    last_data: str | None = None
    this_month: str | None = None
    last_month: str | None = None
    costs: str | None = None
    data_quota: str | None = None
    sms_quota: str | None = None
    blocked_operators: str | None = None
    last_change: str | None = None


class FindingRow(Answer):
    """One cause, how sure it is, and what shows it; `about` says that it is a cost or a note, not a fault."""

    cause: str
    sure: Certainty
    about: str | None = None
    evidence: list[str] | None = None


Rows = Annotated[list[FindingRow], WithJsonSchema({"type": "array"})]
Lines = Annotated[list[str], WithJsonSchema({"type": "array"})]


class DiagnosisAnswer(Answer):
    """Why one SIM behaves as it does, in the order in which a person wants to know."""

    model_config = ConfigDict(json_schema_extra=keep_properties("iccid", "findings", "next_steps"))

    iccid: str
    as_of: str
    state: SimState
    findings: Rows
    """The likeliest cause first."""
    ruled_out: Lines
    next_steps: Lines
    unread: Lines
    hint: str | None = None


async def diagnose_sim(ctx: ToolContext, sim: SimName) -> Annotated[CallToolResult, DiagnosisAnswer]:
    """Find out why a SIM card or its device is offline, rejected, blocked, without data or expensive. Returns the state
    now, findings with evidence (likeliest cause first), what is ruled out, next steps, what could not be read.
    """  # noqa: D205  # the description is one paragraph for the model.
    client, over_at = emnify_of(ctx), anyio.current_time() + ANSWER_WITHIN_S
    found, note = await find_one(ctx, sim)
    # Where finding it took long, a diagnosis of what still can be read is better than none.
    diagnosis = await diagnose(client, found, over_at - anyio.current_time())
    answer = build(diagnosis, await changes_of(ctx).last_change(found))
    return respond(answer, render(answer), note)


TOOL = Entry(diagnose_sim, "Diagnose a SIM")


def build(diagnosis: Diagnosis, change: LastChange | None = None) -> DiagnosisAnswer:
    """Return a diagnosis, the likeliest cause before the others, and the last change that this server made."""
    evidence = diagnosis.evidence
    return DiagnosisAnswer(
        iccid=evidence.sim.printed_iccid or f"id {evidence.sim.id}",
        as_of=format_timestamp(evidence.now),
        state=build_state(evidence, change),
        findings=[_build_finding(each) for each in (diagnosis.most_likely, *diagnosis.others)],
        ruled_out=list(diagnosis.ruled_out),
        next_steps=list(diagnosis.steps),
        unread=_list_unread(diagnosis),
    )


def build_state(evidence: Evidence, change: LastChange | None = None) -> SimState:
    """Return how SIM and device stand now; what was not read is None."""
    device = evidence.device
    info = evidence.network_query.subscriber_info if evidence.network_query else None
    heard = evidence.last(lambda event: event.type in FROM_DEVICE)
    newest = evidence.sessions[0] if evidence.sessions else None
    blocked = [clean(each.name) or f"id {each.id}" for each in evidence.blocked_operators]
    return SimState(
        sim_status=status_label(evidence.sim),
        device=called(device.name, device.id, WHOLE_NAME) if device else None,
        device_status=format_label(device.status) if device else None,
        **read_reach(evidence)._asdict(),
        network_answers=format_network_answer(info),
        last_heard=f"{format_minute(heard.at)} ({heard.name})" if heard else None,
        last_session=format_minute(newest.start or newest.end) if newest else None,
        last_data=format_last_data(evidence),
        data_quota=format_quota(evidence.data_quota, "MB", evidence.now),
        sms_quota=format_quota(evidence.sms_quota, "SMS", evidence.now),
        blocked_operators=", ".join(blocked[:_MOST_OPERATORS]) + (" …" if len(blocked) > _MOST_OPERATORS else "")
        or None,
        last_change=format_last_change(change),
        **describe_months(evidence),
    )


def render(answer: DiagnosisAnswer) -> str:
    """Return the state, the causes with their evidence, what is ruled out, what to do, and what is not known."""
    state = "; ".join(_render_state(name, value) for name, value in answer.state.wire().items())
    first, *others = answer.findings
    return join_lines(
        f"Diagnosis of SIM {answer.iccid}, as of {answer.as_of}.",
        f"State now:\n{fence(state)}",
        f"{_lead(first)}: {_render_finding(first, first.about)}",
        join_lines("Also found:", *map(_render_other, others)) if others else None,
        f"Ruled out: {'; '.join(answer.ruled_out) or 'nothing'}.",
        join_lines("What to do next:", *(f"- {step}" for step in answer.next_steps)),
        join_lines("Could not be read:", *(f"- {each}" for each in answer.unread)) if answer.unread else None,
    )


def _build_finding(finding: Finding) -> FindingRow:
    return FindingRow(
        cause=finding.cause,
        sure=finding.certainty,
        about=finding.kind if finding.kind != "fault" else None,
        evidence=list(finding.proof) or None,
    )


def _lead(first: FindingRow) -> str:
    return "Most likely" if first.sure == "likely" else f"Cause ({first.sure})"


def _render_other(finding: FindingRow) -> str:
    return _render_finding(finding, ", ".join(filter(None, (finding.sure, finding.about))))


def _render_finding(finding: FindingRow, beside: str | None) -> str:
    cause = f"{finding.cause} ({beside})" if beside else finding.cause
    return f"{cause}\n{fence(join_lines(*finding.evidence))}" if finding.evidence else cause


def _render_state(name: str, value: object) -> str:
    text = quoted(str(value), 300) if name in _QUOTED else str(value)
    return f"{_LABELS.get(name, name)} {text}"


def _list_unread(diagnosis: Diagnosis) -> list[str]:
    """Return what could not be read, and why, and what could not be ruled out without it."""
    sources_by_error: dict[str, list[str]] = {}
    for source, error in unread(diagnosis.evidence).items():
        sources_by_error.setdefault(clean(error, 200), []).append(source)
    lines = [f"{', '.join(sources)}: {error}" for error, sources in sources_by_error.items()]
    if diagnosis.not_checked:
        lines.append(f"so not to be ruled out: {'; '.join(diagnosis.not_checked)}")
    return lines
