"""What was found about one SIM, as the facts an answer holds. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sim_mcp.emnify import MonthUsage, Quota
from sim_mcp.emnify.lifecycle import status_label
from sim_mcp.fleet.diagnosis.diagnosis import Diagnosis, unread
from sim_mcp.fleet.diagnosis.evidence import Evidence
from sim_mcp.fleet.diagnosis.findings import Finding, moment
from sim_mcp.fleet.events.event import FROM_NETWORK, label_of
from sim_mcp.fleet.events.reader import Timeline, Totals
from sim_mcp.fleet.events.timeline import Entry
from sim_mcp.sanitize import called, clean
from sim_mcp.tools import diagnosis_answers as answers

ENTRIES = 15
_MOST_NETWORKS = 5
_NAMES_SHOWN = 5
_WHOLE = 10


def diagnosis(found: Diagnosis) -> answers.Diagnosis:
    """Return a diagnosis, the likeliest cause before the others."""
    evidence = found.evidence
    return answers.Diagnosis(
        iccid=evidence.sim.printed_iccid or f"id {evidence.sim.id}",
        as_of=second(evidence.now),
        state=_without_nulls(state(evidence)),
        findings=[_finding(each) for each in (found.most_likely, *found.others)],
        ruled_out=list(found.ruled_out),
        next_steps=list(found.steps),
        unread=_unread(found),
    )


def state(evidence: Evidence) -> dict[str, Any]:
    """Return how SIM and device stand now, as far as was read; names are text of customers and networks."""
    device, connectivity = evidence.device, evidence.connectivity
    location = connectivity.location if connectivity else None
    session = connectivity.pdp_context if connectivity else None
    info = evidence.network_query.subscriber_info if evidence.network_query else None
    heard = evidence.last(lambda each: each.type in FROM_NETWORK)
    newest = evidence.sessions[0] if evidence.sessions else None
    operator = location.operator if location else None
    country = (location.country or (operator.country if operator else None)) if location else None
    usage = evidence.usage
    blocked = [clean(each.name) or f"id {each.id}" for each in evidence.blocked_operators]
    return {
        "sim_status": status_label(evidence.sim),
        "device": called(device.name, device.id) if device else None,
        "device_status": label_of(device.status) if device else None,
        "connectivity": clean(evidence.state) or None,
        "network": (clean(operator.name) or None) if operator else None,
        "country": (clean(country.name) or None) if country else None,
        "radio": (clean(session.radio.description) or None) if session and session.radio else None,
        "session_since": moment(session.created) if session and session.created else None,
        "network_answers": (clean(info.error or info.state) or None) if info else None,
        "last_heard": f"{moment(heard.at)} ({heard.name})" if heard else None,
        "last_session": moment(newest.start or newest.end) if newest else None,
        "data_mb_this_month": _month_mb(usage.current_month) if usage else None,
        "data_mb_last_month": _month_mb(usage.last_month) if usage else None,
        "data_quota": _quota(evidence.data_quota, "MB"),
        "sms_quota": _quota(evidence.sms_quota, "SMS"),
        "blocked_operators": ", ".join(blocked[:_NAMES_SHOWN]) + (" …" if len(blocked) > _NAMES_SHOWN else "") or None,
    }


def timeline(found: Timeline, page: int, next_call: str | None) -> answers.Timeline:
    """Return one page of a timeline, with the totals of all of it and what was not read."""
    entries = found.entries[(page - 1) * ENTRIES : page * ENTRIES]
    return answers.Timeline(
        iccid=found.sim.printed_iccid or f"id {found.sim.id}",
        start=second(found.start),
        end=second(found.end),
        totals=_totals(found.totals),
        page=page,
        pages=pages_of(found),
        entries=[_entry(entry) for entry in entries],
        next=next_call,
        hint=" ".join(filter(None, [_left_out(found), None if entries else _nothing(found, page)])) or None,
    )


def pages_of(found: Timeline) -> int:
    """Return how many pages a timeline has, at least one."""
    return max(1, -(-len(found.entries) // ENTRIES))


def second(at: datetime) -> str:
    """Write a moment to the second."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _finding(finding: Finding) -> dict[str, Any]:
    found: dict[str, Any] = {"cause": finding.cause, "sure": finding.sure}
    if finding.kind != "fault":
        found["about"] = finding.kind
    if finding.proof:
        found["evidence"] = list(finding.proof)
    return found


