"""The routes of devices, as far as they explain a SIM (`/api/v1/endpoint`)."""

from sim_mcp.sandbox.api.answers import Answer, Backend, Refusal, error, express, not_allowed, nothing, php, scala
from sim_mcp.sandbox.api.core import Call, RouteEntry, bad_request, reference
from sim_mcp.sandbox.api.query import ENDPOINT_ORDER, Page, main_page, order
from sim_mcp.sandbox.api.routes.connectivity import connectivity, subscriber_info
from sim_mcp.sandbox.api.routes.sims import days_answer, months_answer
from sim_mcp.sandbox.api.shapes import SERVICE_PROFILE, TARIFF_PROFILE, endpoint_shape
from sim_mcp.sandbox.store.store import EndpointRow, SimRow
from sim_mcp.sandbox.world.catalogue import OPERATORS, DeviceStatus, EventType
from sim_mcp.sandbox.world.clock import from_ms
from sim_mcp.sandbox.world.events import operator_detail

_PAGE = 1000
_TEXT_FIELDS = ("name", "tags", "imei")


def list_endpoints(call: Call) -> Answer:
    """Answer `GET /api/v1/endpoint`."""
    columns, sort = order(call.query.get("sort"), ENDPOINT_ORDER)
    selection = call.core.filters.endpoints(call.org, call.query.get("q"), columns)
    number, size = main_page(call.query, _PAGE, _PAGE)
    page = Page(number, size, call.store.count("endpoint", selection), call.unknowns.last_page_overflow)
    rows = call.store.endpoints(call.store.page("endpoint", selection, page.size, page.offset))
    bodies = [endpoint_shape(row, call.store.sim_of_endpoint(row.id), listed=True) for row in rows]
    extra = [
        ("X-Count", str(page.total)),
        ("X-Per-Page", str(page.size)),
        ("X-Page", str(page.current)),
        ("X-Pages", str(page.pages)),
    ]
    return express(bodies, backend=Backend.DEVICES).with_headers(*page.headers(sort), *extra)


def get_endpoint(call: Call) -> Answer:
    """Answer `GET /api/v1/endpoint/{id}`."""
    endpoint = call.endpoint()
    shape = endpoint_shape(endpoint, call.store.sim_of_endpoint(endpoint.id), listed=False)
    return express(shape, backend=Backend.DEVICES)


def update_endpoint(call: Call) -> Answer:
    """Answer `PATCH /api/v1/endpoint/{id}`: names, status, IMEI lock, and the SIM in it."""
    endpoint = call.endpoint()
    body = call.json_object()
    _check_profiles(body)
    joining = _joining(call, endpoint, body)
    status = _status(body)
    if "name" in body and not body["name"]:
        detail: dict[str, object] = {"error_code": 1402, "error_token": "Required", "message": "Name is required."}
        raise Refusal(error(422, 1400, "InputValidationFailed", "Update endpoint validation error", errors=[detail]))
    with call.store.changing() as sql:
        for name in _TEXT_FIELDS:
            if name in body:
                value = None if body[name] is None else str(body[name])
                sql.execute(f"UPDATE endpoint SET {name} = ? WHERE id = ?", (value, endpoint.id))  # noqa: S608  # one of three names of ours
        if isinstance(body.get("imei_lock"), bool):
            sql.execute("UPDATE endpoint SET imei_lock = ? WHERE id = ?", (int(bool(body["imei_lock"])), endpoint.id))
        sql.execute("UPDATE endpoint SET updated = ? WHERE id = ?", (call.core.clock.now(), endpoint.id))
        present = call.store.sim_of_endpoint(endpoint.id)
        if "sim" in body and present is not None and (joining is None or joining.id != present.id):
            call.core.registry.release(present, call.identity.user)
        if joining is not None and (present is None or joining.id != present.id):
            call.core.registry.assign(joining, endpoint, call.identity.user)
        if status is not None and status != endpoint.status:
            call.core.registry.set_device_status(endpoint, status, call.identity.user)
    return nothing(Backend.SCALA)


