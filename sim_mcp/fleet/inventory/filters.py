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

    Organisations are compared by id or whole name, ignoring case. Model, form factor, numbers and `name_contains` match
    anywhere in the value, names ignoring case. `before` and `after` exclude the day itself; a SIM without the date
    matches neither.
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
    """ICCID, IMSI, MSISDN, EID, SIM id, device, customer, reseller or issuer."""
    fit: Literal["exact", "prefix", "part"]


class Found(NamedTuple):
    """The best matches, and how many there are in all."""

    matches: list[Match]
    total: int