def _unread(found: Diagnosis) -> list[str]:
    """Return what could not be read, and why, and what could not be ruled out without it."""
    reasons: dict[str, list[str]] = {}
    for source, why in unread(found.evidence).items():
        reasons.setdefault(clean(why, 200), []).append(source)
    lines = [f"{', '.join(sources)}: {why}" for why, sources in reasons.items()]
    return [*lines, f"so not to be ruled out: {'; '.join(found.not_checked)}"] if found.not_checked else lines


def _quota(quota: Quota | None, unit: str) -> str | None:
    if quota is None or quota.status is None:
        return None
    left = None if quota.volume is None else f"{float(quota.volume):g} {unit} left"
    until = None if quota.expiry_date is None else f"until {moment(quota.expiry_date)}"
    return ", ".join(filter(None, [label_of(quota.status), left, until])) or None


def _month_mb(month: MonthUsage | None) -> float:
    # A month without traffic is absent from what emnify sends.
    return _rounded(float(month.data.volume)) if month and month.data and month.data.volume is not None else 0.0


def _totals(totals: Totals) -> dict[str, Any]:
    by_network = list(totals.by_network.items())
    shown = {network: _rounded(mb) for network, mb in by_network[:_MOST_NETWORKS]}
    rest = sum(mb for _, mb in by_network[_MOST_NETWORKS:])
    if len(by_network) > _MOST_NETWORKS:
        shown["other networks"] = _rounded(rest)
    return {
        "events": totals.events,
        "data_sessions": totals.sessions,
        "data_mb": _rounded(totals.mb),
        "rejections": totals.rejections,
        "data_mb_by_network": shown,
    }


def _entry(entry: Entry) -> dict[str, Any]:
    first, last = moment(entry.first), moment(entry.last)
    return _without_nulls(
        {
            "what": entry.what,
            "from": first,
            "to": last if last != first else None,
            "count": entry.count if entry.count > 1 else None,
            "data_mb": _optional(entry.mb),
            "rx_mb": _optional(entry.rx_mb) if entry.mb else None,
            "tx_mb": _optional(entry.tx_mb) if entry.mb else None,
            "minutes": _minutes(entry.minutes),
            "network": entry.network,
            "country": entry.country,
            "radio": entry.radio,
            "apn": entry.apn,
            "text": entry.text or None,
            "note": entry.note,
        }
    )


def _left_out(found: Timeline) -> str | None:
    if found.read_back_to is None:
        return f"{found.unreadable:,} events could not be read." if found.unreadable else None
    many = f"{found.left_out:,} events" if found.left_out else "events"
    why = f" ({clean(found.why, 200)})" if found.why else ""
    # emnify filters to the second, so the next part begins with the second that this one ended in.
    return f"{many} before {second(found.read_back_to)} were not read{why}; ask again with that as end."


def _nothing(found: Timeline, page: int) -> str:
    if found.entries:
        return f"Page {page} is past the last: there are {pages_of(found):,}."
    return (
        "No events in this time. emnify keeps them for 30 days: the SIM was silent or not in use. "
        "diagnose_sim looks at the rest."
    )


def _minutes(minutes: float | None) -> float | int | None:
    if minutes is None:
        return None
    return round(minutes) if minutes >= _WHOLE else round(minutes, 1)


def _optional(volume: float | None) -> float | None:
    return None if volume is None else _rounded(volume)


def _rounded(volume: float) -> float:
    return round(volume, 3)


def _without_nulls(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value is not None}
