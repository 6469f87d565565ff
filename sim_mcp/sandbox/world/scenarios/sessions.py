"""SIMs that register but whose data sessions are refused, break off or carry nothing."""

from sim_mcp.sandbox.world.catalogue import OPERATORS, EventType
from sim_mcp.sandbox.world.clock import DAY, HOUR, MINUTE, SECOND
from sim_mcp.sandbox.world.scenarios.scenario import Scenario
from sim_mcp.sandbox.world.sim_builder import SimBuilder

_TELEKOM = OPERATORS[4]
_VODAFONE = OPERATORS[5]
_NEVER = [(0, 0)]


def _wrong_apn(sim: SimBuilder) -> None:
    sim.name, sim.tags, sim.kind = "Coffee machine Bremen Markt 2", "coffee, telemetry, firmware 4.2", 5
    sim.spans = [(sim.anchor - 90 * DAY, sim.anchor - 6 * DAY)]
    for step in range(3):
        sim.add_location_updates(6 * DAY - (step + 1) * HOUR, _TELEKOM)
        sim.add_session(6 * DAY - (step + 1) * HOUR - MINUTE, 30 * SECOND, _TELEKOM, "internet.telekom", (0.0, 0.0))
    for hours in range(128, 0, -8):
        sim.add_location_updates(hours * HOUR, _TELEKOM)
    sim.state = ("ATTACHED", None)


def _imei_lock(sim: SimBuilder) -> None:
    sim.name, sim.tags, sim.kind, sim.imei_lock = "Elevator Graz Annenstraße 2", "elevator", 4, True
    sim.spans = [(sim.anchor - 90 * DAY, sim.anchor - 30 * HOUR)]
    device = sim.build_device()
    lock = f"IMEI lock active, but IMEIs do not match, EP IMEI={device.imei if device else ''}, "
    for hours in range(29, 0, -1):
        sim.add_session_rejection(hours * HOUR, lock + "IMEI provided from network = 8612340512345601")
    sim.add_location_updates(29 * HOUR + MINUTE, _TELEKOM)
    sim.state = ("BLOCKED", None)


def _data_disabled(sim: SimBuilder) -> None:
    sim.name, sim.kind = "Water meter Linz 5012", 2
    sim.spans = [(sim.anchor - 90 * DAY, sim.anchor - 40 * HOUR)]
    sim.add_location_updates(39 * HOUR, _VODAFONE)
    for hours in range(38, 0, -4):
        sim.add_session_rejection(hours * HOUR, "data service disabled in service profile.")
    sim.state = ("ATTACHED", None)


def _breaks_off(sim: SimBuilder) -> None:
    sim.name, sim.kind = "Solar inverter Graz 17", 9
    sim.spans = [(sim.anchor - 60 * DAY, sim.anchor - 25 * HOUR)]
    for half_hours in range(40, 0, -1):
        sim.add_session(half_hours * 30 * MINUTE, 40 * SECOND, _TELEKOM, "em", (0.001, 0.002))
    sim.state = ("ATTACHED", None)


def _carries_nothing(sim: SimBuilder) -> None:
    sim.name, sim.kind = "Coffee machine Basel 21", 5
    sim.spans = [(sim.anchor - 60 * DAY, sim.anchor - 2 * DAY)]
    for hours in range(47, 0, -6):
        sim.add_session(hours * HOUR, 2 * HOUR, _TELEKOM, "em", (0.0, 0.0))
    sim.state = ("ATTACHED", None)


def _not_taken_yet(sim: SimBuilder) -> None:
    sim.name, sim.kind, sim.activated = "Vending machine Wien 33", 7, sim.anchor - 7 * HOUR
    sim.since, sim.spans = sim.activated, list(_NEVER)
    sim.add_status_change(7 * HOUR, "Issued", "Activated", EventType.SIM_ACTIVATION)
    sim.add_device_assignment(7 * HOUR - SECOND)
    for hours in range(6, 0, -1):
        sim.add_location_updates(hours * HOUR, _TELEKOM)
        sim.add_session_rejection(hours * HOUR - MINUTE, "SIM is not activated.")
    sim.state = ("ATTACHED", None)


def _refused(sim: SimBuilder) -> None:
    sim.name, sim.kind = "Solar inverter Kassel 40", 9
    sim.spans = [(sim.anchor - 60 * DAY, sim.anchor - 9 * HOUR)]
    for hours in range(8, 0, -1):
        # No documented reason: emnify's own texts change, and a reader has to cope.
        sim.add_session_rejection(hours * HOUR, "no address is left in the IP address space of the workspace.")
    sim.state = ("ATTACHED", None)


def _locked_and_blocked(sim: SimBuilder) -> None:
    sim.name, sim.kind, sim.imei_lock = "Elevator Linz Landstraße 40", 4, True
    sim.spans = [(sim.anchor - 60 * DAY, sim.anchor - 11 * HOUR)]
    sim.state = ("BLOCKED", None)


SCENARIOS = (
    Scenario(2, "wrong_apn", "attached, but since a new configuration its sessions ask for a foreign APN", _wrong_apn),
    Scenario(15, "imei_lock", "locked to another device than the one it is in", _imei_lock),
    Scenario(17, "data_disabled", "attached, but its service profile has no data", _data_disabled),
    Scenario(32, "breaks_off", "its sessions break off after 40 seconds, twice an hour", _breaks_off),
    Scenario(33, "carries_nothing", "its sessions open and carry no byte", _carries_nothing),
    Scenario(39, "not_taken_yet", "activated seven hours ago, and still refused as if it were not", _not_taken_yet),
    Scenario(40, "refused", "its sessions are refused for a reason that no document names", _refused),
    Scenario(45, "locked_and_blocked", "blocked, its IMEI lock is on, and no event says why", _locked_and_blocked),
)
