"""Filters of the lists of SIMs and devices as SQL conditions (emnify docs: collections)."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime

from sim_mcp.sandbox.api.query import bad_filter, terms
from sim_mcp.sandbox.settings import Unknowns
from sim_mcp.sandbox.store.store import Selection, Value
from sim_mcp.sandbox.world.catalogue import MODELS, ORGANISATIONS, Role, Status, family
from sim_mcp.sandbox.world.clock import DAY, to_ms

Condition = tuple[str, tuple[Value, ...]]
_DIGITS = re.compile(r"[0-9]{1,18}")


class Filters:
    """Turn filters into SQL conditions."""

    def __init__(self, unknowns: Unknowns) -> None:
        self._unknowns = unknowns
        self._sim: dict[str, Callable[[str], Condition | None]] = {
            "id": lambda value: _number("id", value),
            "issuer_org": lambda value: self._organisation("issuer", value),
            "reseller_org": lambda value: self._organisation("reseller", value),
            "customer_org": lambda value: self._organisation("customer", value),
            "iccid": lambda value: self._digits("iccid", value, 19),
            "iccid_with_luhn": self._printed,
            "status": lambda value: _number("status", value),
            "production_date": lambda value: _day("produced", value),
            "imsi": lambda value: self._digits("imsi", value, 15),
            "msisdn": lambda value: self._digits("msisdn", value, 15),
            "eid": lambda value: self._digits("eid", value, 32),
            "endpoint": self._device,
            "model": _model,
            "satellite_capable": _flag,
        }
        self._endpoint: dict[str, Callable[[str], Condition | None]] = {
            "id": lambda value: _number("id", value),
            "status": lambda value: _number("status", value),
            "service_profile": lambda value: _number("438035", value),
            "tariff_profile": lambda value: _number("424560", value),
            "name": lambda value: self._text("name", value),
            "tags": lambda value: self._text("tags", value),
            "created": lambda value: _day("created", value),
            "last_updated": lambda value: _day("updated", value),
            "imei": lambda value: self._text("imei", value),
            "ip_address": _address,
            "iccid": lambda value: self._card(self._digits("iccid", value, 19)),
            "iccid_with_luhn": lambda value: self._card(self._printed(value)),
            "eid": lambda value: self._card(self._digits("eid", value, 32)),
            "sim_status": lambda value: self._card(_number("status", value)),
        }

    def sims(self, role: Role, org: int, text: str | None, order_by: str) -> Selection:
        """Select SIMs that an organisation may see.

        Raises:
            Refusal: 422 1301, if a filter is unknown or has an impossible value.
        """
        return _select(self._visible(role, org), self._sim, text, order_by)

    def sims_of_events(self, role: Role, org: int, wanted: list[tuple[str, str]]) -> Selection:
        """Select the SIMs whose events can pass a filter of event lists, as far as it names SIMs or devices."""
        conditions = self._visible(role, org)
        for name, value in wanted:
            each = [self._of_event(name, part) for part in value.split("|")]
            known = [condition for condition in each if condition is not None]
            if len(known) == len(each):
                either = " OR ".join(f"({where})" for where, _ in known)
                conditions.append((f"({either})", tuple(one for _, values in known for one in values)))
        return _joined(conditions, "id")

    def _visible(self, role: Role, org: int) -> list[Condition]:
        scope = {Role.ENTERPRISE: "customer", Role.RESELLER: "reseller", Role.ISSUER: "issuer"}[role]
        conditions: list[Condition] = [_among(scope, family(org, role))]
        if self._unknowns.deleted_sims == "hidden":
            conditions.append((f"status <> {Status.DELETED:d}", ()))
        return conditions

    def _of_event(self, name: str, value: str) -> Condition | None:
        if name in {"iccid", "iccid_with_luhn", "imsi"}:
            return self._sim[name](value)
        field = {"endpoint": "name"}.get(name, name)
        device = self._endpoint[field](value) if field in {"name", "tags", "ip_address", "imei"} else None
        if device is None:
            return None
        where, values = device
        ids = f"SELECT id FROM endpoint WHERE {where}"  # noqa: S608  # columns are ours, values are bound
        in_past = f"id IN (SELECT sim FROM span WHERE device IN ({ids}))"  # noqa: S608  # as above
        return f"endpoint IN ({ids}) OR {in_past}", (*values, *values)

    def endpoints(self, org: int, text: str | None, order_by: str) -> Selection:
        """Select devices of an organisation.

        Raises:
            Refusal: 422 1301, if a filter is unknown or has an impossible value.
        """
        return _select([("org = ?", (org,)), ("status <> 2", ())], self._endpoint, text, order_by)

    def _digits(self, column: str, value: str, full: int) -> Condition:
        exact = self._unknowns.q_match == "exact" or len(value) == full
        return (f"{column} = ?", (value,)) if exact else self._text(column, value)

    def _text(self, column: str, value: str) -> Condition:
        # SQLite's own lower() knows ASCII only; a device ids "Ölpumpe" has to be found by its name.
        wanted, folded = value.casefold(), f"casefold({column})"
        match self._unknowns.q_match:
            case "exact":
                return f"{folded} = ?", (wanted,)
            case "prefix":
                return f"substr({folded}, 1, ?) = ?", (len(wanted), wanted)
            case _:
                return f"instr({folded}, ?) > 0", (wanted,)

    def _printed(self, value: str) -> Condition | None:
        if re.fullmatch(r"[0-9]{20}", value):
            return "iccid = ? AND luhn = ?", (value[:19], int(value[19]))
        return self._text("iccid || luhn", value)

    def _card(self, condition: Condition | None) -> Condition | None:
        if condition is None:
            return None
        where, values = condition
        return f"id IN (SELECT endpoint FROM sim WHERE endpoint IS NOT NULL AND {where})", values  # noqa: S608  # columns are ours, values are bound

    def _organisation(self, column: str, value: str) -> Condition | None:
        if value.lower() == "null":
            return f"{column} IS NULL", ()
        meant, by_id = self._unknowns.org_filter, _number(column, value)
        if meant == "id" or (meant == "either" and by_id is not None):
            return by_id
        return _among(column, [each.id for each in ORGANISATIONS.values() if self._alike(each.name, value)])

    def _alike(self, text: str, value: str) -> bool:
        text, value = text.casefold(), value.casefold()
        match self._unknowns.q_match:
            case "exact":
                return text == value
            case "prefix":
                return text.startswith(value)
            case _:
                return value in text

    def _device(self, value: str) -> Condition | None:
        if value.lower() == "null":
            return "endpoint IS NULL", ()
        by_id = _number("endpoint", value)
        if self._unknowns.endpoint_filter == "id":
            return by_id
        where, values = self._text("name", value)
        by_name = f"endpoint IN (SELECT id FROM endpoint WHERE {where})"  # noqa: S608  # as above
        if self._unknowns.endpoint_filter == "name" or by_id is None:
            return by_name, values
        return f"(endpoint = ? OR {by_name})", (*by_id[1], *values)


def _select(
    conditions: list[Condition], known: Mapping[str, Callable[[str], Condition | None]], text: str | None, order_by: str
) -> Selection:
    for name, value in terms(text):
        condition = known[name](value) if name in known else None
        if condition is None:
            raise bad_filter(f"{name}:{value}")
        conditions.append(condition)
    return _joined(conditions, order_by)


def _joined(conditions: list[Condition], order_by: str) -> Selection:
    where = " AND ".join(where for where, _ in conditions)
    return Selection(where, tuple(value for _, values in conditions for value in values), order_by)


def _number(column: str, value: str) -> Condition | None:
    return (f"{column} = ?", (int(value),)) if _DIGITS.fullmatch(value) else None


def _model(value: str) -> Condition | None:
    if _DIGITS.fullmatch(value):
        return _number("model", value)
    return _among("model", [each.id for each in MODELS.values() if value.lower() in each.description.lower()])


def _among(column: str, ids: list[int]) -> Condition:
    if len(ids) == 1:
        return f"{column} = ?", (ids[0],)
    return f"{column} IN ({','.join('?' * len(ids))})", tuple(ids)


def _flag(value: str) -> Condition | None:
    return {"true": ("0", ()), "false": ("1", ())}.get(value.lower())


def _day(column: str, value: str) -> Condition | None:
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            start = to_ms(datetime.combine(date.fromisoformat(value), datetime.min.time(), UTC))
            return f"{column} BETWEEN ? AND ?", (start, start + DAY - 1)
        start = to_ms(datetime.fromisoformat(value))
    except ValueError:
        return None
    return f"{column} BETWEEN ? AND ?", (start, start + 999)


def _address(value: str) -> Condition | None:
    parts = value.split(".")
    if len(parts) != 4 or not all(_DIGITS.fullmatch(part) and int(part) < 256 for part in parts):  # noqa: PLR2004  # an IPv4 address
        return None
    number = 0
    for part in parts:
        number = number << 8 | int(part)
    return "ip = ?", (number - (10 << 24 | 128 << 16),)
