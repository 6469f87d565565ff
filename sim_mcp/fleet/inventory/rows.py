"""SIMs as rows of the inventory: straight from what emnify sent, for a million of them have to be read in 40 s.

A row that looks as emnify documents it is taken apart here; whatever looks otherwise goes through the lenient models,
so that both read the same.
"""

import unicodedata
from datetime import date, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

from pydantic import ValidationError

from sim_mcp.emnify import Organisation, Sim, documented
from sim_mcp.emnify.documented import text
from sim_mcp.sanitize import visible

Kind = str
Names = dict[tuple[Kind, int], str]
"""What numbers in rows stand for: organisations, models, form factors, and statuses."""

_MOST = 2**63


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
    """The device's name as it is compared."""
    ip: str | None
    customer: int | None
    reseller: int | None
    issuer: int | None
    model: int | None
    form_factor: int | None
    produced: int | None
    activated: int | None


def row_of(raw: Any, names: Names) -> Row | None:
    """Return a SIM that emnify sent (GET /api/v1/sim) as a row, its names put into `names`; None if it has no id."""
    try:
        return _plain(raw, names)
    except documented.UnexpectedShapeError:
        try:
            return row_of_sim(Sim.model_validate(raw), names)
        except ValidationError:
            return None


def row_of_sim(sim: Sim, names: Names) -> Row | None:
    """Return a SIM as a row, its names put into `names`; None if its id is none."""
    if not 0 < sim.id < _MOST:
        return None
    label = sim.status.description if sim.status else None
    if sim.status_id is not None and label:
        names["status", sim.status_id] = label
    device = sim.device
    name = (device.name or None) if device else None
    model = sim.model
    return Row(
        sim.id,
        sim.printed_iccid or None,
        sim.imsi or None,
        sim.msisdn or None,
        sim.eid or None,
        sim.status_id,
        device.id if device else None,
        name,
        fold(name) if name else None,
        (device.ip_address or None) if device else None,
        _named_organisation(sim.customer_org, names),
        _named_organisation(sim.reseller_org, names),
        _named_organisation(sim.issuer_org, names),
        _numbered("model", model.description if model else None, names),
        _numbered("form_factor", model.formfactor.description if model and model.formfactor else None, names),
        _day_number(sim.production_date),
        _day_number(sim.activation_date),
    )


def fold(text: str) -> str:
    """Return a name as it is compared: whatever its case, however its accents are written, and as people see it.

    Names are shown without what nobody sees of them, and what was shown has to be found again.
    """
    seen = " ".join(visible(text).split())
    if seen.isascii():
        return seen.casefold()
    # A capital İ folds to an i with a second dot, which nobody types.
    return unicodedata.normalize("NFC", seen).casefold().replace("i\u0307", "i")


def number_of(day: date) -> int:
    """Return a day as rows hold it."""
    return day.year * 10_000 + day.month * 100 + day.day


def day_of(number: int | None) -> date | None:
    """Return the day a row holds."""
    return None if number is None else date(number // 10_000, number // 100 % 100, number % 100)


def _plain(raw: Any, names: Names) -> Row:
    if type(raw) is not dict:
        raise documented.UnexpectedShapeError
    get = raw.get
    device = documented.record(get("endpoint"))
    name = text(device.get("name")) or None if device else None
    model = documented.record(get("model"))
    factor = documented.record(model.get("formfactor")) if model else None
    return Row(
        documented.number(get("id")),
        text(get("iccid_with_luhn")) or documented.printed(text(get("iccid"))) or None,
        text(get("imsi")) or None,
        text(get("msisdn")) or None,
        text(get("eid")) or None,
        _status(documented.record(get("status")), names),
        documented.number(device.get("id")) if device else None,
        name,
        fold(name) if name else None,
        text(device.get("ip_address")) or None if device else None,
        _organisation(documented.record(get("customer_org")), names),
        _organisation(documented.record(get("reseller_org")), names),
        _organisation(documented.record(get("issuer_org")), names),
        _numbered("model", text(model.get("description")), names) if model else None,
        _numbered("form_factor", documented.label(factor), names) if factor else None,
        _day(get("production_date")),
        _day(get("activation_date")),
    )


def _status(status: Any, names: Names) -> int | None:
    if status is None:
        return None
    number = documented.number_or_zero(status.get("id"))
    label = documented.label(status)
    if label:
        names["status", number] = label
    return number


def _organisation(organisation: Any, names: Names) -> int | None:
    if organisation is None:
        return None
    number = documented.number(organisation.get("id"))
    name = text(organisation.get("name"))
    if name:
        names["organisation", number] = name
    return number


def _named_organisation(organisation: Organisation | None, names: Names) -> int | None:
    if organisation is None or not 0 < organisation.id < _MOST:
        return None
    if organisation.name:
        names["organisation", organisation.id] = organisation.name
    return organisation.id


def _numbered(kind: Kind, text: str | None, names: Names) -> int | None:
    """Return the number that stands for a text, the same in every process."""
    if not text:
        return None
    number = _digest(text)
    names[kind, number] = text
    return number


@lru_cache(maxsize=4096)
def _digest(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=6).digest(), "big")


def _day(value: Any) -> int | None:
    day = documented.day(value)
    return None if day is None else _day_written(day)


@lru_cache(maxsize=8192)
def _day_written(day: str) -> int:
    return number_of(date.fromisoformat(day))


def _day_number(moment: datetime | None) -> int | None:
    return None if moment is None else number_of(moment)
