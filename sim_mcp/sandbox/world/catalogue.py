"""Reference data: statuses, event types, SIM models, networks, organisations."""

from dataclasses import dataclass
from enum import IntEnum


class Status(IntEnum):
    """Ids of the statuses of a SIM (`GET /api/v1/sim/status`)."""

    ISSUED = 0
    ACTIVATED = 1
    SUSPENDED = 2
    DELETED = 3
    FACTORY_TEST = 4


STATUS_NAMES = {
    Status.ISSUED: "Issued",
    Status.ACTIVATED: "Activated",
    Status.SUSPENDED: "Suspended",
    Status.DELETED: "Deleted",
    Status.FACTORY_TEST: "Factory Test",
}

TRANSITIONS: dict[int, frozenset[int]] = {
    Status.ISSUED: frozenset({Status.ACTIVATED, Status.FACTORY_TEST}),
    Status.ACTIVATED: frozenset({Status.SUSPENDED}),
    Status.SUSPENDED: frozenset({Status.ACTIVATED}),
    Status.DELETED: frozenset(),
    Status.FACTORY_TEST: frozenset({Status.ACTIVATED}),
}
"""Statuses that may follow each by PATCH (emnify docs: SIM lifecycle)."""


class DeviceStatus(IntEnum):
    """Ids of the statuses of a device (`GET /api/v1/endpoint/{id}`)."""

    ENABLED = 0
    DISABLED = 1
    DELETED = 2


class Source(IntEnum):
    """Ids of the sources of events (emnify docs: event types)."""

    NETWORK = 0
    POLICY_CONTROL = 1
    API = 2


class Severity(IntEnum):
    """Ids of the severities of events (emnify docs: event types)."""

    INFO = 0
    WARN = 1
    CRITICAL = 2


SOURCE_NAMES = {Source.NETWORK: "Network", Source.POLICY_CONTROL: "Policy Control", Source.API: "API"}
SEVERITY_NAMES = {Severity.INFO: "Info", Severity.WARN: "Warn", Severity.CRITICAL: "Critical"}


class EventType(IntEnum):
    """Ids of the event types that the sandbox itself creates (`GET /api/v1/event/type`)."""

    UPDATE_LOCATION = 1
    UPDATE_GPRS_LOCATION = 2
    CREATE_PDP = 3
    DELETE_PDP = 5
    APP_AUTH_FAILED = 7
    SIM_ACTIVATION = 8
    SIM_SUSPENSION = 9
    SIM_DELETION = 10
    ENDPOINT_BLOCKED = 11
    ORGANISATION_BLOCKED = 12
    PURGE_LOCATION = 15
    PURGE_GPRS_LOCATION = 16
    QUOTA_THRESHOLD = 18
    QUOTA_USED_UP = 19
    SMS_QUOTA_USED_UP = 21
    ENDPOINT_ENABLED = 42
    ENDPOINT_DISABLED = 43
    SIM_FACTORY_TEST = 45
    SIM_REGISTRATION = 48
    SIM_RELEASED = 50
    SIM_ASSIGNED = 51
    DATA_QUOTA_ENABLED = 52
    DATA_QUOTA_ASSIGNED = 56
    DATA_QUOTA_DELETED = 57
    SMS_QUOTA_ASSIGNED = 58
    SMS_QUOTA_DELETED = 59
    DATA_QUOTA_EXPIRED = 60
    RESET_CONNECTIVITY = 68
    SIM_MIGRATION = 69


EVENT_TYPES = {
    0: "Generic",
    1: "Update location",
    2: "Update GPRS location",
    3: "Create PDP Context",
    4: "Update PDP Context",
    5: "Delete PDP Context",
    6: "User authentication failed",
    7: "Application authentication failed",
    8: "SIM activation",
    9: "SIM suspension",
    10: "SIM deletion",
    11: "Endpoint blocked",
    12: "Organisation blocked",
    13: "Support Access",
    14: "Multi-factor Authentication",
    15: "Purge location",
    16: "Purge GPRS location",
    17: "Self-Signup",
    18: "Quota threshold reached",
    19: "Quota used up",
    20: "SMS quota threshold reached",
    21: "SMS quota used up",
    22: "CloudConnect TGW Resource Share created",
    23: "CloudConnect TGW available",
    25: "CloudConnect TGW breakout terminated",
    30: "OpenVPN authentication",
    31: "Organisation updated",
    32: "Billing configuration updated",
    33: "Tariff plan updated",
    34: "Usage tariff updated",
    36: "User invited",
    37: "Password reset requested",
    38: "Order submitted",
    39: "Order updated",
    40: "User verification requested",
    41: "User verified",
    42: "Endpoint enabled",
    43: "Endpoint disabled",
    45: "SIM factory test",
    46: "User deleted",
    48: "SIM registration",
    50: "SIM Released",
    51: "SIM Assigned",
    52: "Data quota enabled",
    53: "Data quota disabled",
    54: "SMS quota enabled",
    55: "SMS quota disabled",
    56: "Data quota assigned",
    57: "Data quota deleted",
    58: "SMS quota assigned",
    59: "SMS quota deleted",
    60: "Data quota expired",
    67: "User switched workspaces",
    68: "Reset connectivity",
    69: "SIM migration",
}

STATUS_EVENTS = {
    Status.ACTIVATED: EventType.SIM_ACTIVATION,
    Status.SUSPENDED: EventType.SIM_SUSPENSION,
    Status.FACTORY_TEST: EventType.SIM_FACTORY_TEST,
    Status.DELETED: EventType.SIM_DELETION,
}


