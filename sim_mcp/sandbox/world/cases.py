"""Further cases of a support desk: quiet failures that only their events, or the lack of them, tell."""

from collections.abc import Callable

from sim_mcp.sandbox.world.catalogue import OPERATORS, OTHER_ORG, Event, Severity, Source
from sim_mcp.sandbox.world.clock import DAY, HOUR, MINUTE, SECOND
from sim_mcp.sandbox.world.sim_builder import Draft

_TELEKOM = OPERATORS[4]
_PLUS = OPERATORS[401]
_NEVER = [(0, 0)]
_REJECTED = (
    "Location update rejected from VLR 4860100{n} ({name}) for IMSI {imsi}. This operator is currently not "
    "supported for this IMSI. A different IMSI or operator will be used for the network registration."
)


def _rejected(draft: Draft, ago: int, name: str) -> None:
    text = _REJECTED.format(n=draft.index % 10, name=name, imsi=draft.imsi)
    draft.happens(ago, Event.UPDATE_LOCATION, text, severity=Severity.WARN)


def _no_quota(draft: Draft) -> None:
    draft.name, draft.kind = "Vending machine Lille 8", 7
    draft.spans = [(draft.anchor - 60 * DAY, draft.anchor - 20 * HOUR)]
    text = (
        "Data quota management enabled for service profile (id = 438035), endpoints of this service profile "
        "without an active data quota will be throttled or blocked from data service."
    )
    draft.happens(20 * HOUR, Event.DATA_QUOTA_ENABLED, text, source=Source.API, severity=Severity.WARN)
    for hours in range(19, 0, -3):
        draft.rejects_session(hours * HOUR, "endpoint has no quota.")
    draft.state = ("ATTACHED", None)


def _quota_expired(draft: Draft) -> None:
    draft.name, draft.kind = "Digital sign Nantes 4", 10
    ended = 30 * HOUR
    draft.spans = [(draft.anchor - 60 * DAY, draft.anchor - ended)]
    draft.quota = (3, 212.5, 500.0, draft.anchor - ended, draft.anchor - ended)
    draft.warns(ended, Event.DATA_QUOTA_EXPIRED, "Data quota of endpoint has expired.")
    draft.state = ("BLOCKED", None)


def _operator_blocked(draft: Draft) -> None:
    draft.name, draft.kind, draft.home = "Tracker Poznań 31", 1, 401
    draft.spans = [(draft.anchor - 60 * DAY, draft.anchor - 26 * HOUR)]
    draft.blocked = [_PLUS.id]
    for hours in range(25, 0, -2):
        _rejected(draft, hours * HOUR, _PLUS.name)
    draft.state = ("OFFLINE", "Unknown Location")


def _never_seen(draft: Draft) -> None:
    draft.name, draft.kind, draft.activated = "Water meter Bern 4407", 2, draft.anchor - 5 * DAY
    draft.since, draft.spans = draft.activated, list(_NEVER)
    draft.changes_status(5 * DAY, "Issued", "Activated", Event.SIM_ACTIVATION)
    draft.is_assigned(5 * DAY - SECOND)
    draft.state = ("OFFLINE", "Unknown Subscriber")


def _breaks_off(draft: Draft) -> None:
    draft.name, draft.kind = "Solar inverter Graz 17", 9
    draft.spans = [(draft.anchor - 60 * DAY, draft.anchor - 25 * HOUR)]
    for half_hours in range(40, 0, -1):
        draft.opens_and_ends(half_hours * 30 * MINUTE, 40 * SECOND, _TELEKOM, "em", (0.001, 0.002))
    draft.state = ("ATTACHED", None)


def _carries_nothing(draft: Draft) -> None:
    draft.name, draft.kind = "Coffee machine Basel 21", 5
    draft.spans = [(draft.anchor - 60 * DAY, draft.anchor - 2 * DAY)]
    for hours in range(47, 0, -6):
        draft.opens_and_ends(hours * HOUR, 2 * HOUR, _TELEKOM, "em", (0.0, 0.0))
    draft.state = ("ATTACHED", None)


def _attached_only(draft: Draft) -> None:
    draft.name, draft.kind, draft.activated = "EV charger Lyon 12", 6, draft.anchor - 3 * DAY
    draft.since, draft.spans = draft.activated, list(_NEVER)
    draft.changes_status(3 * DAY, "Issued", "Activated", Event.SIM_ACTIVATION)
    draft.is_assigned(3 * DAY - SECOND)
    for hours in range(70, 0, -9):
        draft.attaches(hours * HOUR, _TELEKOM)
    draft.state = ("ATTACHED", None)


def _counts_as_attached(draft: Draft) -> None:
    draft.name, draft.kind = "Cold room sensor Lille 6", 8
    draft.spans = [(draft.anchor - 60 * DAY, draft.anchor - 4 * DAY)]
    draft.state = ("ATTACHED", "Unknown Location")


def _lost(draft: Draft) -> None:
    draft.name, draft.kind = "Tracker TRK-LOST-3", 1
    draft.spans = [(draft.anchor - 60 * DAY, draft.anchor - 6 * DAY)]
    draft.state = ("OFFLINE", "Unknown Location")


