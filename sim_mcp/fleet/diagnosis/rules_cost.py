"""What costs without use, or more than usual, and what changed of late. Pure rules."""

from datetime import timedelta

from sim_mcp.emnify import SimStatus
from sim_mcp.fleet.diagnosis.evidence import Evidence
from sim_mcp.fleet.diagnosis.findings import Finding, Rule, format_events, label_sim
from sim_mcp.fleet.diagnosis.spending import compare_months, find_dear_month, list_spending, megabytes, messages
from sim_mcp.fleet.events.event_type import DEVICE_CHANGES, STATUS_CHANGES, EventType
from sim_mcp.sanitize import quoted

_RECENT = timedelta(hours=24)
_SMS_EXHAUSTED = 2
_ABROAD_MB, _ABROAD_SHARE = 1.0, 0.1
_DISABLED = 1


def billed_without_device(evidence: Evidence) -> Finding | None:
    """Find an Activated SIM without a device, which is charged (emnify docs: SIM lifecycle, unused but charged)."""
    if evidence.status is not SimStatus.ACTIVATED or evidence.sim.device is not None:
        return None
    return _billed(evidence, "It is Activated, and so charged every month, without being in a device.")


def billed_on_disabled_device(evidence: Evidence) -> Finding | None:
    """Find an Activated SIM on a disabled device: disabling suspends no SIM (emnify docs: SIM lifecycle)."""
    if evidence.status is not SimStatus.ACTIVATED or evidence.device_status != _DISABLED:
        return None
    return _billed(evidence, "It stays Activated, and so charged every month, though its device is disabled.")


def billed_without_traffic(evidence: Evidence) -> Finding | None:
    """Find an Activated SIM without traffic this month and last (GET /sim/{id}/stats leaves such months out)."""
    idle = evidence.usage is not None and evidence.may_connect and not evidence.sessions
    if evidence.status is not SimStatus.ACTIVATED or evidence.usage is None or not idle:
        return None
    first = evidence.sim.activation_date
    if first is not None and evidence.now - first <= _RECENT:
        # So new, it has hardly had the time.
        return None
    if megabytes(evidence.usage.current_month) or megabytes(evidence.usage.last_month):
        return None
    if messages(evidence.usage.current_month) or messages(evidence.usage.last_month):
        return None
    return _billed(evidence, "It is charged every month and had no traffic this month or last.")


def factory_test_ended(evidence: Evidence) -> Finding | None:
    """Find that the factory test ended by itself, after which the SIM is charged (emnify docs: factory test mode)."""
    ended = [
        each
        for each in evidence.of_types(EventType.ACTIVATION)
        if each.source == "Policy Control" or "factory test" in each.text.lower().split("changed from")[0]
    ]
    if not ended:
        return None
    return Finding(
        "Its factory test ended by itself when the test volume was reached; since then it is charged.",
        "certain",
        format_events(evidence, ended[:1]),
        ("If it shall not cost yet, suspend it; a SIM cannot go back into factory test.",),
        kind="cost",
    )


def traffic_abroad(evidence: Evidence) -> Finding | None:
    """Find traffic in another country than where most sessions are (emnify docs: unexpected cost; events 3 and 5)."""
    volumes: dict[str, float] = {}
    counts: dict[str, int] = {}
    for session in evidence.sessions:
        if session.country:
            volumes[session.country] = volumes.get(session.country, 0.0) + (session.mb or 0.0)
            counts[session.country] = counts.get(session.country, 0) + 1
    if len(volumes) < 2:  # noqa: PLR2004  # abroad is where home is not.
        return None
    home = max(counts, key=lambda country: counts[country])
    total = sum(volumes.values())
    abroad = {
        country: mb
        for country, mb in sorted(volumes.items(), key=lambda item: -item[1])
        if country != home and mb >= _ABROAD_MB and mb >= _ABROAD_SHARE * total
    }
    if not abroad:
        return None
    listed = ", ".join(f"{quoted(country)} {mb:.1f} MB in {counts[country]} sessions" for country, mb in abroad.items())
    return Finding(
        "It used data in another country than usual, where a MB may cost more.",
        "possible",
        (f"usual country {quoted(home)} {volumes[home]:.1f} MB in {counts[home]} sessions; {listed}",),
        ("Compare the prices of the countries in the tariff (emnify portal).",),
        kind="cost",
    )


