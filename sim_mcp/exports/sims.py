"""SIMs as rows: straight from what emnify sent, for a million of them have to be written in 40 s. Pure.

A SIM that looks as emnify documents it is taken apart here; whatever looks otherwise goes through the lenient models,
so that both read the same.
"""

from typing import Any, NamedTuple

from pydantic import ValidationError

from sim_mcp.emnify import Sim, SimStatus
from sim_mcp.emnify.documented import UnexpectedShapeError, label, number, printed, record, second, text
from sim_mcp.exports.cells import Row
from sim_mcp.exports.rows import moment, said

_STATUSES = {status.value: status.label for status in SimStatus}
_NOTHING: dict[str, Any] = {}


class SimRow(NamedTuple):
    """A row, and the id of its SIM, by which pages are compared."""

    id: int
    row: Row


def sim_row_of(raw: Any) -> SimRow | None:
    """Return a SIM that emnify sent (GET /api/v1/sim) as a row; None if it has no id."""
    try:
        row = _documented(raw)
        return SimRow(row["id"], row)
    except UnexpectedShapeError:
        try:
            return sim_row(Sim.model_validate(raw))
        except ValidationError:
            return None


def sim_row(sim: Sim) -> SimRow:
    """Return a SIM as a row."""
    device, model, known = sim.device, sim.model, sim.known_status
    customer, reseller, issuer = sim.customer_org, sim.reseller_org, sim.issuer_org
    row: Row = {
        "id": sim.id,
        "iccid": sim.printed_iccid,
        "iccid_19": sim.iccid,
        "iccid_in_groups": _grouped(sim.printed_iccid),
        "imsi": sim.imsi,
        "msisdn": sim.msisdn,
        "eid": sim.eid,
        "status": known.label if known is not None else said(sim.status),
        "device": device.name if device else None,
        "device_id": device.id if device else None,
        "ip": device.ip_address if device else None,
        "imei": device.imei if device else None,
        "tags": device.tags if device else None,
        "customer": customer.name if customer else None,
        "customer_id": customer.id if customer else None,
        "reseller": reseller.name if reseller else None,
        "reseller_id": reseller.id if reseller else None,
        "issuer": issuer.name if issuer else None,
        "model": model.description if model else None,
        "form_factor": said(model.formfactor) if model else None,
        "produced": moment(sim.production_date),
        "activated": moment(sim.activation_date),
    }
    return SimRow(sim.id, row)


def _documented(raw: Any) -> dict[str, Any]:
    # The models know what emnify calls an endpoint by this name too.
    if type(raw) is not dict or "device" in raw:
        raise UnexpectedShapeError
    get = raw.get
    device, model = record(get("endpoint")), record(get("model")) or _NOTHING
    of_device = (device or _NOTHING).get
    iccid = text(get("iccid"))
    full = text(get("iccid_with_luhn")) or printed(iccid)
    customer_id, customer = _organisation(get("customer_org"))
    reseller_id, reseller = _organisation(get("reseller_org"))
    return {
        "id": number(get("id")),
        "iccid": full,
        "iccid_19": iccid,
        "iccid_in_groups": _grouped(full),
        "imsi": text(get("imsi")),
        "msisdn": text(get("msisdn")),
        "eid": text(get("eid")),
        "status": _status(get("status")),
        "device": text(of_device("name")),
        "device_id": number(of_device("id")) if device else None,
        "ip": text(of_device("ip_address")),
        "imei": text(of_device("imei")),
        "tags": text(of_device("tags")),
        "customer": customer,
        "customer_id": customer_id,
        "reseller": reseller,
        "reseller_id": reseller_id,
        "issuer": _organisation(get("issuer_org"))[1],
        "model": text(model.get("description")),
        "form_factor": _form_factor(model.get("formfactor")),
        "produced": second(get("production_date")),
        "activated": second(get("activation_date")),
    }


def _status(value: Any) -> str | None:
    if value is None:
        return None
    status = record(value).get("id")
    if type(status) is int and status in _STATUSES:
        return _STATUSES[status]
    raise UnexpectedShapeError


def _organisation(value: Any) -> tuple[int | None, str | None]:
    if value is None:
        return None, None
    organisation = record(value)
    return number(organisation.get("id")), text(organisation.get("name"))


def _form_factor(value: Any) -> str | None:
    if value is None:
        return None
    described = label(record(value))
    if described:
        return described
    raise UnexpectedShapeError


def _grouped(iccid: str | None) -> str | None:
    """Return an ICCID in the groups of its card, with dashes: blanks could be taken for thousands."""
    return "-".join(iccid[start : start + 4] for start in range(0, len(iccid), 4)) if iccid else None