def _coverage(draft: Draft) -> None:
    draft.name, draft.kind = "Tracker Bremerhaven 12", 1
    draft.spans = [(draft.anchor - 60 * DAY, draft.anchor - 22 * HOUR)]
    # How emnify words this is not documented.
    text = f"Location update rejected from VLR 49151000 (Telefonica) for IMSI {draft.imsi}. Roaming not allowed."
    for hours in range(21, 0, -2):
        draft.happens(hours * HOUR, Event.UPDATE_LOCATION, text, severity=Severity.WARN)
    draft.state = ("OFFLINE", "Unknown Location")


def _not_taken_yet(draft: Draft) -> None:
    draft.name, draft.kind, draft.activated = "Vending machine Wien 33", 7, draft.anchor - 7 * HOUR
    draft.since, draft.spans = draft.activated, list(_NEVER)
    draft.changes_status(7 * HOUR, "Issued", "Activated", Event.SIM_ACTIVATION)
    draft.is_assigned(7 * HOUR - SECOND)
    for hours in range(6, 0, -1):
        draft.attaches(hours * HOUR, _TELEKOM)
        draft.rejects_session(hours * HOUR - MINUTE, "SIM is not activated.")
    draft.state = ("ATTACHED", None)


def _refused(draft: Draft) -> None:
    draft.name, draft.kind = "Solar inverter Kassel 40", 9
    draft.spans = [(draft.anchor - 60 * DAY, draft.anchor - 9 * HOUR)]
    for hours in range(8, 0, -1):
        # No documented reason: emnify's own texts change, and a reader has to cope.
        draft.rejects_session(hours * HOUR, "no address is left in the IP address space of the workspace.")
    draft.state = ("ATTACHED", None)


def _blocked(draft: Draft) -> None:
    draft.name, draft.kind = "Coffee machine Ulm 3", 5
    draft.spans = [(draft.anchor - 60 * DAY, draft.anchor - 11 * HOUR)]
    draft.state = ("BLOCKED", None)


def _no_sms_left(draft: Draft) -> None:
    draft.name, draft.kind = "Elevator Essen Rüttenscheid 7", 4
    ended = 3 * DAY
    draft.sms_quota = (2, 0.0, 50.0, draft.anchor + 20 * DAY, draft.anchor - ended)
    draft.warns(ended, Event.SMS_QUOTA_USED_UP, "SMS quota volume is completely used up.")


def _workspace_blocked(draft: Draft) -> None:
    draft.customer, draft.name, draft.kind = OTHER_ORG, "Aufzug Wels Nord 1", 4
    ended = 10 * HOUR
    draft.spans = [(draft.anchor - 60 * DAY, draft.anchor - ended)]
    draft.happens(
        ended,
        Event.ORGANISATION_BLOCKED,
        "Blocking services for organisation, because of insufficient prepaid balance.",
        source=Source.POLICY_CONTROL,
        severity=Severity.WARN,
        alert=True,
        to_workspace=True,
    )
    draft.state = ("BLOCKED", None)


def _found_another(draft: Draft) -> None:
    draft.name, draft.kind = "Tracker Bremen 77", 1
    for hours in (60, 36, 12):
        _rejected(draft, hours * HOUR, "T-Mobile")
        draft.attaches(hours * HOUR - MINUTE, _TELEKOM)


def _locked_and_blocked(draft: Draft) -> None:
    draft.name, draft.kind, draft.imei_lock = "Elevator Linz Landstraße 40", 4, True
    draft.spans = [(draft.anchor - 60 * DAY, draft.anchor - 11 * HOUR)]
    draft.state = ("BLOCKED", None)


def _locked_and_well(draft: Draft) -> None:
    draft.name, draft.kind, draft.imei_lock = "Elevator Wels Ringstraße 2", 4, True


CASES: tuple[tuple[str, str, Callable[[Draft], None]], ...] = (
    ("no_quota", "its profile manages quotas since yesterday, and it has none", _no_quota),
    ("quota_expired", "its data quota was not used up, but its time is over", _quota_expired),
    ("operator_blocked", "stands where only a network serves that its own blocklist forbids", _operator_blocked),
    ("never_seen", "activated five days ago, and no network has seen it since", _never_seen),
    ("breaks_off", "its sessions break off after 40 seconds, twice an hour", _breaks_off),
    ("carries_nothing", "its sessions open and carry no byte", _carries_nothing),
    ("attached_only", "registers with the network since it is new, and never opens a session", _attached_only),
    ("counts_as_attached", "silent for four days, and still counts as attached", _counts_as_attached),
    ("lost", "silent for six days, and no event says why", _lost),
    ("found_another", "rejected three times, and taken in by another network each time", _found_another),
    ("coverage", "stands where only a network serves that its coverage policy leaves out", _coverage),
    ("not_taken_yet", "activated seven hours ago, and still refused as if it were not", _not_taken_yet),
    ("refused", "its sessions are refused for a reason that no document names", _refused),
    ("blocked", "blocked, and nothing that can be read says why", _blocked),
    ("no_sms_left", "online as ever, but its SMS quota is used up", _no_sms_left),
    ("workspace_blocked", "of a customer whose prepaid balance is used up", _workspace_blocked),
)
LATER_CASES: tuple[tuple[str, str, Callable[[Draft], None]], ...] = (
    ("locked_and_blocked", "blocked, its IMEI lock is on, and no event says why", _locked_and_blocked),
    ("locked_and_well", "its IMEI lock is on, and it works as it should", _locked_and_well),
)
"""Told after all others, so that those keep their numbers."""
