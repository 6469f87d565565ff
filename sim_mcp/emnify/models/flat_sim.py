"""A SIM without nesting, as tables need it: the one place that says which field of emnify's JSON is which of ours.

A million SIMs have to be read in 40 s, so JSON in the shape that emnify documents is taken apart directly. Any other
shape goes through the lenient model `Sim`.
"""

from typing import Any, NamedTuple

from pydantic import ValidationError

from sim_mcp.emnify.identifiers import iccid_with_check_digit
from sim_mcp.emnify.models.documented_shape import (
    UnexpectedShapeError,
    label_text,
    non_negative_int,
    optional_object,
    optional_text,
    optional_timestamp,
    positive_int,
)
from sim_mcp.emnify.models.sim import Sim
from sim_mcp.formatting import format_timestamp

_ABSENT: dict[str, Any] = {}


class FlatSim(NamedTuple):
    """Hold one SIM of GET /api/v1/sim; text is as emnify sent it, moments are in UTC such as 2026-11-22T09:00:00Z."""

    id: int
    iccid: str | None
    """As printed on the card: with its check digit."""
    iccid_19: str | None
    """As emnify sends and searches it: without."""
    imsi: str | None
    msisdn: str | None
    eid: str | None
    status_id: int | None
    status: str | None
    device_id: int | None
    device: str | None
    ip: str | None
    imei: str | None
    tags: str | None
    customer_id: int | None
    customer: str | None
    reseller_id: int | None
    reseller: str | None
    issuer_id: int | None
    issuer: str | None
    model: str | None
    form_factor: str | None
    produced: str | None
    activated: str | None


def flat_sim(raw: Any) -> FlatSim | None:
    """Return a SIM as emnify sent it (GET /api/v1/sim), or None where it has no id."""
    try:
        return _flatten_json(raw)
    except UnexpectedShapeError:
        try:
            return flatten(Sim.model_validate(raw))
        except ValidationError:
            return None


def flatten(sim: Sim) -> FlatSim:
    """Return a SIM without nesting."""
    status, device, model = sim.status, sim.device, sim.model
    customer, reseller, issuer = sim.customer_org, sim.reseller_org, sim.issuer_org
    return FlatSim(
        id=sim.id,
        iccid=sim.printed_iccid,
        iccid_19=sim.iccid,
        imsi=sim.imsi,
        msisdn=sim.msisdn,
        eid=sim.eid,
        status_id=status.id if status else None,
        status=status.description if status else None,
        device_id=device.id if device else None,
        device=device.name if device else None,
        ip=device.ip_address if device else None,
        imei=device.imei if device else None,
        tags=device.tags if device else None,
        customer_id=customer.id if customer else None,
        customer=customer.name if customer else None,
        reseller_id=reseller.id if reseller else None,
        reseller=reseller.name if reseller else None,
        issuer_id=issuer.id if issuer else None,
        issuer=issuer.name if issuer else None,
        model=model.description if model else None,
        form_factor=model.formfactor.text if model and model.formfactor else None,
        produced=format_timestamp(sim.production_date) if sim.production_date else None,
        activated=format_timestamp(sim.activation_date) if sim.activation_date else None,
    )


def _flatten_json(raw: Any) -> FlatSim:
    # The model knows what emnify calls an endpoint by this name too.
    if type(raw) is not dict or "device" in raw:
        raise UnexpectedShapeError
    get = raw.get
    status = optional_object(get("status"))
    device = optional_object(get("endpoint"))
    of_device = (device or _ABSENT).get
    model = optional_object(get("model")) or _ABSENT
    form_factor = optional_object(model.get("formfactor"))
    customer = optional_object(get("customer_org"))
    reseller = optional_object(get("reseller_org"))
    issuer = optional_object(get("issuer_org"))
    iccid_19 = optional_text(get("iccid"))
    # By position: names would make it half as fast again.
    return FlatSim(
        positive_int(get("id")),
        optional_text(get("iccid_with_luhn")) or iccid_with_check_digit(iccid_19),
        iccid_19,
        optional_text(get("imsi")),
        optional_text(get("msisdn")),
        optional_text(get("eid")),
        non_negative_int(status.get("id")) if status else None,
        label_text(status) if status else None,
        positive_int(of_device("id")) if device else None,
        optional_text(of_device("name")),
        optional_text(of_device("ip_address")),
        optional_text(of_device("imei")),
        optional_text(of_device("tags")),
        positive_int(customer.get("id")) if customer else None,
        optional_text(customer.get("name")) if customer else None,
        positive_int(reseller.get("id")) if reseller else None,
        optional_text(reseller.get("name")) if reseller else None,
        positive_int(issuer.get("id")) if issuer else None,
        optional_text(issuer.get("name")) if issuer else None,
        optional_text(model.get("description")),
        _documented_form_factor(form_factor) if form_factor else None,
        optional_timestamp(get("production_date")),
        optional_timestamp(get("activation_date")),
    )


def _documented_form_factor(label: Any) -> str:
    if text := label_text(label):
        return text
    raise UnexpectedShapeError
