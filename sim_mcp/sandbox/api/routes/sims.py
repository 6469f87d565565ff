"""The routes of SIMs: list, details, update, delete, statuses, usage (`/api/v1/sim`)."""

from urllib.parse import quote

from sim_mcp.sandbox.api.answers import Answer, Backend, Refusal, error, forbidden, not_allowed, nothing, php, scala
from sim_mcp.sandbox.api.core import Call, RouteEntry, bad_request, reference, unknown_sim
from sim_mcp.sandbox.api.query import SIM_ORDER, SIM_ORDER_BY_NAME, Page, main_page, order
from sim_mcp.sandbox.api.shapes import model_shape, sim_shape, status_shape
from sim_mcp.sandbox.store.store import SimRow
from sim_mcp.sandbox.world.catalogue import ISSUER_ORG, ORGANISATIONS, TRANSITIONS, Role, Status

_DEFAULT_PAGE = 2000
_LARGEST_PAGE = 2500
_FIELDS = {"status": "status", "customer_org": "customer", "reseller_org": "reseller", "issuer_org": "issuer"}
_MAY_CHANGE = {
    Role.ENTERPRISE: {"status"},
    Role.RESELLER: {"customer_org", "reseller_org"},
    Role.ISSUER: set(_FIELDS),
}


def list_sims(call: Call) -> Answer:
    """Answer `GET /api/v1/sim`."""
    by_name = call.unknowns.org_sort == "name"
    columns, sort = order(call.query.get("sort"), SIM_ORDER_BY_NAME if by_name else SIM_ORDER)
    selection = call.core.filters.sims(call.identity.role, call.org, call.query.get("q"), columns)
    number, size = main_page(call.query, _DEFAULT_PAGE, _LARGEST_PAGE)
    page = Page(number, size, call.store.count("sim", selection), call.unknowns.last_page_overflow)
    rows = call.store.sims(call.store.page("sim", selection, page.size, page.offset))
    answer = scala([sim_shape(row, newer=call.unknowns.newer_sim_keys) for row in rows])
    extra = (
        [("X-Filter", quote(call.query["q"], safe=":,|"))]
        if call.unknowns.filter_header and call.query.get("q")
        else []
    )
    return answer.with_headers(*page.headers(sort), *extra)


def get_sim(call: Call) -> Answer:
    """Answer `GET /api/v1/sim/{id}`."""
    return scala(sim_shape(call.sim(), newer=call.unknowns.newer_sim_keys))


def list_statuses(_: Call) -> Answer:
    """Answer `GET /api/v1/sim/status`."""
    return scala([status_shape(status) for status in Status])


def update_sim(call: Call) -> Answer:
    """Answer `PATCH /api/v1/sim/{id}`: everything asked for, or nothing."""
    sim = call.sim()
    body = {name: value for name, value in call.json_object().items() if name in _FIELDS}
    if not set(body) <= _MAY_CHANGE[call.identity.role]:
        raise Refusal(forbidden())
    status = _wanted_status(call, sim, body["status"]) if "status" in body else None
    orgs = {name: _wanted_organisation(call, sim, name, value) for name, value in body.items() if name != "status"}
    with call.store.changing():
        for name, org in orgs.items():
            call.core.registry.assign_organisation(sim, _FIELDS[name], org)
        if status is not None:
            call.core.registry.set_status(call.store.sim(sim.id) or sim, status, call.identity.user)
    return nothing(Backend.SCALA)


def delete_sim(call: Call) -> Answer:
    """Answer `DELETE /api/v1/sim/{id}`."""
    sim = call.sim()
    _check_deletion(call, sim)
    call.core.registry.set_status(sim, Status.DELETED, call.identity.user)
    return nothing(Backend.SCALA)


def delete_sims(call: Call) -> Answer:
    """Answer `DELETE /api/v1/sim/multi`, which has a body."""
    body = call.json()
    if not isinstance(body, list) or not body:
        raise bad_request("Request body must be a list of SIMs.")
    ids = [reference(each) for each in body]
    if None in ids:
        raise bad_request("Each SIM needs an id.")
    refused: Refusal | None = None
    allowed: list[SimRow] = []
    for sim_id in dict.fromkeys(each for each in ids if each is not None):
        try:
            sim = call.sim(sim_id)
            _check_deletion(call, sim)
            allowed.append(sim)
        except Refusal as refusal:
            if call.unknowns.multi_delete_atomic:
                raise
            refused = refusal
    with call.store.changing():
        for sim in allowed:
            call.core.registry.set_status(sim, Status.DELETED, call.identity.user)
    return refused.answer if refused else nothing(Backend.SCALA)


def get_stats(call: Call) -> Answer:
    """Answer `GET /api/v1/sim/{id}/stats`."""
    sims = _sims_for_usage(call)
    return months_answer(call, sims, "sim_id", sims[0].id if sims else 0)


def get_daily_stats(call: Call) -> Answer:
    """Answer `GET /api/v1/sim/{id}/stats/daily`."""
    return days_answer(call, _sims_for_usage(call))


def months_answer(call: Call, sims: list[SimRow], key: str, number: int, device: int | None = None) -> Answer:
    """Return the usage of SIMs, in one device or in any, this month and last, by the id that was asked for."""
    if not sims:
        return php([] if call.unknowns.stats_shape == "array" else {})
    return php(call.core.usage.months(sims, key, number, device))


