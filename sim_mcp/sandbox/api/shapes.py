"""SIMs and devices as JSON, keys in the recorded order; absent values have no key (`GET /api/v1/sim`, `/endpoint`)."""

from sim_mcp.sandbox.store.store import EndpointRow, SimRow
from sim_mcp.sandbox.world.catalogue import EUICC, MODELS, ORGANISATIONS, STATUS_NAMES, DeviceStatus, Status
from sim_mcp.sandbox.world.clock import offset_date
from sim_mcp.sandbox.world.identifiers import imei_with_luhn, ip_address

SERVICE_PROFILE = (438035, "Default service")
TARIFF_PROFILE = (424560, "Default coverage")
ADDRESS_SPACE = 24746
EURO = {"id": 1, "code": "EUR", "symbol": "€"}
_DEVICE_STATUS = {DeviceStatus.ENABLED: "Enabled", DeviceStatus.DISABLED: "Disabled", DeviceStatus.DELETED: "Deleted"}
_MODEL_SHAPES: dict[int, dict[str, object]] = {
    model.id: {
        "id": model.id,
        "description": model.description,
        "memory_size": model.memory_size,
        "formfactor": {"id": model.formfactor[0], "name": model.formfactor[1]},
        "manufacturer": {"id": model.manufacturer[0], "name": model.manufacturer[1]},
    }
    for model in MODELS.values()
}
_ORGANISATION_SHAPES: dict[int, dict[str, object]] = {
    org.id: {"id": org.id, "name": org.name, "country": {"id": org.country.id, "name": org.country.name}}
    for org in ORGANISATIONS.values()
}


def status_shape(status: int) -> dict[str, object]:
    """Return the status of a SIM."""
    return {"id": int(status), "description": STATUS_NAMES[Status(status)]}


def model_shape(model: int) -> dict[str, object]:
    """Return the model of a card."""
    return _MODEL_SHAPES[model]


def sim_shape(sim: SimRow, *, newer: bool) -> dict[str, object]:
    """Return a SIM as `/sim` shows it; newer adds the keys that the recordings of 2022 lack."""
    body: dict[str, object] = {"id": sim.id, "iccid": sim.iccid, "production_date": offset_date(sim.produced)}
    if sim.activated is not None:
        body["activation_date"] = offset_date(sim.activated)
    body["status"] = status_shape(sim.status)
    for key, org in (("customer_org", sim.customer), ("reseller_org", sim.reseller), ("issuer_org", sim.issuer)):
        if org is not None:
            body[key] = _ORGANISATION_SHAPES[org]
    if sim.endpoint is not None:
        body["endpoint"] = _device_in_sim(sim.endpoint, newer=newer)
    body |= {"imsi": sim.imsi, "msisdn": sim.msisdn, "model": _MODEL_SHAPES[sim.model]}
    if newer:
        body["iccid_with_luhn"] = sim.iccid_with_luhn
        if sim.eid is not None:
            body["eid"] = sim.eid
        number, description = MODELS[sim.model].profile_type
        body["profile_type"] = {"id": number, "description": description}
    return body


def endpoint_shape(endpoint: EndpointRow, sim: SimRow | None, *, listed: bool) -> dict[str, object]:
    """Return a device as `/endpoint` shows it, a little shorter when listed; without a SIM there is no such key."""
    tariff: dict[str, object] = {"id": TARIFF_PROFILE[0], "name": TARIFF_PROFILE[1]}
    space: dict[str, object] = {"id": ADDRESS_SPACE}
    if not listed:
        tariff["satellite_capable"] = False
        space |= {"ip_address_space": "10.128.0.0/9", "ip_address_version": 4}
    body: dict[str, object] = {
        "id": endpoint.id,
        "created": offset_date(endpoint.created),
        "last_updated": offset_date(endpoint.updated),
        "name": endpoint.name,
        "tags": endpoint.tags,
        "ip_address": ip_address(endpoint.ip),
        "imei": endpoint.imei,
        "imei_lock": bool(endpoint.imei_lock),
        "status": {"id": int(endpoint.status), "description": _DEVICE_STATUS[DeviceStatus(endpoint.status)]},
        "tariff_profile": tariff,
        "service_profile": {"id": SERVICE_PROFILE[0], "name": SERVICE_PROFILE[1]},
        "ip_address_space": space,
    }
    if sim is not None:
        body["sim"] = {
            "id": sim.id,
            "iccid": sim.iccid,
            "iccid_with_luhn": sim.iccid_with_luhn,
            "sim_profile_type_id": MODELS[sim.model].profile_type[0],
            "status": status_shape(sim.status),
            "imsi": sim.imsi,
            "msisdn": sim.msisdn,
        }
        if MODELS[sim.model].profile_type[0] == EUICC:
            body["sim"] |= {"eid": sim.eid}  # type: ignore[operator]  # it was made a dict two lines above
    return body


def _device_in_sim(endpoint: EndpointRow, *, newer: bool) -> dict[str, object]:
    body: dict[str, object] = {
        "id": endpoint.id,
        "name": endpoint.name,
        "imei": endpoint.imei,
        "created": offset_date(endpoint.created),
        "last_updated": offset_date(endpoint.updated),
        "organisation_id": endpoint.org,
        "service_profile_id": SERVICE_PROFILE[0],
        "tariff_profile_id": TARIFF_PROFILE[0],
        "tags": endpoint.tags,
        "ip_address": ip_address(endpoint.ip),
        "ip_address_space_id": ADDRESS_SPACE,
    }
    if newer and endpoint.imei is not None:
        body["imei_with_luhn"] = imei_with_luhn(endpoint.imei)
    return body
