"""The filters of event lists (`q` of `GET /api/v1/event`, `/sim/{id}/event`, `/endpoint/{id}/event`)."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

from sim_mcp.sandbox.settings import Unknowns
from sim_mcp.sandbox.world.clock import DAY, to_ms
from sim_mcp.sandbox.world.events import Event

Shape = dict[str, object]
Render = Callable[[Event], Shape]
Predicate = Callable[[Event], bool]
_ALTERNATIVES = 6
_WITH_ALTERNATIVES = {"iccid", "iccid_with_luhn", "endpoint", "type", "network", "rat", "country"}
_TEXTS: dict[str, Callable[[Shape], object]] = {
    "description": lambda body: body["description"],
    "organisation": lambda body: inner(body, "organisation", "name"),
    "user": lambda body: inner(body, "user", "name"),
    "endpoint": lambda body: inner(body, "endpoint", "name"),
    "tags": lambda body: inner(body, "endpoint", "tags"),
    "ip_address": lambda body: inner(body, "endpoint", "ip_address"),
    "imei": lambda body: inner(body, "endpoint", "imei"),
    "iccid": lambda body: inner(body, "sim", "iccid"),
    "imsi": lambda body: inner(body, "imsi", "imsi"),
    "network": lambda body: inner(body, "detail", "name"),
    "country": lambda body: inner(_part(body, "detail"), "country", "name"),
}
_NUMBERS: dict[str, Callable[[Event], int]] = {
    "type": lambda each: each.row.type,
    "source": lambda each: each.row.source,
    "severity": lambda each: each.row.severity,
}


def split(text: str | None) -> list[tuple[str, str]]:
    """Split `field:value,field:value` at the first colon of each; parts without a field are left as ("", part)."""
    found = []
    for part in filter(str.strip, (text or "").split(",")):
        name, _, value = part.partition(":")
        found.append((name.strip(), value.strip()) if value.strip() else ("", part))
    return found


def predicates(text: str | None, render: Render, unknowns: Unknowns) -> list[Predicate]:
    """Read a filter; an event has to pass all that is returned (emnify docs: list events).

    Raises:
        ValueError: with the part that is unknown, incomplete or has an impossible value.
    """
    terms = split(text)
    names = {name for name, _ in terms}
    if ("from" in names) != ("until" in names):
        raise ValueError("from and until")
    return [_predicate(name, value, render, unknowns) for name, value in terms]


def inner(body: Shape, key: str, name: str) -> object:
    """Return a nested member, or None."""
    return _part(body, key).get(name)


def _predicate(name: str, value: str, render: Render, unknowns: Unknowns) -> Predicate:
    values = value.split("|")
    bad = ValueError(f"{name}:{value}" if name else value)
    if len(values) > 1 and (name not in _WITH_ALTERNATIVES or len(values) > _ALTERNATIVES):
        raise bad
    if name in _NUMBERS:
        if not all(re.fullmatch(r"[0-9]{1,4}", each) for each in values):
            raise bad
        read, wanted = _NUMBERS[name], {int(each) for each in values}
        return lambda event: read(event) in wanted
    if name in {"from", "until", "timestamp"}:
        return _in_time(name, _moment(value, bad), unknowns)
    if name == "alert" and value in {"true", "false"}:
        return lambda event: bool(event.row.alert) == (value == "true")
    if name == "iccid_with_luhn":
        return lambda event: event.sim is not None and any(each in event.sim.iccid_with_luhn for each in values)
    if name == "rat":
        return lambda event: str(inner(_part(render(event), "detail"), "pdp_context", "rat_type")) in values
    if name not in _TEXTS:
        raise bad
    text, lowered = _TEXTS[name], [each.lower() for each in values]
    return lambda event: any(each in str(text(render(event)) or "").lower() for each in lowered)


def _moment(value: str, bad: ValueError) -> int:
    try:
        return to_ms(datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC))
    except ValueError:
        raise bad from None


def _in_time(name: str, moment: int, unknowns: Unknowns) -> Predicate:
    match name:
        case "from":
            return lambda event: event.row.at >= moment
        case "until":
            return lambda event: event.row.at <= moment
        case _:
            start = moment // DAY * DAY if unknowns.timestamp_filter == "calendar_day" else moment
            return lambda event: start <= event.row.at < start + DAY


def _part(body: Shape, key: str) -> Shape:
    value = body.get(key)
    return value if isinstance(value, dict) else {}