def get_connectivity(call: Call) -> Answer:
    """Answer `GET /api/v1/endpoint/{id}/connectivity`."""
    endpoint = _endpoint_or_empty(call)
    return php(connectivity(call.core, endpoint, call.store.sim_of_endpoint(endpoint.id)))


def reset_connectivity(call: Call) -> Answer:
    """Answer `PATCH /api/v1/endpoint/{id}/connectivity`; it ends a factory test (emnify docs: factory test mode)."""
    endpoint = _endpoint_or_empty(call)
    body = call.json_object()
    asked = {name: body[name] for name in ("pdp_context", "location") if name in body}
    if not asked or (call.unknowns.reset_values == "422" and any(each is not None for each in asked.values())):
        return nothing(Backend.PHP, 422)
    sim = call.store.sim_of_endpoint(endpoint.id)
    text = f"Connectivity of Endpoint {endpoint.id} has been reset"
    call.core.event_log.record(
        EventType.RESET_CONNECTIVITY, text, endpoint.org, sim, endpoint.id, user=call.identity.user
    )
    if sim is not None and sim.status == 4:  # noqa: PLR2004  # factory test
        call.core.registry.end_factory_test(sim, "Reset connectivity executed")
    return nothing(Backend.PHP)


def get_connectivity_info(call: Call) -> Answer:
    """Answer `GET /api/v1/endpoint/{id}/connectivity_info`: 200 even if the query to the network failed."""
    endpoint = call.find_endpoint()
    if endpoint is None:
        raise Refusal(error(404, 1201, "NotFound", f"Endpoint with id {call.number()} not found"))
    return scala(subscriber_info(call.core, endpoint, call.store.sim_of_endpoint(endpoint.id)))


def get_data_quota(call: Call) -> Answer:
    """Answer `GET /api/v1/endpoint/{id}/quota/data`, in MB; 404 without a quota."""
    return _quota(call, "SELECT status, volume, assigned, expiry, changed FROM quota WHERE endpoint = ?")


def get_sms_quota(call: Call) -> Answer:
    """Answer `GET /api/v1/endpoint/{id}/quota/sms`, in SMS; 404 without a quota."""
    return _quota(call, "SELECT status, volume, assigned, expiry, changed FROM sms_quota WHERE endpoint = ?")


def _quota(call: Call, sql: str) -> Answer:
    rows = call.store.rows(sql, _endpoint_or_empty(call).id)
    if not rows:
        return nothing(Backend.PHP, 404)
    status, volume, assigned, expiry, changed = rows[0]
    names = {1: "ACTIVE", 2: "EXHAUSTED", 3: "EXPIRED"}
    return php(
        {
            "status": {"id": str(status), "description": names[int(str(status))]},
            "volume": volume,
            "expiry_date": _blank_date(expiry),
            "action_on_exhaustion": {"id": "1", "description": "Block"},
            "auto_refill": 0,
            "threshold_percentage": 20,
            "threshold_volume": float(str(assigned)) / 5,
            "last_volume_added": assigned,
            "last_status_change_date": _blank_date(changed),
        }
    )


def get_operator_blacklist(call: Call) -> Answer:
    """Answer `GET /api/v1/endpoint/{id}/operator_blacklist`."""
    endpoint = call.endpoint()
    rows = call.store.rows("SELECT operator FROM blacklist WHERE endpoint = ? ORDER BY operator", endpoint.id)
    return scala([operator_detail(OPERATORS[int(str(row[0]))]) for row in rows])


def list_limit_extensions(call: Call) -> Answer:
    """Answer `GET /api/v1/endpoint/{id}/traffic_limit_extension`; its form is from emnify's OpenAPI description."""
    endpoint = _endpoint_or_empty(call)
    rows = call.store.rows(
        "SELECT id, volume, created, expires FROM limit_extension WHERE endpoint = ? ORDER BY id", endpoint.id
    )
    return php(
        [
            {
                "id": number,
                "endpoint_id": endpoint.id,
                "traffic_limit_id": 1,
                "volume": volume,
                "created_at": _blank_date(created),
                "expiration_date": _blank_date(expires),
            }
            for number, volume, created, expires in rows
        ]
    )