def usage_jumped(evidence: Evidence) -> Finding | None:
    """Find a month with far more cost or data than the other (GET /sim/{id}/stats and /stats/daily)."""
    dear = find_dear_month(evidence)
    if evidence.usage is None or dear is None:
        return None
    until = "" if dear.last == evidence.now.date() else f', end="{dear.last}"'
    days = f'get_sim_daily_usage(sim="{label_sim(evidence)}", start="{dear.first}"{until})'
    return Finding(
        compare_months(evidence, evidence.usage),
        "certain",
        list_spending(evidence, dear),
        (f"See every day: {days}.",),
        kind="cost",
    )


def in_factory_test(evidence: Evidence) -> Finding | None:
    """Tell that the SIM is in factory test: 100 KB or 10 SMS by default (emnify docs: factory test mode)."""
    if evidence.status is not SimStatus.FACTORY_TEST:
        return None
    return Finding(
        "It is in factory test: after about 100 KB or 10 SMS it becomes Activated by itself, and charged.",
        "certain",
        format_events(evidence, evidence.of_types(EventType.FACTORY_TEST)[:1]),
        kind="note",
    )


def sms_quota_used_up(evidence: Evidence) -> Finding | None:
    """Find that no SMS are left; data is not affected (GET /endpoint/{id}/quota/sms; emnify docs: event type 21)."""
    quota = evidence.sms_quota
    status = quota.status.id if quota is not None and quota.status else None
    cured = evidence.last(lambda each: each.type == EventType.SMS_QUOTA_ASSIGNED)
    ended = evidence.since(cured, lambda each: each.type == EventType.SMS_QUOTA_USED_UP)[:1]
    if status != _SMS_EXHAUSTED and (status is not None or not ended):
        return None
    return Finding(
        "The SMS quota of the device is used up: SMS are blocked, data is not.",
        "certain" if status == _SMS_EXHAUSTED else "likely",
        format_events(evidence, ended),
        ("Assign more SMS quota to the device in the portal.",),
        kind="note",
    )


def changed_of_late(evidence: Evidence) -> Finding | None:
    """Tell what changed within a day: what began then may come from it (emnify docs: event types 8 to 69)."""
    changes = [
        each for each in evidence.of_types(*STATUS_CHANGES, *DEVICE_CHANGES) if evidence.now - each.when <= _RECENT
    ]
    if not changes:
        return None
    return Finding(
        "SIM or device were changed within the last 24 hours; what began then may come from it.",
        "possible",
        format_events(evidence, changes),
        kind="note",
    )


def _billed(evidence: Evidence, cause: str) -> Finding:
    step = (
        f'If it is not needed: set_sim_status(sims=["{label_sim(evidence)}"], status="suspended"); '
        "no hosting fee from the 1st of next month."
    )
    return Finding(cause, "certain", (), (step,), kind="cost")


RULES: tuple[Rule, ...] = (
    Rule(billed_without_device, "charged without use"),
    Rule(billed_on_disabled_device, "charged without use", ("device",)),
    Rule(billed_without_traffic, "charged without use", ("usage", "events")),
    Rule(factory_test_ended, "factory test that ended by itself", ("events",)),
    Rule(traffic_abroad, "traffic in an unusual country", ("events",)),
    Rule(usage_jumped, "cost or usage far above another month's", ("usage",)),
    Rule(in_factory_test, ""),
    Rule(sms_quota_used_up, "SMS quota used up", ("events", "SMS quota")),
    Rule(changed_of_late, "changes within 24 hours", ("events", "device events")),
)
"""What costs and what changed: no cause of a fault, but worth knowing."""
