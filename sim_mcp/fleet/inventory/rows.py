"""SIMs as rows of the inventory, with names kept apart: the rows of a fleet repeat few of them."""

from datetime import date
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

from sim_mcp.emnify import FlatSim, Sim, flat_sim, flatten
from sim_mcp.fleet.lookup.folding import fold_accents

Kind = str
Names = dict[tuple[Kind, int], str]
"""What numbers in rows stand for: organisations, models, form factors, and statuses."""

_INT64_END = 2**63
_DAY_LENGTH = 10


class Row(NamedTuple):
    """One SIM as the inventory keeps it; days are numbers such as 20261122."""

    id: int
    iccid: str | None
    imsi: str | None
    msisdn: str | None
    eid: str | None
    status: int | None
    device_id: int | None
    device: str | None
    folded: str | None
    """The device's name as it is searched."""
    ip: str | None
    imei: str | None
    tags: str | None
    folded_tags: str | None
    """The tags as they are searched, each between two commas."""
    customer: int | None
    reseller: int | None
    issuer: int | None
    model: int | None
    form_factor: int | None
    produced: int | None
    activated: int | None


def row_of_json(raw: Any, names: Names) -> Row | None:
    """Return a SIM that emnify sent (GET /api/v1/sim) as a row, its names put into `names`; None if it has no id."""
    sim = flat_sim(raw)
    return _row(sim, names) if sim is not None else None


def row_of_sim(sim: Sim, names: Names) -> Row | None:
    """Return a SIM as a row, its names put into `names`; None if its id is not positive."""
    return _row(flatten(sim), names)


def day_to_number(day: date) -> int:
    """Return a day as rows hold it, such as 20261122."""
    return day.year * 10_000 + day.month * 100 + day.day


def number_to_day(number: int | None) -> date | None:
    """Return the day a row holds."""
    return None if number is None else date(number // 10_000, number // 100 % 100, number % 100)


def _row(sim: FlatSim, names: Names) -> Row | None:
    if not 0 < sim.id < _INT64_END:
        return None
    if sim.status_id is not None and sim.status:
        names["status", sim.status_id] = sim.status
    return Row(
        sim.id,
        sim.iccid or None,
        sim.imsi or None,
        sim.msisdn or None,
        sim.eid or None,
        sim.status_id,
        sim.device_id,
        sim.device or None,
        fold_accents(sim.device) if sim.device else None,
        sim.ip or None,
        sim.imei or None,
        sim.tags or None,
        _fold_tags(sim.tags) if sim.tags else None,
        _organisation(sim.customer_id, sim.customer, names),
        _organisation(sim.reseller_id, sim.reseller, names),
        _organisation(sim.issuer_id, sim.issuer, names),
        _numbered("model", sim.model, names),
        _numbered("form_factor", sim.form_factor, names),
        _day_number(sim.produced),
        _day_number(sim.activated),
    )


def _organisation(number: int | None, name: str | None, names: Names) -> int | None:
    if number is None or not 0 < number < _INT64_END:
        return None
    if name:
        names["organisation", number] = name
    return number


def _numbered(kind: Kind, text: str | None, names: Names) -> int | None:
    """Return the number that stands for a text, the same in every process."""
    if not text:
        return None
    number = _digest(text)
    names[kind, number] = text
    return number


@lru_cache(maxsize=4096)
def _fold_tags(tags: str) -> str:
    # A fleet has few of them, each on many devices.
    return f",{','.join(fold_accents(tag) for tag in tags.split(','))},"


@lru_cache(maxsize=4096)
def _digest(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=6).digest(), "big")


def _day_number(timestamp: str | None) -> int | None:
    return None if timestamp is None else _number_of_day(timestamp[:_DAY_LENGTH])


@lru_cache(maxsize=8192)
def _number_of_day(day: str) -> int:
    return int(day.replace("-", ""))
