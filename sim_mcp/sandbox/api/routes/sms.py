"""SMS to devices and from them (`/api/v1/endpoint/{id}/sms`), numbers as strings as recorded."""

from sim_mcp.sandbox.api.answers import Answer, Backend, Refusal, nothing, php
from sim_mcp.sandbox.api.core import Call, RouteEntry, moment, reference
from sim_mcp.sandbox.store.store import SimRow
from sim_mcp.sandbox.world.catalogue import Status
from sim_mcp.sandbox.world.clock import offset_date
from sim_mcp.sandbox.world.messages import UNDER_WAY, Draft, Message, MessageKind, MessageStatus

_TEXTS = {
    MessageStatus.PENDING: "DELIVERY ATTEMPT PENDING",
    MessageStatus.IN_PROGRESS: "IN PROGRESS",
    MessageStatus.BUFFERED: "BUFFERED",
    MessageStatus.DELIVERED: "DELIVERED",
    MessageStatus.FAILED: "FAILED",
    MessageStatus.EXPIRED: "EXPIRED",
    MessageStatus.CANCELED: "CANCELED",
}
"""`EXPIRED` was recorded, the others are written like it (emnify docs: SMS reference)."""
_SOURCE_TYPES = {145: "International", 161: "National", 208: "Alphanumeric"}
_DEFAULT_SOURCE = ("EMnify", 208)
_LONGEST, _LONGEST_SOURCE = 160, 11


def list_messages(call: Call) -> Answer:
    """Answer `GET /api/v1/endpoint/{id}/sms`, the newest first."""
    endpoint = call.endpoint_or_empty()
    return php([_listed(message, call.store.sim(message.sim)) for message in call.core.messages.of(endpoint)])


def get_message(call: Call) -> Answer:
    """Answer `GET /api/v1/endpoint/{id}/sms/{sms}`."""
    message = _message(call)
    return php(_listed(message, call.store.sim(message.sim)))


def send_message(call: Call) -> Answer:
    """Answer `POST /api/v1/endpoint/{id}/sms`: 201 as recorded, empty, with its place in `Location`."""
    endpoint = call.endpoint_or_empty()
    body = call.json_object()
    payload, udh = body.get("payload"), str(body.get("udh") or "")
    source, source_type = body.get("source_address"), reference(body.get("source_address_type"))
    sim = call.store.sim_of_endpoint(endpoint.id)
    if not isinstance(payload, str) or not payload or (len(payload) > _LONGEST and not udh):
        raise _unprocessable(call)
    if source_type is not None and source_type not in _SOURCE_TYPES:
        raise _unprocessable(call)
    if source is not None and source_type == _DEFAULT_SOURCE[1] and len(str(source)) > _LONGEST_SOURCE:
        raise _unprocessable(call)
    if sim is None or sim.status != Status.ACTIVATED:
        raise _unprocessable(call)
    draft = Draft(
        payload=payload,
        source=_DEFAULT_SOURCE[0] if source is None else str(source),
        source_type=source_type or (_DEFAULT_SOURCE[1] if source is None else 145),
        udh=udh,
        dcs=_number(body.get("dcs")),
        expiry=moment(body.get("expiry_date")),
    )
    number = call.core.messages.send(endpoint, sim, draft)
    return nothing(Backend.PHP, 201).with_headers(call.location(f"/endpoint/{endpoint.id}/sms/{number}"))


def cancel_message(call: Call) -> Answer:
    """Answer `DELETE /api/v1/endpoint/{id}/sms/{sms}`: 200, empty; nothing is left to cancel once it is final."""
    message = _message(call)
    if message.status not in UNDER_WAY:
        return nothing(Backend.PHP, 409 if call.unknowns.cancel_final_sms == "409" else 422)
    call.core.messages.cancel(message)
    return nothing(Backend.PHP, 200)


def _message(call: Call) -> Message:
    message = call.core.messages.one(call.endpoint_or_empty(), call.number("sms"))
    if message is None:
        raise Refusal(nothing(Backend.PHP, 404))
    return message


def _unprocessable(call: Call) -> Refusal:
    return Refusal(nothing(Backend.PHP, 409 if call.unknowns.sms_refused == "409" else 422))


def _listed(message: Message, sim: SimRow | None) -> dict[str, object]:
    final = None if message.final is None else offset_date(message.final)
    delivered = message.status == MessageStatus.DELIVERED
    source = _SOURCE_TYPES[message.source_type]
    return {
        # A report of a delivery has statuses of its own; 4 was recorded.
        "dlr_status_id": "4",
        "organisation_id": str(message.org),
        "submit_date": offset_date(message.at),
        "delivery_date": final if delivered else offset_date(message.at),
        "expiry_date": offset_date(message.expiry),
        "final_date": final,
        "retry_date": None if message.final else offset_date(message.at),
        "last_delivery_attempt": final or offset_date(message.at),
        "retry_count": "0",
        "gsm_map_error": None,
        "dcs": str(message.dcs),
        "pid": "0",
        "source_address": message.source,
        "endpoint_id": str(message.endpoint),
        "sim_id": str(message.sim),
        "iccid": sim.iccid if sim else "",
        "called_party_prefix": None,
        "msisdn": sim.msisdn if sim else "",
        "imsi": sim.imsi if sim else "",
        "msc": None,
        "udh": message.udh,
        "payload": message.payload,
        "registered_delivery": "0",
        "smpp_bind_id": None,
        "p2p_ext": 0,
        "smpp_dlr_bind_id": None,
        "id": message.id,
        "status": {"description": _TEXTS[MessageStatus(message.status)], "id": message.status},
        "sms_type": {"description": MessageKind(message.kind).name, "id": message.kind},
        "source_address_type": {"description": source, "id": message.source_type},
        "esme_interface_type": {"description": "RestAPI", "id": 1},
    }


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 256 else 0  # noqa: PLR2004  # one octet


ROUTES: tuple[RouteEntry, ...] = (
    ("GET", "/endpoint/{id}/sms", list_messages),
    ("POST", "/endpoint/{id}/sms", send_message),
    ("GET", "/endpoint/{id}/sms/{sms}", get_message),
    ("DELETE", "/endpoint/{id}/sms/{sms}", cancel_message),
)
