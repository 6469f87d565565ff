"""The kinds of devices in the world: what they are called and how they use the network."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Habits:
    """Describe an ordinary day of a device."""

    sessions: int
    """Data sessions a day."""
    online: float
    """Share of the day spent in a data session."""
    rx_mb: float
    """Megabytes received a day."""
    tx_mb: float
    """Megabytes sent a day."""
    sms_mt: float = 0.0
    """SMS received a day, on average."""
    sms_mo: float = 0.0
    """SMS sent a day, on average."""
    rat: int = 6
    """Radio access type: 6 LTE, 2 2G, 1 3G, 8 NB-IoT."""
    apn: str = "em"


@dataclass(frozen=True)
class Kind:
    """Describe a kind of device."""

    id: int
    name: str
    """A pattern with `{place}` and `{n}`."""
    tag: str
    habits: Habits


KINDS = {
    kind.id: kind
    for kind in (
        Kind(1, "Tracker TRK-{n:06d}", "tracker", Habits(2, 0.8, 0.6, 1.9, 0.05, 0.02)),
        Kind(2, "Water meter {place} {n}", "meter", Habits(1, 0.01, 0.02, 0.06, rat=8)),
        Kind(3, "Electricity meter {place} {n}", "meter", Habits(2, 0.02, 0.05, 0.3)),
        Kind(4, "Elevator {place} {n}", "elevator, emergency call", Habits(1, 0.9, 0.3, 0.5, 0.1, 0.1)),
        Kind(5, "Coffee machine {place} {n}", "coffee, telemetry", Habits(2, 0.6, 3.1, 0.9)),
        Kind(6, "EV charger {place} {n}", "charger", Habits(1, 0.95, 2.4, 4.2)),
        Kind(7, "Vending machine {place} {n}", "vending, payment", Habits(3, 0.5, 1.2, 0.8)),
        Kind(8, "Cold room sensor {place} {n}", "cold chain", Habits(4, 0.05, 0.1, 0.4, rat=2)),
        Kind(9, "Solar inverter {place} {n}", "solar", Habits(1, 0.45, 0.7, 2.2)),
        Kind(10, "Digital sign {place} {n}", "signage", Habits(1, 0.9, 46.0, 1.4)),
    )
}
PLACES = (
    "Hamburg",
    "Lyon",
    "Wien",
    "Zürich",
    "Kraków",
    "Leipzig",
    "Graz",
    "Bremen",
    "Nantes",
    "Basel",
    "Łódź",
    "Köln",
    "Lille",
    "Linz",
    "Dresden",
    "Bern",
)
HOMES = (4, 4, 4, 5, 6, 101, 301, 201, 401, 102)
"""Home networks of devices; repeated ones are the more frequent."""
