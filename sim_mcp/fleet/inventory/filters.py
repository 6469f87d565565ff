"""Filters over the inventory, and the SIMs it returns."""

from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple

from sim_mcp.emnify import SimStatus

GroupBy = Literal[
    "status",
    "customer",
    "reseller",
    "issuer",
    "model",
    "form_factor",
    "has_device",
    "production_month",
    "activation_month",
]
OrderBy = Literal[
    "id",
    "iccid",
    "eid",
    "status",
    "production_date",
    "activation_date",
    "device",
    "model",
    "customer",
    "reseller",
    "issuer",
]


class Order(NamedTuple):
    """One key to sort by; SIMs without it come last in either direction."""

    by: OrderBy
    descending: bool = False


@dataclass(frozen=True)
class FleetFilter:
    """Select the SIMs that match every part that is given, and of a part with several values any of them.

    An organisation goes by its id or name, or by words that only its name holds. Numbers match anywhere in the value;
    model, form factor and `name_contains` by all their words, in any order. Names are compared whatever their case and
    accents. `before` and `after` exclude the day itself; a SIM without the date matches neither.
    """

    statuses: tuple[SimStatus, ...] = ()
    customers: tuple[str, ...] = ()
    resellers: tuple[str, ...] = ()
    issuers: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    form_factors: tuple[str, ...] = ()
    name_contains: str | None = None
    has_device: bool | None = None
    iccid: str | None = None
    imsi: str | None = None
    msisdn: str | None = None
    eid: str | None = None
    produced: date | None = None
    produced_before: date | None = None
    produced_after: date | None = None
    activated_before: date | None = None
    activated_after: date | None = None
    ids: tuple[int, ...] | None = None
    """Only these; an empty tuple matches none."""


class FleetSim(NamedTuple):
    """A SIM of the inventory; text of customers is as they wrote it."""

    id: int
    iccid: str | None
    """As printed, with its check digit, where that is known."""
    imsi: str | None
    msisdn: str | None
    eid: str | None
    status: SimStatus | None
    status_label: str
    device: str | None
    device_id: int | None
    ip: str | None
    imei: str | None
    tags: str | None
    customer: str | None
    customer_id: int | None
    reseller: str | None
    reseller_id: int | None
    issuer: str | None
    issuer_id: int | None
    model: str | None
    form_factor: str | None
    produced: date | None
    activated: date | None


class Match(NamedTuple):
    """A SIM that a search found, in which of its fields, and how well that matched."""

    sim: FleetSim
    field: str
    """ICCID, IMSI, MSISDN, EID, IMEI, SIM id, device id, IP address, device, tag, customer, reseller or issuer."""
    fit: Literal["exact", "prefix", "part", "near"]
    """Near: one digit differs, is missing or too many, or two have changed places."""


class Found(NamedTuple):
    """The best matches, and how many there are in all."""

    matches: list[Match]
    total: int
