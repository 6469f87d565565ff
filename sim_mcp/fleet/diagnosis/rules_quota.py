"""Causes that lie in the data quota of a device. Pure rules."""

from sim_mcp.emnify import Quota
from sim_mcp.fleet.diagnosis.evidence import Evidence
from sim_mcp.fleet.diagnosis.findings import Finding, Rule, find_refusal, format_events, newest_unresolved
from sim_mcp.fleet.events.event import format_label
from sim_mcp.fleet.events.event_type import EventType
from sim_mcp.formatting import format_megabytes, format_minute

_EXHAUSTED, _EXPIRED = 2, 3
_BLOCK = 1


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
    return Finding(
        f"The data quota of the device is used up, and its data is {'blocked' if blocks else 'slowed down'}.",
        "certain" if is_exhausted or refusals else "likely",
        (*_format_quota(evidence), *format_events(evidence, [*refusals, *ended])),
        ("Assign more data quota to the device in the portal, or wait for its refill where it has one.",),
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
        (*_format_quota(evidence), *format_events(evidence, ended)),
        ("Assign a new data quota to the device in the portal.",),
    )


def _quota_is_active(evidence: Evidence) -> bool:
    return evidence.data_quota is not None and _quota_status(evidence.data_quota) not in (None, _EXHAUSTED, _EXPIRED)


def _quota_status(quota: Quota) -> int | None:
    return quota.status.id if quota.status else None


def _format_quota(evidence: Evidence) -> tuple[str, ...]:
    quota = evidence.data_quota
    if quota is None or quota.status is None:
        return ()
    left = "" if quota.volume is None else f", {format_megabytes(quota.volume)} left"
    until = "" if quota.expiry_date is None else f", until {format_minute(quota.expiry_date)}"
    return (f"quota now: {format_label(quota.status)}{left}{until}",)


_RULED_OUT = "data quota missing, used up or expired"
RULES: tuple[Rule, ...] = (
    Rule(quota_missing, _RULED_OUT, ("events", "data quota")),
    Rule(quota_used_up, _RULED_OUT, ("events", "data quota")),
    Rule(quota_expired, _RULED_OUT, ("device events", "data quota")),
)
