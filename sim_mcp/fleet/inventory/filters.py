"""Which SIMs of the fleet are meant, and what is known of each: the words that counting, grouping and finding share."""

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
OrderBy = Literal["id", "iccid", "eid", "status", "production_date", "activation_date", "device", "model", "customer"]


@dataclass(frozen=True)
class FleetFilter:
    """Say which SIMs are meant; every part that is given has to fit.

    Organisations, model and form factor are compared whole, whatever the case, organisations by id as well.
    Numbers and `name_contains` fit anywhere within, the name in any script and case. `before` and `after` leave the
    day itself out; a SIM without the date fits neither.
    """

    statuses: tuple[SimStatus, ...] = ()
    customer: str | None = None
    reseller: str | None = None
    issuer: str | None = None
    model: str | None = None
    form_factor: str | None = None
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
    """Only these; an empty one fits none."""


class FleetSim(NamedTuple):
    """A SIM as the inventory knows it; text of customers is as they wrote it."""

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
    """A SIM that was found: by which of its names, and how well that fits."""

    sim: FleetSim
    field: str
    """ICCID, IMSI, MSISDN, EID, SIM id, device, customer, reseller or issuer."""
    fit: Literal["exact", "prefix", "part"]


class Found(NamedTuple):
    """The best matches, and how many there are in all."""

    matches: list[Match]
    total: int
