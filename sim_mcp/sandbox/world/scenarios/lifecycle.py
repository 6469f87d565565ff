"""SIMs at each point of their life: healthy, in test, suspended, in stock, of another customer, in no device."""

from sim_mcp.sandbox.world.catalogue import OTHER_ORG, RESELLER_ORG, RESOLD_ORG, DeviceStatus, EventType, Source, Status
from sim_mcp.sandbox.world.clock import DAY, HOUR, MINUTE, SECOND
from sim_mcp.sandbox.world.scenarios.scenario import Scenario
from sim_mcp.sandbox.world.sim_builder import SimBuilder

_JANA: dict[str, object] = {"id": 83901, "name": "Jana Peters", "username": "jana.peters@alpenwerk.example"}
"""Whom events name: emnify names people, and no applications (emnify docs: events reference)."""


def _healthy(sim: SimBuilder) -> None:
    sim.name, sim.tags, sim.kind = "Elevator Hamburg Hafentor 4", "elevator, emergency call", 4


def _no_device(sim: SimBuilder) -> None:
    sim.activated = sim.anchor - 170 * DAY


def _disabled_device(sim: SimBuilder) -> None:
    sim.name, sim.tags, sim.kind = "Vending machine Köln 19", "vending, winter break", 7
    sim.device_status = DeviceStatus.DISABLED
    sim.spans = [(sim.anchor - 160 * DAY, sim.anchor - 19 * DAY)]
    text = f"Status of Endpoint {sim.endpoint_id} changed to Disabled"
    sim.add_event(19 * DAY, EventType.ENDPOINT_DISABLED, text, source=Source.API, user=_JANA)
    sim.state = ("OFFLINE", "Unknown Subscriber")


def _factory_test_ended(sim: SimBuilder) -> None:
    sim.name, sim.kind, sim.home = "EV charger Wien 88", 6, 301
    ended = 4 * DAY + 5 * HOUR
    sim.activated = sim.since = sim.anchor - ended
    sim.add_status_change(9 * DAY, "Issued", "Factory Test", EventType.SIM_FACTORY_TEST)
    sim.add_device_assignment(9 * DAY - MINUTE)
    transition: dict[str, object] = {
        "sim": {
            "status": {"from": {"id": 4, "description": "FACTORY TEST"}, "to": {"id": 1, "description": "ACTIVATED"}}
        },
        "reason": "Factory test volume reached",
    }
    sim.add_event(
        ended,
        EventType.SIM_ACTIVATION,
        "SIM activated after factory test volume reached.",
        source=Source.POLICY_CONTROL,
        detail={"transition": transition},
    )


def _foreign(sim: SimBuilder) -> None:
    sim.customer, sim.name, sim.kind = OTHER_ORG, "Aufzug Linz Süd 3", 4


def _suspended(sim: SimBuilder) -> None:
    sim.status, sim.name, sim.kind = Status.SUSPENDED, "Tracker Kipper 12", 1
    sim.activated, sim.since = sim.anchor - 140 * DAY, sim.anchor - 12 * DAY
    sim.add_status_change(12 * DAY, "Activated", "Suspended", EventType.SIM_SUSPENSION, _JANA)
    for hours in range(36, 0, -6):
        sim.add_session_rejection(hours * HOUR, "SIM is not activated.")


def _fresh(sim: SimBuilder) -> None:
    sim.status, sim.since = Status.ISSUED, sim.anchor - 2 * HOUR
    sim.add_event(2 * HOUR, EventType.SIM_REGISTRATION, "Batch of 1 SIM(s) registered.", source=Source.API)


def _new_device(sim: SimBuilder) -> None:
    sim.name, sim.kind, sim.activated = "EV charger Zürich 301", 6, sim.anchor - 26 * HOUR
    sim.since, sim.home = sim.activated, 201
    text = f"Status of Endpoint {sim.endpoint_id} changed to Enabled"
    sim.add_event(26 * HOUR + SECOND, EventType.ENDPOINT_ENABLED, text, source=Source.API)
    sim.add_status_change(26 * HOUR, "Issued", "Activated", EventType.SIM_ACTIVATION)
    sim.add_device_assignment(26 * HOUR - SECOND)


def _factory_test(sim: SimBuilder) -> None:
    sim.status, sim.since, sim.name = Status.FACTORY_TEST, sim.anchor - 3 * DAY, "EV charger Wien 89"
    sim.kind = 6
    sim.add_status_change(3 * DAY, "Issued", "Factory Test", EventType.SIM_FACTORY_TEST)
    sim.add_device_assignment(3 * DAY - MINUTE)


def _euicc(sim: SimBuilder) -> None:
    sim.model, sim.name, sim.kind = 53, "Solar inverter Bern 14", 9


def _stock(sim: SimBuilder) -> None:
    sim.customer, sim.reseller, sim.status = None, RESELLER_ORG, Status.ISSUED


def _resold(sim: SimBuilder) -> None:
    sim.customer, sim.reseller, sim.kind, sim.home = RESOLD_ORG, RESELLER_ORG, 8, 601
    sim.name, sim.imsi_prefix, sim.msisdn = "Câmara fria São Paulo 9", "724510", f"55119{sim.index:08d}"


def _factory_test_ending(sim: SimBuilder) -> None:
    sim.status, sim.since, sim.name = Status.FACTORY_TEST, sim.anchor - 4 * DAY, "Water meter Wien 90"
    sim.kind, sim.home = 2, 301
    sim.add_status_change(4 * DAY, "Issued", "Factory Test", EventType.SIM_FACTORY_TEST)
    sim.add_device_assignment(4 * DAY - MINUTE)
    midnight = (sim.anchor // DAY - 2) * DAY
    sim.spans = [(midnight, midnight + DAY)]
    sim.trips = [(midnight, midnight + DAY, 301, 0.8)]


def _locked_and_well(sim: SimBuilder) -> None:
    sim.name, sim.kind, sim.imei_lock = "Elevator Wels Ringstraße 2", 4, True


SCENARIOS = (
    Scenario(0, "healthy", "a SIM in an elevator that works as it should", _healthy),
    Scenario(5, "no_device", "activated and billed, but in no device", _no_device),
    Scenario(
        6, "disabled_device", "activated and billed, but its device has been disabled for 19 days", _disabled_device
    ),
    Scenario(
        7,
        "factory_test_ended",
        "its factory test ended by itself when the test volume was reached",
        _factory_test_ended,
    ),
    Scenario(20, "foreign", "belongs to another customer", _foreign),
    Scenario(21, "suspended", "suspended twelve days ago; its device keeps trying", _suspended),
    Scenario(22, "fresh", "registered two hours ago and not yet activated", _fresh),
    Scenario(23, "new_device", "activated and assigned yesterday", _new_device),
    Scenario(24, "factory_test", "in factory test", _factory_test),
    Scenario(25, "euicc", "an eUICC with an EID", _euicc),
    Scenario(26, "stock", "in the stock of a reseller, of no customer yet", _stock),
    Scenario(27, "resold", "sold by a reseller to a customer in Brazil", _resold),
    Scenario(44, "factory_test_ending", "in factory test, with part of the test volume used", _factory_test_ending),
    Scenario(46, "locked_and_well", "its IMEI lock is on, and it works as it should", _locked_and_well),
)
