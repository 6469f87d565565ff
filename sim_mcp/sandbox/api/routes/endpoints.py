"""The routes of devices, as far as they explain a SIM (`/api/v1/endpoint`)."""

from sim_mcp.sandbox.api.answers import Answer, Backend, Refusal, error, express, not_allowed, nothing, php, scala
from sim_mcp.sandbox.api.core import Call, RouteEntry, bad_request, reference
from sim_mcp.sandbox.api.query import ENDPOINT_ORDER, Page, main_page, order
from sim_mcp.sandbox.api.routes.connectivity import connectivity, subscriber_info
from sim_mcp.sandbox.api.routes.sims import days_answer, months_answer
from sim_mcp.sandbox.api.shapes import SERVICE_PROFILE, TARIFF_PROFILE, endpoint_shape
from sim_mcp.sandbox.store.store import SimRow
from sim_mcp.sandbox.world.catalogue import DeviceStatus, EventType

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
    check_profiles(body, "Update endpoint validation error")
    joining = sim_to_join(call, endpoint.org, endpoint.id, body)
    status = wanted_status(body)
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
    endpoint = call.endpoint_or_empty()
    return php(connectivity(call.core, endpoint, call.store.sim_of_endpoint(endpoint.id)))


def reset_connectivity(call: Call) -> Answer:
    """Answer `PATCH /api/v1/endpoint/{id}/connectivity`; it ends a factory test (emnify docs: factory test mode)."""
    endpoint = call.endpoint_or_empty()
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


def get_stats(call: Call) -> Answer:
    """Answer `GET /api/v1/endpoint/{id}/stats`."""
    endpoint = call.endpoint_or_empty()
    return months_answer(call, call.core.traffic.sims_in(endpoint), "endpoint_id", endpoint.id, endpoint.id)


def get_daily_stats(call: Call) -> Answer:
    """Answer `GET /api/v1/endpoint/{id}/stats/daily`."""
    endpoint = call.endpoint_or_empty()
    return days_answer(call, call.core.traffic.sims_in(endpoint), endpoint.id)


def check_profiles(body: dict[str, object], message: str) -> None:
    """Check the policies that a device is to have.

    Raises:
        Refusal: 422 1400 as recorded, if there is none of that id; with this message.
    """
    errors: list[dict[str, object]] = []
    for name, word, known in (
        ("service_profile", "Service profile", SERVICE_PROFILE[0]),
        ("tariff_profile", "Tariff profile", TARIFF_PROFILE[0]),
    ):
        wanted = reference(body[name]) if name in body else known
        if wanted != known:
            told = f"{word} with Id '{wanted}' not found."
            errors.append({"error_code": 1401, "error_token": "InvalidReference", "message": told})
    if errors:
        raise Refusal(error(422, 1400, "InputValidationFailed", message, errors=errors))


def sim_to_join(call: Call, org: int, endpoint: int | None, body: dict[str, object]) -> SimRow | None:
    """Return the SIM that is to be in a device of an organisation; None if the body names none.

    Raises:
        Refusal: 400, 404 or 409, if there is no such SIM or it is in another device.
    """
    value = body.get("sim")
    wanted = reference(value)
    if wanted is None:
        if value is not None and not (isinstance(value, dict) and value.get("id", 0) is None):
            raise bad_request("sim needs an id.")
        return None
    sim = call.find_sim(wanted)
    if sim is None or sim.customer != org:
        raise Refusal(error(404, 1401, "InvalidReference", f"Sim with Id '{wanted}' not found."))
    if sim.endpoint_id not in {None, endpoint}:
        raise Refusal(not_allowed("409", f"Sim with Id '{wanted}' is already assigned to an endpoint."))
    return sim


def wanted_status(body: dict[str, object]) -> DeviceStatus | None:
    """Return the status that a device is to have; None if the body names none.

    Raises:
        Refusal: 422 1401, if there is no such status.
    """
    if "status" not in body:
        return None
    wanted = reference(body["status"])
    if wanted not in {DeviceStatus.ENABLED, DeviceStatus.DISABLED}:
        raise Refusal(error(422, 1401, "InvalidReference", f"Endpoint status with Id '{wanted}' not found."))
    return DeviceStatus(wanted)


ROUTES: tuple[RouteEntry, ...] = (
    ("GET", "/endpoint", list_endpoints),
    ("GET", "/endpoint/{id}", get_endpoint),
    ("PATCH", "/endpoint/{id}", update_endpoint),
    ("GET", "/endpoint/{id}/connectivity", get_connectivity),
    ("PATCH", "/endpoint/{id}/connectivity", reset_connectivity),
    ("GET", "/endpoint/{id}/connectivity_info", get_connectivity_info),
    ("GET", "/endpoint/{id}/stats", get_stats),
    ("GET", "/endpoint/{id}/stats/daily", get_daily_stats),
)
