"""SIMs stopped by a quota, a traffic limit or an unpaid bill."""

from sim_mcp.sandbox.world.catalogue import OTHER_ORG, EventType, Severity, Source
from sim_mcp.sandbox.world.clock import DAY, HOUR
from sim_mcp.sandbox.world.scenarios.scenario import Scenario
from sim_mcp.sandbox.world.sim_builder import SimBuilder


def _quota_exhausted(sim: SimBuilder) -> None:
    sim.name, sim.tags, sim.kind = "Digital sign Leipzig Hbf 11", "signage, quota 900 MB", 10
    out = 52 * HOUR
    sim.spans = [(sim.anchor - 90 * DAY, sim.anchor - out)]
    sim.quota = (2, 0.0, 900.0, sim.anchor + 9 * DAY, sim.anchor - out)
    text = (
        "Data quota assigned with volume of 900.000000 MB without daily refill "
        "and action on exhaustion set to blocking."
    )
    quota: dict[str, object] = {"threshold_percentage": 20, "threshold_volume": 180, "volume": 179.713}
    sim.add_event(21 * DAY, EventType.DATA_QUOTA_ASSIGNED, text, source=Source.API, alert=True)
    sim.add_warning(
        out + 40 * HOUR,
        EventType.QUOTA_THRESHOLD,
        "Endpoint quota threshold reached, volume is below 20%.",
        {"quota": quota},
    )
    sim.add_warning(
        out,
        EventType.QUOTA_USED_UP,
        "Quota volume is completely used up and data access denied for endpoint.",
        {"quota": quota | {"volume": "0.000000"}},
    )
    for hours in range(51, 0, -2):
        sim.add_session_rejection(
            hours * HOUR, "quota volume of endpoint is exhausted and defined action is to block data traffic."
        )
    sim.state = ("BLOCKED", None)


def _traffic_limit(sim: SimBuilder) -> None:
    sim.name, sim.tags, sim.kind = "Digital sign Dresden 5", "signage", 10
    sim.spans = [(sim.anchor - 90 * DAY, sim.anchor - 28 * HOUR)]
    sim.add_warning(28 * HOUR, EventType.ENDPOINT_BLOCKED, "Blocking data access for endpoint, traffic limit exceeded.")
    sim.limit_extension = (100.0, sim.anchor - 40 * DAY, sim.anchor - 9 * DAY)
    for hours in range(27, 0, -2):
        sim.add_session_rejection(hours * HOUR, "endpoint is currently blocked due to exceeded traffic limit")
    sim.state = ("BLOCKED", None)


def _no_quota(sim: SimBuilder) -> None:
    sim.name, sim.kind = "Vending machine Lille 8", 7
    sim.spans = [(sim.anchor - 60 * DAY, sim.anchor - 20 * HOUR)]
    text = (
        "Data quota management enabled for service profile (id = 438035), endpoints of this service profile "
        "without an active data quota will be throttled or blocked from data service."
    )
    sim.add_event(20 * HOUR, EventType.DATA_QUOTA_ENABLED, text, source=Source.API, severity=Severity.WARN)
    for hours in range(19, 0, -3):
        sim.add_session_rejection(hours * HOUR, "endpoint has no quota.")
    sim.state = ("ATTACHED", None)


def _quota_expired(sim: SimBuilder) -> None:
    sim.name, sim.kind = "Digital sign Nantes 4", 10
    ended = 30 * HOUR
    sim.spans = [(sim.anchor - 60 * DAY, sim.anchor - ended)]
    sim.quota = (3, 212.5, 500.0, sim.anchor - ended, sim.anchor - ended)
    sim.add_warning(ended, EventType.DATA_QUOTA_EXPIRED, "Data quota of endpoint has expired.")
    sim.state = ("BLOCKED", None)


def _blocked(sim: SimBuilder) -> None:
    sim.name, sim.kind = "Coffee machine Ulm 3", 5
    sim.spans = [(sim.anchor - 60 * DAY, sim.anchor - 11 * HOUR)]
    sim.state = ("BLOCKED", None)


def _no_sms_left(sim: SimBuilder) -> None:
    sim.name, sim.kind = "Elevator Essen Rüttenscheid 7", 4
    ended = 3 * DAY
    sim.sms_quota = (2, 0.0, 50.0, sim.anchor + 20 * DAY, sim.anchor - ended)
    sim.add_warning(ended, EventType.SMS_QUOTA_USED_UP, "SMS quota volume is completely used up.")


def _workspace_blocked(sim: SimBuilder) -> None:
    sim.customer, sim.name, sim.kind = OTHER_ORG, "Aufzug Wels Nord 1", 4
    ended = 10 * HOUR
    sim.spans = [(sim.anchor - 60 * DAY, sim.anchor - ended)]
    sim.add_event(
        ended,
        EventType.ORGANISATION_BLOCKED,
        "Blocking services for organisation, because of insufficient prepaid balance.",
        source=Source.POLICY_CONTROL,
        severity=Severity.WARN,
        alert=True,
        to_workspace=True,
    )
    sim.state = ("BLOCKED", None)


SCENARIOS = (
    Scenario(3, "quota_exhausted", "the data quota is used up and further sessions are blocked", _quota_exhausted),
    Scenario(16, "traffic_limit", "blocked since the traffic limit of its device was exceeded", _traffic_limit),
    Scenario(28, "no_quota", "its profile manages quotas since yesterday, and it has none", _no_quota),
    Scenario(29, "quota_expired", "its data quota was not used up, but its time is over", _quota_expired),
    Scenario(41, "blocked", "blocked, and nothing that can be read says why", _blocked),
    Scenario(42, "no_sms_left", "online as ever, but its SMS quota is used up", _no_sms_left),
    Scenario(43, "workspace_blocked", "of a customer whose prepaid balance is used up", _workspace_blocked),
)
