"""Causes that lie in what emnify allows: the SIM, its device, limits, policies. Pure rules."""

from sim_mcp.emnify import SimStatus
from sim_mcp.fleet.diagnosis.evidence import Evidence, is_newer
from sim_mcp.fleet.diagnosis.findings import Finding, Rule, certainty_of, find_refusal, format_events, label_sim
from sim_mcp.fleet.diagnosis.rules_quota import quota_expired, quota_missing, quota_used_up
from sim_mcp.fleet.events.event_type import EventType
from sim_mcp.formatting import format_megabytes, format_minute
from sim_mcp.sanitize import clean

_DEVICE_DISABLED, _DEVICE_DELETED = 1, 2
_KNOWN_REASONS = (
    "sim is not activated",
    "data service disabled",
    "has no quota",
    "is exhausted",
    "imei lock",
    "traffic limit",
)


def sim_deleted(evidence: Evidence) -> Finding | None:
    """Find that the SIM was deleted, which cannot be undone (emnify docs: SIM lifecycle)."""
    if evidence.status is not SimStatus.DELETED:
        return None
    return Finding(
        "The SIM is deleted: it can never be used again.",
        "certain",
        format_events(evidence, evidence.of_types(EventType.DELETION)),
        ("Put another SIM into the device.",),
    )


def sim_issued(evidence: Evidence) -> Finding | None:
    """Find that the SIM was never activated (emnify docs: SIM lifecycle; quickstart troubleshooting, first check)."""
    if evidence.status is not SimStatus.ISSUED:
        return None
    return Finding(
        "The SIM was never activated: an Issued SIM has no network access.",
        "certain",
        format_events(evidence, evidence.open_refusals),
        (f"Activate it: {_activation(evidence)}; this month's hosting fee falls due.",),
    )


def sim_suspended(evidence: Evidence) -> Finding | None:
    """Find that the SIM is suspended (emnify docs: SIM lifecycle; event types 9 and 3 "SIM is not activated.")."""
    if evidence.status is not SimStatus.SUSPENDED:
        return None
    last = evidence.of_types(EventType.SUSPENSION)[:1]
    return Finding(
        "The SIM is suspended: it has no network access.",
        "certain",
        format_events(evidence, [*last, *evidence.open_refusals]),
        (f"If it shall work again: {_activation(evidence)}; hosting fees begin again.",),
    )


def no_device(evidence: Evidence) -> Finding | None:
    """Find that the SIM is assigned to no device (emnify docs: quickstart troubleshooting, first check)."""
    if evidence.sim.device is not None or evidence.status is SimStatus.DELETED:
        return None
    return Finding(
        "The SIM is assigned to no device in emnify: without one it has no service profile and no data.",
        "certain",
        format_events(evidence, evidence.of_types(EventType.RELEASED)[:1]),
        ("Create a device for it, or assign it to one, in the emnify portal.",),
    )


def device_disabled(evidence: Evidence) -> Finding | None:
    """Find that the device is disabled or deleted (emnify docs: quickstart troubleshooting, second check; type 43)."""
    if evidence.device_status not in (_DEVICE_DISABLED, _DEVICE_DELETED):
        return None
    what = "disabled" if evidence.device_status == _DEVICE_DISABLED else "deleted"
    return Finding(
        f"The device is {what} in emnify: its SIM gets no network access, whatever the SIM's own status.",
        "certain",
        format_events(evidence, evidence.of_types(EventType.DEVICE_DISABLED)[:1]),
        ("Enable the device in the emnify portal, if it shall work.",),
    )


def workspace_blocked(evidence: Evidence) -> Finding | None:
    """Find that the whole workspace is blocked for its prepaid balance or cost limit (emnify docs: event type 12).

    emnify may ignore the filter by type, so each event is checked again.
    """
    success = evidence.last(lambda each: each.session_opened)
    blocks = [
        each
        for each in evidence.workspace_blocks
        if each.type == EventType.WORKSPACE_BLOCKED and (success is None or is_newer(each, success))
    ]
    if not blocks:
        return None
    return Finding(
        "emnify blocked the services of the whole workspace, and this SIM had no data session since.",
        "likely",
        format_events(evidence, blocks),
        ("Top up the prepaid balance or raise the monthly cost limit in the portal; all SIMs are affected.",),
    )


def data_disabled(evidence: Evidence) -> Finding | None:
    """Find that the service profile has no data (emnify docs: event type 3, "data service disabled")."""
    return find_refusal(
        evidence,
        "data service disabled",
        "Data is switched off in the service profile of the device.",
        "Switch data on in the device's service profile (portal: Service policies), or give it another profile.",
    )


def imei_lock(evidence: Evidence) -> Finding | None:
    """Find that the SIM is locked to another piece of hardware (emnify docs: portal troubleshooting, IMEI lock).

    A device that is BLOCKED and locked may have no event that says so: then the lock is possible, never ruled out.
    """
    return _locked_and_blocked(evidence) or find_refusal(
        evidence,
        "imei lock",
        "The IMEI lock refuses the hardware the SIM is in: it reports another IMEI than the locked one.",
        "Check whether the SIM was moved or stolen; if the new hardware is right, renew the IMEI lock in the portal.",
    )