def get_stats(call: Call) -> Answer:
    """Answer `GET /api/v1/endpoint/{id}/stats`."""
    endpoint = _endpoint_or_empty(call)
    return months_answer(call, call.core.traffic.sims_in(endpoint), "endpoint_id", endpoint.id, endpoint.id)


def get_daily_stats(call: Call) -> Answer:
    """Answer `GET /api/v1/endpoint/{id}/stats/daily`."""
    endpoint = _endpoint_or_empty(call)
    return days_answer(call, call.core.traffic.sims_in(endpoint), endpoint.id)


def _endpoint_or_empty(call: Call) -> EndpointRow:
    endpoint = call.find_endpoint()
    if endpoint is None:
        raise Refusal(nothing(Backend.PHP, 404))
    return endpoint


def _check_profiles(body: dict[str, object]) -> None:
    errors: list[dict[str, object]] = []
    for name, word, known in (
        ("service_profile", "Service profile", SERVICE_PROFILE[0]),
        ("tariff_profile", "Tariff profile", TARIFF_PROFILE[0]),
    ):
        wanted = reference(body[name]) if name in body else known
        if wanted != known:
            message = f"{word} with Id '{wanted}' not found."
            errors.append({"error_code": 1401, "error_token": "InvalidReference", "message": message})
    if errors:
        raise Refusal(error(422, 1400, "InputValidationFailed", "Update endpoint validation error", errors=errors))


def _joining(call: Call, endpoint: EndpointRow, body: dict[str, object]) -> SimRow | None:
    value = body.get("sim")
    wanted = reference(value)
    if wanted is None:
        if value is not None and not (isinstance(value, dict) and value.get("id", 0) is None):
            raise bad_request("sim needs an id.")
        return None
    sim = call.find_sim(wanted)
    if sim is None or sim.customer != endpoint.org:
        raise Refusal(error(404, 1401, "InvalidReference", f"Sim with Id '{wanted}' not found."))
    if sim.endpoint_id not in {None, endpoint.id}:
        raise Refusal(not_allowed("409", f"Sim with Id '{wanted}' is already assigned to an endpoint."))
    return sim


def _status(body: dict[str, object]) -> DeviceStatus | None:
    if "status" not in body:
        return None
    wanted = reference(body["status"])
    if wanted not in {DeviceStatus.ENABLED, DeviceStatus.DISABLED}:
        raise Refusal(error(422, 1401, "InvalidReference", f"Endpoint status with Id '{wanted}' not found."))
    return DeviceStatus(wanted)


def _blank_date(at: object) -> str:
    return from_ms(int(str(at))).strftime("%Y-%m-%d %H:%M:%S")


ROUTES: tuple[RouteEntry, ...] = (
    ("GET", "/endpoint", list_endpoints),
    ("GET", "/endpoint/{id}", get_endpoint),
    ("PATCH", "/endpoint/{id}", update_endpoint),
    ("GET", "/endpoint/{id}/connectivity", get_connectivity),
    ("PATCH", "/endpoint/{id}/connectivity", reset_connectivity),
    ("GET", "/endpoint/{id}/connectivity_info", get_connectivity_info),
    ("GET", "/endpoint/{id}/quota/data", get_data_quota),
    ("GET", "/endpoint/{id}/quota/sms", get_sms_quota),
    ("GET", "/endpoint/{id}/operator_blacklist", get_operator_blacklist),
    ("GET", "/endpoint/{id}/traffic_limit_extension", list_limit_extensions),
    ("GET", "/endpoint/{id}/stats", get_stats),
    ("GET", "/endpoint/{id}/stats/daily", get_daily_stats),
)
