"""The routes of events (`/api/v1/event`, `/api/v1/sim/{id}/event`, `/api/v1/endpoint/{id}/event`)."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

from sim_mcp.sandbox.answers import Answer, Backend, Headers, Refusal, error, express, nothing
from sim_mcp.sandbox.catalogue import EVENT_TYPES
from sim_mcp.sandbox.clock import day_name, to_ms
from sim_mcp.sandbox.clock import DAY
from sim_mcp.sandbox.core import Call
from sim_mcp.sandbox.events import FLEET_WINDOW, Happening
from sim_mcp.sandbox.query import Page, read_number

_DEFAULT_PAGE = 100
_ALTERNATIVES = 6
_WITH_ALTERNATIVES = {"iccid", "iccid_with_luhn", "endpoint", "type", "network", "rat", "country"}
_SORTED_BY: dict[str, Callable[[dict[str, object], Happening], object]] = {
    "id": lambda _, each: each.row.id,
    "timestamp": lambda _, each: each.row.at,
    "source": lambda _, each: each.row.source,
    "severity": lambda _, each: each.row.severity,
    "alert": lambda _, each: each.row.alert,
    "type": lambda _, each: each.row.type,
    "organisation": lambda _, each: each.row.org,
    "user": lambda shown, _: _inner(shown, "user", "name"),
    "endpoint": lambda shown, _: _inner(shown, "endpoint", "name"),
    "tags": lambda shown, _: _inner(shown, "endpoint", "tags"),
    "ip_address": lambda shown, _: _inner(shown, "endpoint", "ip_address"),
    "iccid": lambda shown, _: _inner(shown, "sim", "iccid"),
    "imsi": lambda shown, _: _inner(shown, "imsi", "imsi"),
}
_CHEAP = {"id", "timestamp", "source", "severity", "alert", "type", "organisation"}


def list_sim_events(call: Call) -> Answer:
    """Answer `GET /api/v1/sim/{id}/event`; an unknown SIM has no events, which is no error."""
    sim = call.find_sim(_number(call))
    return _listed(call, call.core.chronicle.of_sim(sim) if sim else [])


def list_endpoint_events(call: Call) -> Answer:
    """Answer `GET /api/v1/endpoint/{id}/event`; an unknown device has no events, which is no error."""
    _number(call)
    endpoint = call.find_endpoint()
    return _listed(call, call.core.chronicle.of_endpoint(endpoint) if endpoint else [])


def list_events(call: Call) -> Answer:
    """Answer `GET /api/v1/event`: all that is stored, and everyday life of the first SIMs or those asked for."""
    narrow = ",".join(
        f"{name}:{value}"
        for name, value in _terms(call)
        if name in {"iccid", "iccid_with_luhn", "imsi"} and "|" not in value
    )
    selection = call.core.filters.sims(call.identity.role, call.org, narrow, "id")
    sims = call.store.sims(call.store.page("sim", selection, FLEET_WINDOW, 0))
    return _listed(call, call.core.chronicle.of_organisation(call.org, sims))


def list_event_types(_: Call) -> Answer:
    """Answer `GET /api/v1/event/type`."""
    return express([{"id": number, "description": name} for number, name in EVENT_TYPES.items()])


def _listed(call: Call, events: list[Happening]) -> Answer:
    for name, value in _grouped(call).items():
        events = [each for each in events if _matches(call, each, name, value)]
    keys = [part for part in (call.query.get("sort") or "id").split(",") if part.strip()]
    for key in reversed(keys):
        name = key.strip().removeprefix("+").removeprefix("-")
        if name not in _SORTED_BY:
            raise _refusal(call, 400, 1302, "InvalidSortCriteria", f"Sort criteria {key} is invalid")
        by, cheap = _SORTED_BY[name], name in _CHEAP
        decorated = [(by({} if cheap else call.core.chronicle.render(each), each), each) for each in events]
        decorated.sort(key=lambda pair: (pair[0] is not None, pair[0]), reverse=key.strip().startswith("-"))  # type: ignore[arg-type, return-value]  # the keys of one field are of one type
        events = [each for _, each in decorated]
    page = Page(*_page(call), total=len(events), overflow=call.unknowns.last_page_overflow)
    shown = [call.core.chronicle.render(each) for each in events[page.offset : page.offset + page.size]]
    headers: Headers = [*page.headers(call.query.get("sort") or "id"), ("Link", "")]
    return express(shown).with_headers(*headers)


def _page(call: Call) -> tuple[int, int]:
    numbers = []
    for name, default in (("page", 1), ("per_page", _DEFAULT_PAGE)):
        number = read_number(call.query[name]) if name in call.query else default
        if number is None or number < 1:
            if call.unknowns.event_bad_page == "400":
                raise _refusal(call, 400, 1000, "BadRequest", f"{name} is invalid")
            number = default
        numbers.append(number)
    return numbers[0], min(numbers[1], call.unknowns.max_event_page)


def _terms(call: Call) -> list[tuple[str, str]]:
    found = []
    for part in (call.query.get("q") or "").split(","):
        name, _, value = part.partition(":")
        if value.strip():
            found.append((name.strip(), value.strip()))
        elif part.strip():
            raise _bad_filter(call, part)
    return found


def _grouped(call: Call) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in _terms(call):
        values = value.split("|")
        several = len(values) > 1
        if name not in _KNOWN or (several and (name not in _WITH_ALTERNATIVES or len(values) > _ALTERNATIVES)):
            raise _bad_filter(call, f"{name}:{value}")
        found[name] = values
    if ("from" in found) != ("until" in found):
        raise _bad_filter(call, "from and until")
    return found


_TEXTS: dict[str, Callable[[dict[str, object]], object]] = {
    "description": lambda shown: shown["description"],
    "organisation": lambda shown: _inner(shown, "organisation", "name"),
    "user": lambda shown: _inner(shown, "user", "name"),
    "endpoint": lambda shown: _inner(shown, "endpoint", "name"),
    "tags": lambda shown: _inner(shown, "endpoint", "tags"),
    "ip_address": lambda shown: _inner(shown, "endpoint", "ip_address"),
    "imei": lambda shown: _inner(shown, "endpoint", "imei"),
    "iccid": lambda shown: _inner(shown, "sim", "iccid"),
    "imsi": lambda shown: _inner(shown, "imsi", "imsi"),
    "network": lambda shown: _inner(shown, "detail", "name"),
    "country": lambda shown: _inner(_part(shown, "detail"), "country", "name"),
}
_NUMBERS: dict[str, Callable[[Happening], int]] = {
    "type": lambda each: each.row.type,
    "source": lambda each: each.row.source,
    "severity": lambda each: each.row.severity,
}
_KNOWN = {*_TEXTS, *_NUMBERS, "alert", "from", "until", "timestamp", "rat", "iccid_with_luhn"}


def _matches(call: Call, each: Happening, name: str, values: list[str]) -> bool:
    if name in _NUMBERS:
        if not all(re.fullmatch(r"[0-9]{1,4}", value) for value in values):
            raise _bad_filter(call, f"{name}:{'|'.join(values)}")
        return _NUMBERS[name](each) in {int(value) for value in values}
    if name in {"from", "until", "timestamp"}:
        return _timely(call, each, name, values[0])
    if name == "alert":
        if values[0] not in {"true", "false"}:
            raise _bad_filter(call, f"alert:{values[0]}")
        return bool(each.row.alert) == (values[0] == "true")
    if name == "iccid_with_luhn":
        return each.sim is not None and any(value in each.sim.iccid_with_luhn for value in values)
    shown = call.core.chronicle.render(each)
    if name == "rat":
        return str(_inner(_part(shown, "detail"), "pdp_context", "rat_type")) in values
    text = _TEXTS[name](shown)
    return isinstance(text, str) and any(value.lower() in text.lower() for value in values)


def _timely(call: Call, each: Happening, name: str, value: str) -> bool:
    if name == "timestamp":
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            raise _bad_filter(call, f"{name}:{value}")
        return day_name(each.row.at // DAY) == value
    try:
        moment = to_ms(datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC))
    except ValueError:
        raise _bad_filter(call, f"{name}:{value}") from None
    return each.row.at >= moment if name == "from" else each.row.at <= moment


def _number(call: Call) -> int:
    try:
        return call.number()
    except Refusal:
        raise _refusal(call, 400, 1000, "BadRequest", "id is invalid") from None


def _bad_filter(call: Call, part: str) -> Refusal:
    return _refusal(call, 422, 1301, "InvalidQueryCriteria", f"Search criteria {part} is invalid")


def _refusal(call: Call, status: int, code: int, token: str, message: str) -> Refusal:
    if call.unknowns.event_error_body == "empty":
        return Refusal(nothing(Backend.EXPRESS, status))
    return Refusal(error(status, code, token, message, backend=Backend.EXPRESS))


def _part(shown: dict[str, object], key: str) -> dict[str, object]:
    value = shown.get(key)
    return value if isinstance(value, dict) else {}


def _inner(shown: dict[str, object], key: str, name: str) -> object:
    return _part(shown, key).get(name)
