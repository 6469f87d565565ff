"""The routes of events (`/api/v1/event`, `/api/v1/sim/{id}/event`, `/api/v1/endpoint/{id}/event`)."""

from collections.abc import Callable

from sim_mcp.sandbox.api.answers import Answer, Backend, Refusal, error, express, nothing
from sim_mcp.sandbox.api.core import Call, RouteEntry
from sim_mcp.sandbox.api.query import Page, read_number
from sim_mcp.sandbox.api.routes.event_filters import inner, predicates, split
from sim_mcp.sandbox.world.catalogue import EVENT_TYPES, ORGANISATIONS
from sim_mcp.sandbox.world.events import FLEET_WINDOW, Event

_DEFAULT_PAGE = 100
_SORTED_BY: dict[str, Callable[[dict[str, object], Event], object]] = {
    "id": lambda _, each: each.row.id,
    "timestamp": lambda _, each: each.row.at,
    "source": lambda _, each: each.row.source,
    "severity": lambda _, each: each.row.severity,
    "alert": lambda _, each: each.row.alert,
    "type": lambda _, each: each.row.type,
    "organisation": lambda _, each: ORGANISATIONS[each.row.org].name,
    "user": lambda body, _: inner(body, "user", "id"),
    "endpoint": lambda body, _: inner(body, "endpoint", "name"),
    "tags": lambda body, _: inner(body, "endpoint", "tags"),
    "ip_address": lambda body, _: inner(body, "endpoint", "ip_address"),
    "iccid": lambda body, _: inner(body, "sim", "iccid"),
    "imsi": lambda body, _: inner(body, "imsi", "imsi"),
}
_CHEAP = {"id", "timestamp", "source", "severity", "alert", "type", "organisation"}


def list_sim_events(call: Call) -> Answer:
    """Answer `GET /api/v1/sim/{id}/event`; an unknown SIM has no events, which is no error."""
    sim = call.find_sim(_number(call))
    return _listed(call, call.core.event_log.of_sim(sim) if sim else [])


def list_endpoint_events(call: Call) -> Answer:
    """Answer `GET /api/v1/endpoint/{id}/event`; an unknown device has no events, which is no error."""
    _number(call)
    endpoint = call.find_endpoint()
    return _listed(call, call.core.event_log.of_endpoint(endpoint) if endpoint else [])


def list_events(call: Call) -> Answer:
    """Answer `GET /api/v1/event`: all stored events, and computed ones of the first SIMs or of those filtered for."""
    selection = call.core.filters.sims_of_events(call.identity.role, call.org, split(call.query.get("q")))
    sims = call.store.sims(call.store.page("sim", selection, FLEET_WINDOW, 0))
    return _listed(call, call.core.event_log.of_organisation(call.org, sims))


def list_event_types(_: Call) -> Answer:
    """Answer `GET /api/v1/event/type`."""
    types = [{"id": number, "description": name} for number, name in EVENT_TYPES.items()]
    return express(types, backend=Backend.EVENTS)


def _listed(call: Call, events: list[Event]) -> Answer:
    render = call.core.event_log.render
    try:
        tests = predicates(call.query.get("q"), render, call.unknowns)
    except ValueError as problem:
        raise _refusal(call, 422, 1301, "InvalidQueryCriteria", f"Search criteria {problem} is invalid") from None
    events = [each for each in events if all(test(each) for test in tests)]
    keys = [part.strip() for part in (call.query.get("sort") or "id").split(",") if part.strip()]
    for key in reversed(keys):
        name = key.removeprefix("+").removeprefix("-")
        if name not in _SORTED_BY:
            raise _refusal(call, 400, 1302, "InvalidSortCriteria", f"Sort criteria {key} is invalid")
        by, cheap = _SORTED_BY[name], name in _CHEAP
        decorated = [(by({} if cheap else render(each), each), each) for each in events]
        decorated.sort(key=lambda pair: (pair[0] is not None, pair[0]), reverse=key.startswith("-"))
        events = [each for _, each in decorated]
    page = Page(*_page(call), total=len(events), overflow=call.unknowns.last_page_overflow)
    body = [render(each) for each in events[page.offset : page.offset + page.size]]
    small = [(name.lower(), value) for name, value in page.headers(",".join(keys) or "id")]
    return express(body, backend=Backend.EVENTS).with_headers(*small, ("Link", ""))


def _page(call: Call) -> tuple[int, int]:
    numbers = []
    for name, default in (("page", 1), ("per_page", _DEFAULT_PAGE)):
        number = read_number(call.query[name]) if name in call.query else default
        if number is None or number < 1:
            if call.unknowns.event_bad_page == "400":
                raise _refusal(call, 400, 1000, "BadRequest", f"{name} is invalid")
            number = default
        numbers.append(number)
    if numbers[1] > _DEFAULT_PAGE and call.unknowns.event_page_over_100 == "400":
        raise _refusal(call, 400, 1000, "BadRequest", "per_page is invalid")
    return numbers[0], min(numbers[1], call.unknowns.max_event_page)


def _number(call: Call) -> int:
    try:
        return call.number()
    except Refusal:
        raise _refusal(call, 400, 1000, "BadRequest", "id is invalid") from None


def _refusal(call: Call, status: int, code: int, token: str, message: str) -> Refusal:
    if call.unknowns.event_error_body == "empty":
        return Refusal(nothing(Backend.EVENTS, status))
    return Refusal(error(status, code, token, message, backend=Backend.EVENTS))


ROUTES: tuple[RouteEntry, ...] = (
    ("GET", "/sim/{id}/event", list_sim_events),
    ("GET", "/event", list_events),
    ("GET", "/event/type", list_event_types),
    ("GET", "/endpoint/{id}/event", list_endpoint_events),
)
