"""Causes that lie in the data quota of a device. Pure rules."""

from datetime import datetime

from sim_mcp.emnify import Quota
from sim_mcp.fleet.diagnosis.evidence import Evidence
from sim_mcp.fleet.diagnosis.findings import Finding, Rule, find_refusal, format_events, newest_unresolved
from sim_mcp.fleet.events.event import format_label
from sim_mcp.fleet.events.event_type import EventType
from sim_mcp.formatting import format_minute, format_number

_EXHAUSTED, _EXPIRED = 2, 3
_BLOCK = 1
_REFILL = {
    True: "; it is refilled every day",
    False: "; it does not refill by itself",
    None: "; whether it refills by itself is not known",
}
_MORE_QUOTA = {
    True: "Wait for the daily refill, or assign more data quota to the device in the portal.",
    False: "Assign more data quota to the device in the portal; waiting does not help.",
    None: "Assign more data quota to the device in the portal, or look there whether it is refilled daily.",
}


def quota_missing(evidence: Evidence) -> Finding | None:
    """Find that quotas are managed and this device has none (emnify docs: event type 3, "endpoint has no quota")."""
    if _quota_is_active(evidence):
        return None
    return find_refusal(
        evidence,
        "has no quota",
        "The service profile manages data quotas, and this device has none.",
        "Assign a data quota to the device in the portal, or switch quota management off in its service profile.",
    )


def quota_used_up(evidence: Evidence) -> Finding | None:
    """Find that the data quota is used up (GET /endpoint/{id}/quota/data; emnify docs: event types 19 and 3)."""
    if _quota_is_active(evidence):
        return None
    quota = evidence.data_quota
    refusals = [each for each in evidence.open_refusals if "is exhausted" in each.text.lower()]
    ended = newest_unresolved(evidence, EventType.QUOTA_USED_UP, EventType.QUOTA_ASSIGNED)
    is_exhausted = quota is not None and _quota_status(quota) == _EXHAUSTED
    if not (refusals or ended or is_exhausted):
        return None
    blocks = quota is None or quota.action_on_exhaustion is None or quota.action_on_exhaustion.id in (None, _BLOCK)
    refills = _refills(evidence)
    return Finding(
        f"The data quota of the device is used up, and its data is {'blocked' if blocks else 'slowed down'}"
        f"{_REFILL[refills]}.",
        "certain" if is_exhausted or refusals else "likely",
        (*_prove_quota(evidence), *format_events(evidence, [*refusals, *ended])),
        (_MORE_QUOTA[refills],),
    )


def quota_expired(evidence: Evidence) -> Finding | None:
    """Find that the data quota has expired (GET /endpoint/{id}/quota/data; emnify docs: event type 60)."""
    if _quota_is_active(evidence):
        return None
    ended = newest_unresolved(evidence, EventType.QUOTA_EXPIRED, EventType.QUOTA_ASSIGNED)
    read = evidence.data_quota is not None and _quota_status(evidence.data_quota) == _EXPIRED
    if not (ended or read):
        return None
    return Finding(
        "The data quota of the device has expired.",
        "certain" if read else "likely",
        (*_prove_quota(evidence), *format_events(evidence, ended)),
        ("Assign a new data quota to the device in the portal.",),
    )


def _quota_is_active(evidence: Evidence) -> bool:
    return evidence.data_quota is not None and _quota_status(evidence.data_quota) not in (None, _EXHAUSTED, _EXPIRED)


def _quota_status(quota: Quota) -> int | None:
    return quota.status.id if quota.status else None


def format_quota(quota: Quota | None, unit: str, now: datetime) -> str | None:
    """Return what is left of a quota, whether it refills, and when it expires; None where it is not known."""
    if quota is None or quota.status is None:
        return None
    left = None if quota.volume is None else f"{format_number(quota.volume)} {unit} left"
    refill = None if quota.auto_refill is None else ("refilled every day" if quota.auto_refill else "no refill")
    return ", ".join(filter(None, (format_label(quota.status), left, refill, _format_expiry(quota, now)))) or None


def _format_expiry(quota: Quota, now: datetime) -> str | None:
    if quota.expiry_date is None:
        return None
    return f"{'expired' if quota.expiry_date <= now else 'expires'} {format_minute(quota.expiry_date)}"


def _prove_quota(evidence: Evidence) -> tuple[str, ...]:
    now = format_quota(evidence.data_quota, "MB", evidence.now)
    return (f"quota now: {now}",) if now else ()


def _refills(evidence: Evidence) -> bool | None:
    """Tell whether the quota is filled up every day, as it is or as it was assigned; None where neither says so."""
    if evidence.data_quota is not None and evidence.data_quota.auto_refill is not None:
        return evidence.data_quota.auto_refill
    assigned = evidence.last(lambda each: each.type == EventType.QUOTA_ASSIGNED)
    if assigned is None or "daily refill" not in assigned.text.lower():
        return None
    return "without daily refill" not in assigned.text.lower()


_RULED_OUT = "data quota missing, used up or expired"
RULES: tuple[Rule, ...] = (
    Rule(quota_missing, _RULED_OUT, ("events", "data quota")),
    Rule(quota_used_up, _RULED_OUT, ("events", "data quota")),
    Rule(quota_expired, _RULED_OUT, ("device events", "data quota")),
)