def traffic_limit(evidence: Evidence) -> Finding | None:
    """Find that the device is blocked for its traffic limit (emnify docs: event type 11; 1NCE core: type 3)."""
    refusals = [each for each in evidence.open_refusals if each.hit_traffic_limit]
    opened = evidence.last(lambda each: each.session_opened)
    blocks = evidence.since(opened, lambda each: each.type == EventType.DEVICE_BLOCKED)
    if not (refusals or blocks):
        return None
    return Finding(
        "The device exceeded its traffic limit, and emnify blocks its data.",
        "certain" if refusals or evidence.state == "BLOCKED" else "likely",
        (*format_events(evidence, [*refusals, *blocks]), *_extensions(evidence)),
        ("Find out what used so much (get_sim_daily_usage); extend or raise the limit in the portal.",),
    )


def not_activated_yet(evidence: Evidence) -> Finding | None:
    """Find that sessions are refused for a status that the SIM no longer has (emnify docs: event type 3)."""
    activated = evidence.of_types(EventType.ACTIVATION, EventType.FACTORY_TEST)[:1]
    refusals = [
        each
        for each in evidence.open_refusals
        if "sim is not activated" in each.text.lower() and not (activated and is_newer(activated[0], each))
    ]
    if not refusals:
        return None
    return Finding(
        "Data sessions are still refused as if the SIM were not activated, though its status says otherwise.",
        "likely",
        format_events(evidence, refusals),
        ("Reset its connectivity in the portal; if refusals go on after an hour, give emnify support the ICCID.",),
    )


def refused_otherwise(evidence: Evidence) -> Finding | None:
    """Find a refusal for a reason that no other rule knows: its text names the cause (emnify docs: event type 3)."""
    others = [
        each for each in evidence.open_refusals if not any(known in each.text.lower() for known in _KNOWN_REASONS)
    ]
    if not others:
        return None
    return Finding(
        "emnify refuses the data sessions; the text of the refusal names the reason.",
        certainty_of(evidence, others[0], "likely"),
        format_events(evidence, others),
        ("Act on the reason in the text; if it is unclear, give emnify support the ICCID and the event's time.",),
    )


def blocked_unexplained(evidence: Evidence) -> Finding | None:
    """Find that emnify reports BLOCKED and no other evidence explains it (GET /endpoint/{id}/connectivity)."""
    if evidence.state != "BLOCKED" or evidence.open_refusals:
        return None
    if any(rule(evidence) for rule in _BLOCKING):
        return None
    return Finding(
        "emnify reports the device as BLOCKED; no event, quota or limit that was read says why.",
        "likely",
        (),
        ("Look at quota, traffic limit and service profile of the device in the portal.",),
    )


_BLOCKING = (quota_missing, quota_used_up, quota_expired, traffic_limit, workspace_blocked, imei_lock)


def _locked_and_blocked(evidence: Evidence) -> Finding | None:
    device = evidence.device
    if evidence.state != "BLOCKED" or device is None or not device.imei_lock:
        return None
    if any("imei lock" in each.text.lower() for each in evidence.open_refusals):
        return None
    imei = f" to IMEI {clean(device.printed_imei)}" if clean(device.printed_imei) else ""
    return Finding(
        "The IMEI lock of the device is on, and emnify reports it as BLOCKED: other hardware than the locked one "
        "would be refused, though no event that was read says so.",
        "possible",
        (f"the device is locked{imei}",),
        (
            "Compare the IMEI of the hardware with the locked one; if new hardware is right, renew the lock (portal).",
            "If they are the same, look at quota, traffic limit and service profile of the device in the portal.",
        ),
    )


def _extensions(evidence: Evidence) -> tuple[str, ...]:
    if evidence.limit_extensions is None:
        return ()
    extensions = []
    for each in evidence.limit_extensions:
        by = "" if each.volume is None else f" by {format_megabytes(each.volume)}"
        over = each.expiration_date is not None and each.expiration_date <= evidence.now
        until = (
            ""
            if each.expiration_date is None
            else f", {'over since' if over else 'until'} {format_minute(each.expiration_date)}"
        )
        extensions.append(f"extension of the limit{by}{until}")
    return tuple(extensions) or ("no extension of the limit was granted",)


def _activation(evidence: Evidence) -> str:
    return f'set_sim_status(sims=["{label_sim(evidence)}"], status="activated")'


ACCESS_RULES: tuple[Rule, ...] = (
    Rule(sim_deleted, "SIM not activated"),
    Rule(sim_issued, "SIM not activated"),
    Rule(sim_suspended, "SIM not activated"),
    Rule(no_device, "device missing or disabled"),
    Rule(device_disabled, "device missing or disabled", ("device",)),
)
"""Whether SIM and device may use networks at all; only if so, the rules about faults apply."""

BLOCK_RULES: tuple[Rule, ...] = (
    Rule(workspace_blocked, "workspace blocked (prepaid, cost limit)", ("workspace events", "events")),
    Rule(data_disabled, "data switched off in the service profile", ("events",)),
)
REFUSAL_RULES: tuple[Rule, ...] = (
    Rule(traffic_limit, "traffic limit", ("events", "device events")),
    Rule(imei_lock, "IMEI lock", ("events", "device", "connectivity")),
    Rule(not_activated_yet, "data sessions refused for other reasons", ("events",)),
    Rule(refused_otherwise, "data sessions refused for other reasons", ("events",)),
    Rule(blocked_unexplained, "blocked for no known reason", ("connectivity",)),
)