@dataclass(frozen=True)
class Model:
    """A SIM model, as in `model` of a SIM; names keep their recorded trailing blanks."""

    id: int
    description: str
    memory_size: int
    formfactor: tuple[int, str]
    manufacturer: tuple[int, str]
    profile_type: tuple[int, str] = (1, "UICC")


MODELS = {
    model.id: model
    for model in (
        Model(4, "Classic", 128, (6, "1/2/3FF (3in1) "), (2, "Bluefish")),
        Model(44, "DIM Commercial - 4in1 1/2 size", 64, (11, "1/2/3/4FF (4in1) 1/2 size"), (5, "Idemia")),
        Model(52, "DIM Industrial - 3FF", 64, (3, "3FF (Micro)"), (5, "Idemia")),
        Model(53, "eUICC Industrial - MFF2", 256, (5, "MFF2"), (5, "Idemia"), (5, "IoT eUICC Profile")),
    )
}
"""The first three were recorded; the last stands for eUICC cards."""
EUICC = 5
"""Profile type of cards with an EID (emnify docs: SIM reference)."""


@dataclass(frozen=True)
class Country:
    """A country, as in events and organisations."""

    id: int
    name: str
    country_code: str
    mcc: str
    iso_code: str
    latitude: str
    longitude: str


@dataclass(frozen=True)
class Operator:
    """A mobile network and its price per MB."""

    id: int
    name: str
    country: Country
    mnc: str
    tapcode: str
    eur_per_mb: float = 0.05


_GERMANY = Country(74, "Germany", "49", "262", "de", "51.000000", "9.000000")
_FRANCE = Country(68, "France", "33", "208", "fr", "46.000000", "2.000000")
_SWITZERLAND = Country(192, "Switzerland", "41", "228", "ch", "47.000000", "8.000000")
_AUSTRIA = Country(14, "Austria", "43", "232", "at", "47.333300", "13.333300")
_POLAND = Country(158, "Poland", "48", "260", "pl", "52.000000", "20.000000")
_TURKEY = Country(203, "Turkey", "90", "286", "tr", "39.000000", "35.000000")
_BRAZIL = Country(29, "Brazil", "55", "724", "br", "-10.000000", "-55.000000")
_UKRAINE = Country(206, "Ukraine", "380", "255", "ua", "49.000000", "32.000000")
_NOWHERE = Country(219, "NonTerrestrial 883", "883", "901", "n/a", "0.000000", "0.000000")

OPERATORS = {
    operator.id: operator
    for operator in (
        Operator(4, "Telekom", _GERMANY, "01", "DEUD1"),
        Operator(5, "Vodafone", _GERMANY, "02", "DEUD2"),
        Operator(6, "Telefonica", _GERMANY, "03", "DEUE1"),
        Operator(101, "Orange", _FRANCE, "01", "FRAF1"),
        Operator(102, "SFR", _FRANCE, "10", "FRAF2"),
        Operator(201, "Swisscom", _SWITZERLAND, "01", "CHEC1", 0.12),
        Operator(301, "A1", _AUSTRIA, "01", "AUTPT"),
        Operator(401, "Plus", _POLAND, "01", "POL01"),
        Operator(501, "Turkcell", _TURKEY, "01", "TURTC", 2.9),
        Operator(601, "Vivo", _BRAZIL, "06", "BRAV1", 0.09),
        Operator(552, "Kyivstar", _UKRAINE, "03", "UKRKS", 0.15),
    )
}

RATS = {2: "2G", 1: "3G", 6: "LTE", 8: "NB-IoT"}


class Role(IntEnum):
    """Roles, which decide what an organisation may do with SIMs (`PATCH /api/v1/sim/{id}`)."""

    ENTERPRISE = 1
    RESELLER = 2
    ISSUER = 3


@dataclass(frozen=True)
class Organisation:
    """A workspace and its parent."""

    id: int
    name: str
    country: Country
    role: Role
    parent: int | None


ISSUER_ORG = 2
RESELLER_ORG = 9100
SECOND_RESELLER_ORG = 9101
SERVICE_PROVIDER_ORG = 9200
ENTERPRISE_ORG = 13886
RESOLD_ORG = 13887
OTHER_ORG = 13888

ORGANISATIONS = {
    each.id: each
    for each in (
        Organisation(ISSUER_ORG, "org2", _NOWHERE, Role.ISSUER, None),
        Organisation(RESELLER_ORG, "Nordlicht IoT Vertrieb", _GERMANY, Role.RESELLER, ISSUER_ORG),
        Organisation(SECOND_RESELLER_ORG, "Rhône Connect", _FRANCE, Role.RESELLER, ISSUER_ORG),
        Organisation(SERVICE_PROVIDER_ORG, "Ostsee Mobil", _POLAND, Role.ISSUER, ISSUER_ORG),
        Organisation(ENTERPRISE_ORG, "Alpenwerk Devices", _GERMANY, Role.ENTERPRISE, ISSUER_ORG),
        Organisation(RESOLD_ORG, "Brisa Refrigeração", _BRAZIL, Role.ENTERPRISE, RESELLER_ORG),
        Organisation(OTHER_ORG, "Kontrast Aufzüge", _AUSTRIA, Role.ENTERPRISE, ISSUER_ORG),
    )
}


def family(org: int, role: Role) -> list[int]:
    """Return an organisation and its children of the same role, whose SIMs it sees too."""
    return [org, *(each.id for each in ORGANISATIONS.values() if each.parent == org and each.role == role)]
