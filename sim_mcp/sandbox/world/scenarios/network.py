"""SIMs that the radio network rejects, forgets or never saw, or that roam."""

from sim_mcp.sandbox.world.catalogue import OPERATORS, EventType, Severity
from sim_mcp.sandbox.world.clock import DAY, HOUR, MINUTE, SECOND
from sim_mcp.sandbox.world.scenarios.scenario import Scenario
from sim_mcp.sandbox.world.sim_builder import SimBuilder

_TELEKOM = OPERATORS[4]
_TURKCELL = OPERATORS[501]
_PLUS = OPERATORS[401]
_NEVER = [(0, 0)]
_REJECTED = (
    "Location update rejected from VLR 4860100{n} ({name}) for IMSI {imsi}. This operator is currently not "
    "supported for this IMSI. A different IMSI or operator will be used for the network registration."
)


def _rejected(sim: SimBuilder, ago: int, name: str) -> None:
    text = _REJECTED.format(n=sim.index % 10, name=name, imsi=sim.imsi)
    sim.add_event(ago, EventType.UPDATE_LOCATION, text, severity=Severity.WARN)


def _rejected_by_network(sim: SimBuilder) -> None:
    sim.name, sim.kind, sim.home = "Tracker Gdańsk 7", 1, 401
    sim.spans = [(sim.anchor - 90 * DAY, sim.anchor - 3 * DAY)]
    text = (
        "Location update rejected from VLR 48601000 (T-Mobile) for IMSI {imsi}. This operator is currently not "
        "supported for this IMSI. A different IMSI or operator will be used for the network registration."
    )
    for hours in range(70, 0, -3):
        sim.add_event(hours * HOUR, EventType.UPDATE_LOCATION, text.format(imsi=sim.imsi), severity=Severity.WARN)
    sim.state = ("OFFLINE", "Unknown Location")


def _went_silent(sim: SimBuilder) -> None:
    sim.name, sim.tags, sim.kind = "Cold room sensor Lyon 3", "cold chain", 8
    sim.home = 101
    sim.spans = [(sim.anchor - 120 * DAY, sim.anchor - 5 * DAY)]
    at = 3 * DAY + 7 * HOUR
    sim.add_event(
        at, EventType.PURGE_GPRS_LOCATION, f"SGSN location information has been purged for IMSI='{sim.imsi}'."
    )
    sim.add_event(at, EventType.PURGE_LOCATION, f"VLR location information has been purged for IMSI='{sim.imsi}'.")
    sim.state = ("OFFLINE", "Network Element Not Available")


def _roaming_spike(sim: SimBuilder) -> None:
    sim.name, sim.tags, sim.kind = "Tracker Trailer 40-118", "tracker, trailer", 1
    sim.trips = [(sim.anchor - 7 * DAY, sim.anchor - 3 * DAY, _TURKCELL.id, 26.0)]


def _operator_blocked(sim: SimBuilder) -> None:
    sim.name, sim.kind, sim.home = "Tracker Poznań 31", 1, 401
    sim.spans = [(sim.anchor - 60 * DAY, sim.anchor - 26 * HOUR)]
    sim.blocked = [_PLUS.id]
    for hours in range(25, 0, -2):
        _rejected(sim, hours * HOUR, _PLUS.name)
    sim.state = ("OFFLINE", "Unknown Location")


def _never_seen(sim: SimBuilder) -> None:
    sim.name, sim.kind, sim.activated = "Water meter Bern 4407", 2, sim.anchor - 5 * DAY
    sim.since, sim.spans = sim.activated, list(_NEVER)
    sim.add_status_change(5 * DAY, "Issued", "Activated", EventType.SIM_ACTIVATION)
    sim.add_device_assignment(5 * DAY - SECOND)
    sim.state = ("OFFLINE", "Unknown Subscriber")


def _attached_only(sim: SimBuilder) -> None:
    sim.name, sim.kind, sim.activated = "EV charger Lyon 12", 6, sim.anchor - 3 * DAY
    sim.since, sim.spans = sim.activated, list(_NEVER)
    sim.add_status_change(3 * DAY, "Issued", "Activated", EventType.SIM_ACTIVATION)
    sim.add_device_assignment(3 * DAY - SECOND)
    for hours in range(70, 0, -9):
        sim.add_location_updates(hours * HOUR, _TELEKOM)
    sim.state = ("ATTACHED", None)


def _counts_as_attached(sim: SimBuilder) -> None:
    sim.name, sim.kind = "Cold room sensor Lille 6", 8
    sim.spans = [(sim.anchor - 60 * DAY, sim.anchor - 4 * DAY)]
    sim.state = ("ATTACHED", "Unknown Location")


def _lost(sim: SimBuilder) -> None:
    sim.name, sim.kind = "Tracker TRK-LOST-3", 1
    sim.spans = [(sim.anchor - 60 * DAY, sim.anchor - 6 * DAY)]
    sim.state = ("OFFLINE", "Unknown Location")


def _found_another(sim: SimBuilder) -> None:
    sim.name, sim.kind = "Tracker Bremen 77", 1
    for hours in (60, 36, 12):
        _rejected(sim, hours * HOUR, "T-Mobile")
        sim.add_location_updates(hours * HOUR - MINUTE, _TELEKOM)


def _coverage(sim: SimBuilder) -> None:
    sim.name, sim.kind = "Tracker Bremerhaven 12", 1
    sim.spans = [(sim.anchor - 60 * DAY, sim.anchor - 22 * HOUR)]
    # How emnify words this is not documented.
    text = f"Location update rejected from VLR 49151000 (Telefonica) for IMSI {sim.imsi}. Roaming not allowed."
    for hours in range(21, 0, -2):
        sim.add_event(hours * HOUR, EventType.UPDATE_LOCATION, text, severity=Severity.WARN)
    sim.state = ("OFFLINE", "Unknown Location")


SCENARIOS = (
    Scenario(
        1,
        "rejected_by_network",
        "location updates rejected for three days, nothing accepted since",
        _rejected_by_network,
    ),
    Scenario(4, "went_silent", "sent its last data five days ago; then the networks forgot it", _went_silent),
    Scenario(8, "roaming_spike", "a trailer that spent four days in Turkey, at another price", _roaming_spike),
    Scenario(
        30, "operator_blocked", "stands where only a network serves that its own blocklist forbids", _operator_blocked
    ),
    Scenario(31, "never_seen", "activated five days ago, and no network has seen it since", _never_seen),
    Scenario(
        34, "attached_only", "registers with the network since it is new, and never opens a session", _attached_only
    ),
    Scenario(35, "counts_as_attached", "silent for four days, and still counts as attached", _counts_as_attached),
    Scenario(36, "lost", "silent for six days, and no event says why", _lost),
    Scenario(37, "found_another", "rejected three times, and taken in by another network each time", _found_another),
    Scenario(38, "coverage", "stands where only a network serves that its coverage policy leaves out", _coverage),
)
