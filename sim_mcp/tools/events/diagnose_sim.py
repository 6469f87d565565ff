"""diagnose_sim: why one SIM is offline, rejected, blocked, without data or expensive."""

from typing import Annotated

import anyio
from mcp.types import CallToolResult
from pydantic import WithJsonSchema

from sim_mcp.emnify import MonthUsage, Quota
from sim_mcp.emnify.lifecycle import status_label
from sim_mcp.fleet.diagnosis.diagnosis import Diagnosis, diagnose, unread
from sim_mcp.fleet.diagnosis.evidence import Evidence
from sim_mcp.fleet.diagnosis.findings import Certainty, Finding
from sim_mcp.fleet.events.event import format_label
from sim_mcp.fleet.events.event_type import FROM_NETWORK
from sim_mcp.formatting import format_minute, format_number, format_timestamp, join_lines, round_volume
from sim_mcp.sanitize import called, clean, fence, quoted
from sim_mcp.tools.context import ANSWER_WITHIN_S, ToolContext, emnify_of
from sim_mcp.tools.one_sim import find_one
from sim_mcp.tools.parameters import SimName
from sim_mcp.tools.registry import Entry
from sim_mcp.tools.result import Answer, respond

_MOST_OPERATORS = 5
_LABELS = {
    "sim_status": "SIM",
    "device_status": "device is",
    "session_since": "session since",
    "network_answers": "asked, the network answers",
    "last_heard": "last heard of",
    "last_session": "last data session began",
    "data_mb_this_month": "MB this month",
    "data_mb_last_month": "MB last month",
    "data_quota": "data quota",
    "sms_quota": "SMS quota",
    "blocked_operators": "blocked operators",
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
    data_mb_this_month: float | None = None
    data_mb_last_month: float | None = None
    data_quota: str | None = None
    sms_quota: str | None = None
    blocked_operators: str | None = None


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
    answer = build(await diagnose(client, found, over_at - anyio.current_time()))
    return respond(answer, render(answer), note)


TOOL = Entry(diagnose_sim, "Diagnose a SIM")


def build(diagnosis: Diagnosis) -> DiagnosisAnswer:
    """Return a diagnosis, the likeliest cause before the others."""
    evidence = diagnosis.evidence
    return DiagnosisAnswer(
        iccid=evidence.sim.printed_iccid or f"id {evidence.sim.id}",
        as_of=format_timestamp(evidence.now),
        state=build_state(evidence),
        findings=[_build_finding(each) for each in (diagnosis.most_likely, *diagnosis.others)],
        ruled_out=list(diagnosis.ruled_out),
        next_steps=list(diagnosis.steps),
        unread=_list_unread(diagnosis),
    )


def build_state(evidence: Evidence) -> SimState:
    """Return how SIM and device stand now; what was not read is None."""
    device, connectivity, usage = evidence.device, evidence.connectivity, evidence.usage
    location = connectivity.location if connectivity else None
    session = connectivity.pdp_context if connectivity else None
    info = evidence.network_query.subscriber_info if evidence.network_query else None
    operator = location.operator if location else None
    country = (location.country or (operator.country if operator else None)) if location else None
    heard = evidence.last(lambda event: event.type in FROM_NETWORK)
    newest = evidence.sessions[0] if evidence.sessions else None
    blocked = [clean(each.name) or f"id {each.id}" for each in evidence.blocked_operators]
    return SimState(
        sim_status=status_label(evidence.sim),
        device=called(device.name, device.id) if device else None,
        device_status=format_label(device.status) if device else None,
        connectivity=clean(evidence.state) or None,
        network=(clean(operator.name) or None) if operator else None,
        country=(clean(country.name) or None) if country else None,
        radio=(clean(session.radio.description) or None) if session and session.radio else None,
        session_since=format_minute(session.created) if session and session.created else None,
        network_answers=(clean(info.error or info.state) or None) if info else None,
        last_heard=f"{format_minute(heard.at)} ({heard.name})" if heard else None,
        last_session=format_minute(newest.start or newest.end) if newest else None,
        data_mb_this_month=_megabytes_in(usage.current_month) if usage else None,
        data_mb_last_month=_megabytes_in(usage.last_month) if usage else None,
        data_quota=_format_quota(evidence.data_quota, "MB"),
        sms_quota=_format_quota(evidence.sms_quota, "SMS"),
        blocked_operators=", ".join(blocked[:_MOST_OPERATORS]) + (" …" if len(blocked) > _MOST_OPERATORS else "")
        or None,
    )


def render(answer: DiagnosisAnswer) -> str:
    """Return the state, the causes with their evidence, what is ruled out, what to do, and what is not known."""
    state = "; ".join(_render_state(name, value) for name, value in answer.state.wire().items())
    likeliest, *others = [_render_finding(each) for each in answer.findings]
    return join_lines(
        f"Diagnosis of SIM {answer.iccid}, as of {answer.as_of}.",
        f"State now:\n{fence(state)}",
        f"Most likely: {likeliest}",
        join_lines("Also found:", *others) if others else None,
        f"Ruled out: {'; '.join(answer.ruled_out) or 'nothing'}.",
        join_lines("What a person can do next:", *(f"- {step}" for step in answer.next_steps)),
        join_lines("Could not be read:", *(f"- {each}" for each in answer.unread)) if answer.unread else None,
    )


def _build_finding(finding: Finding) -> FindingRow:
    return FindingRow(
        cause=finding.cause,
        sure=finding.certainty,
        about=finding.kind if finding.kind != "fault" else None,
        evidence=list(finding.proof) or None,
    )


def _render_finding(finding: FindingRow) -> str:
    about = f", {finding.about}" if finding.about else ""
    cause = f"{finding.cause} ({finding.sure}{about})"
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


def _format_quota(quota: Quota | None, unit: str) -> str | None:
    if quota is None or quota.status is None:
        return None
    left = None if quota.volume is None else f"{format_number(quota.volume)} {unit} left"
    until = None if quota.expiry_date is None else f"until {format_minute(quota.expiry_date)}"
    return ", ".join(filter(None, [format_label(quota.status), left, until])) or None


def _megabytes_in(month: MonthUsage | None) -> float:
    # emnify leaves months without traffic out.
    if month is None or month.data is None or month.data.volume is None:
        return 0.0
    return round_volume(float(month.data.volume))