def days_answer(call: Call, sims: list[SimRow], device: int | None = None) -> Answer:
    """Return the usage of SIMs, in one device or in any, on the days that the query asks for."""
    try:
        first, last = call.core.usage.range(call.query.get("start_date"), call.query.get("end_date"))
    except ValueError:
        return nothing(Backend.PHP, 400)
    return php(call.core.usage.daily(sims, first, last, device) if sims else [])


def get_installation_code(call: Call) -> Answer:
    """Answer `GET /api/v1/sim/{id}/installation_code`."""
    sim = call.sim()
    if not call.unknowns.installation_code_live:
        return error(404, 1201, "NotFound", "Not found")
    if sim.eid is None:
        return not_allowed("422", "Installation codes exist for eSIM profiles only.")
    payload = f"LPA:1$rsp.sandbox.example${sim.iccid[-8:]}-{sim.eid[-6:]}"
    accepted = call.headers.get("accept", "")
    if "application/json" in accepted:
        return scala({"iccid": sim.iccid, "payload": payload})
    if "application/text" in accepted:
        return Answer(200, payload.encode(), Backend.SCALA, content_type="application/text; charset=UTF-8")
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><title>{payload}</title></svg>'
    return Answer(200, svg.encode(), Backend.SCALA, content_type="image/svg+xml")


def get_unlinked_products(_: Call) -> Answer:
    """Answer `GET /api/v1/sim/unlinked_product_stats`."""
    return scala([{"product": {"id": 1, "name": model_shape(53)["description"]}, "quantity": 3}])


def _sims_for_usage(call: Call) -> list[SimRow]:
    sim = call.find_sim(call.number())
    if sim is None and call.unknowns.unknown_sim_stats == "404_1201":
        raise Refusal(unknown_sim(call.unknowns, call.number()))
    return [sim] if sim else []


def _wanted_status(call: Call, sim: SimRow, value: object) -> Status | None:
    wanted = reference(value)
    if wanted is None:
        detail: dict[str, object] = {"error_code": 1402, "error_token": "Required", "message": "Status id is required."}
        raise Refusal(error(422, 1400, "InputValidationFailed", "Update sim validation error", errors=[detail]))
    if wanted not in list(Status):
        message = f"Sim status with Id '{wanted}' not found."
        if call.unknowns.unknown_status == "400":
            raise bad_request(message)
        raise Refusal(error(422, 1401, "InvalidReference", message))
    status, present = Status(wanted), Status(sim.status)
    if status is present:
        if call.unknowns.same_status == "422":
            raise Refusal(not_allowed("422", f"Sim with Id '{sim.id}' already has this status."))
        return None
    testing = status is Status.FACTORY_TEST and not call.unknowns.factory_test_allowed
    if testing or status not in TRANSITIONS[present]:
        message = f"Changing the status of Sim with Id '{sim.id}' from {present:d} to {status:d} is not allowed."
        raise Refusal(not_allowed(call.unknowns.illegal_transition, message))
    return status


def _wanted_organisation(call: Call, sim: SimRow, name: str, value: object) -> int | None:
    if value is None or (isinstance(value, dict) and value.get("id") is None):
        return ISSUER_ORG if name == "issuer_org" else None
    wanted = reference(value)
    organisation = ORGANISATIONS.get(wanted) if wanted is not None else None
    if organisation is None:
        raise Refusal(error(422, 1401, "InvalidReference", f"Organisation with Id '{wanted}' not found."))
    roles = {
        "customer_org": {Role.ENTERPRISE},
        "reseller_org": {Role.RESELLER, Role.ISSUER},
        "issuer_org": {Role.ISSUER},
    }[name]
    itself = organisation.id == call.org and name != "reseller_org"
    child = organisation.parent == call.org and organisation.role in roles
    if not (itself or child) or (name == "customer_org" and sim.endpoint is not None and wanted != sim.customer):
        message = f"Organisation with Id '{wanted}' is not allowed for Sim with Id '{sim.id}'."
        raise Refusal(not_allowed(call.unknowns.forbidden_target, message))
    return organisation.id


def _check_deletion(call: Call, sim: SimRow) -> None:
    sold = call.identity.role is Role.RESELLER and sim.customer is not None
    if sold or sim.reseller == call.org:
        raise Refusal(forbidden())
    if sim.status == Status.DELETED:
        raise Refusal(unknown_sim(call.unknowns, sim.id))
    if sim.endpoint_id is not None:
        message = f"Sim with Id '{sim.id}' is assigned to an endpoint."
        raise Refusal(not_allowed(call.unknowns.delete_with_device, message))


ROUTES: tuple[RouteEntry, ...] = (
    ("GET", "/sim", list_sims),
    ("GET", "/sim/status", list_statuses),
    ("DELETE", "/sim/multi", delete_sims),
    ("GET", "/sim/unlinked_product_stats", get_unlinked_products),
    ("GET", "/sim/{id}", get_sim),
    ("PATCH", "/sim/{id}", update_sim),
    ("DELETE", "/sim/{id}", delete_sim),
    ("GET", "/sim/{id}/stats", get_stats),
    ("GET", "/sim/{id}/stats/daily", get_daily_stats),
    ("GET", "/sim/{id}/installation_code", get_installation_code),
)
