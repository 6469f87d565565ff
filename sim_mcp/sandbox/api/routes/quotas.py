"""The quotas of devices (`/api/v1/endpoint/{id}/quota/data` and `…/sms`), and extensions of their traffic limit."""

from functools import partial

from sim_mcp.sandbox.api.answers import Answer, Backend, Refusal, nothing, php
from sim_mcp.sandbox.api.core import Call, RouteEntry, bad_request, moment, reference
from sim_mcp.sandbox.world.clock import from_ms
from sim_mcp.sandbox.world.entitlements import Quota, QuotaKind, QuotaStatus

_THRESHOLD = 20.0
_BLOCK = 1


def get_quota(call: Call, kind: QuotaKind) -> Answer:
    """Answer `GET …/quota/data` in MB, or `…/quota/sms` in SMS; 404 without a quota."""
    endpoint = call.endpoint_or_empty()
    quota = call.core.entitlements.quota(endpoint, kind)
    if quota is None:
        return nothing(Backend.PHP, 404)
    left = quota.volume
    if kind is QuotaKind.DATA and quota.status == QuotaStatus.ACTIVE:
        left = call.core.entitlements.left(endpoint, quota)
    return php(
        {
            "status": {"id": str(quota.status), "description": QuotaStatus(quota.status).name},
            "volume": left,
            "expiry_date": _blank_date(quota.expiry),
            "action_on_exhaustion": {"id": str(_BLOCK), "description": "Block"},
            "auto_refill": quota.refill,
            "threshold_percentage": quota.threshold,
            "threshold_volume": quota.assigned * quota.threshold / 100,
            "last_volume_added": quota.assigned,
            "last_status_change_date": _blank_date(quota.changed),
        }
    )


def set_quota(call: Call, kind: QuotaKind) -> Answer:
    """Answer `POST …/quota/data` and `…/quota/sms`, whose volume is all that is left from then on: 201, empty."""
    endpoint = call.endpoint_or_empty()
    body = call.json_object()
    status, volume, expiry = reference(body.get("status")), _number(body.get("volume")), moment(body.get("expiry_date"))
    if status not in set(QuotaStatus) or volume is None or volume < 0 or expiry is None:
        raise _unprocessable("status, volume and expiry_date are required.")
    action = reference(body.get("action_on_exhaustion"))
    if kind is QuotaKind.DATA and action != _BLOCK:
        raise _unprocessable("action_on_exhaustion is required, and its id has to be 1.")
    if kind is QuotaKind.SMS and _number(body.get("threshold_percentage")) is None:
        raise _unprocessable("threshold_percentage is required.")
    threshold = _number(body.get("threshold_percentage"))
    quota = Quota(
        status=status,
        volume=volume,
        assigned=volume,
        expiry=expiry,
        changed=call.core.clock.now(),
        threshold=_THRESHOLD if threshold is None else threshold,
        refill=int(bool(body.get("auto_refill"))),
    )
    call.core.entitlements.set_quota(endpoint, kind, quota, call.identity.user)
    return nothing(Backend.PHP, 201)


def delete_quota(call: Call, kind: QuotaKind) -> Answer:
    """Answer `DELETE …/quota/data` and `…/quota/sms`; 404 without a quota."""
    endpoint = call.endpoint_or_empty()
    removed = call.core.entitlements.remove_quota(endpoint, kind, call.identity.user)
    return nothing(Backend.PHP, 204 if removed else 404)


def list_limit_extensions(call: Call) -> Answer:
    """Answer `GET …/traffic_limit_extension`; its form is from emnify's OpenAPI description."""
    endpoint = call.endpoint_or_empty()
    rows = call.store.rows("SELECT id FROM limit_extension WHERE endpoint = ? ORDER BY id", endpoint.id)
    return php([_extension(call, int(str(row[0]))) for row in rows])


def create_limit_extension(call: Call) -> Answer:
    """Answer `POST …/traffic_limit_extension`, in MB: 201 with what was made."""
    endpoint = call.endpoint_or_empty()
    volume = _number(call.json_object().get("volume"))
    if volume is None or volume <= 0:
        raise bad_request("volume is required.")
    return php(_extension(call, call.core.entitlements.extend_limit(endpoint, volume)), 201)


def delete_limit_extensions(call: Call) -> Answer:
    """Answer `DELETE …/traffic_limit_extension`: all of them, even if there is none."""
    call.core.entitlements.remove_extensions(call.endpoint_or_empty())
    return nothing(Backend.PHP)


def _extension(call: Call, number: int) -> dict[str, object]:
    sql = "SELECT endpoint, volume, created, expires FROM limit_extension WHERE id = ?"
    endpoint, volume, created, expires = call.store.rows(sql, number)[0]
    return {
        "id": number,
        "endpoint_id": endpoint,
        "traffic_limit_id": 1,
        "volume": volume,
        "created_at": _blank_date(created),
        "expiration_date": _blank_date(expires),
    }


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value)


def _unprocessable(message: str) -> Refusal:
    return Refusal(php({"message": message}, 422))


def _blank_date(at: object) -> str:
    return from_ms(int(str(at))).strftime("%Y-%m-%d %H:%M:%S")


ROUTES: tuple[RouteEntry, ...] = (
    *(
        (method, f"/endpoint/{{id}}/quota/{name}", partial(handler, kind=kind))
        for name, kind in (("data", QuotaKind.DATA), ("sms", QuotaKind.SMS))
        for method, handler in (("GET", get_quota), ("POST", set_quota), ("DELETE", delete_quota))
    ),
    ("GET", "/endpoint/{id}/traffic_limit_extension", list_limit_extensions),
    ("POST", "/endpoint/{id}/traffic_limit_extension", create_limit_extension),
    ("DELETE", "/endpoint/{id}/traffic_limit_extension", delete_limit_extensions),
)
