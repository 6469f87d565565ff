"""Filters of events that are asked for rarely, and the order of events (emnify docs: events). Pure."""

import difflib
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from pydantic import Field

from sim_mcp.emnify import EventSort, EventSortField, InvalidValueError, compact, parse_iccid
from sim_mcp.emnify.identifiers import PRINTED_ICCID_LENGTH
from sim_mcp.fleet.events.event import RADIO

_FIELDS = {
    "alert": "alert",
    "user": "user",
    "device": "device",
    "tag": "tags",
    "ip": "ip_address",
    "imei": "imei",
    "iccid": "iccid",
    "imsi": "imsi",
    "network": "network",
    "country": "country",
    "radio": "rat",
}
"""What a tool calls each field, and which field of `EventFilter` it is."""
_SORTED_BY: dict[str, EventSortField] = {
    "time": "timestamp",
    "type": "type",
    "severity": "severity",
    "source": "source",
    "alert": "alert",
    "user": "user",
    "device": "endpoint",
    "tag": "tags",
    "ip": "ip_address",
    "iccid": "iccid",
    "imsi": "imsi",
}
_IMEI_DIGITS = 14
"""Of an IMEI; what follows is a check digit on the device, and a version where emnify has it."""
_RADIO_TYPES = {name.casefold(): str(number) for number, name in RADIO.items()}
_YES = {"true": True, "yes": True, "false": False, "no": False}

EventFilters = Annotated[
    list[str],
    Field(max_length=10, description=f'such as ["country:Germany"]; fields: {", ".join(_FIELDS)}; "|" between values'),
]


def parse_filters(texts: Sequence[str] | None) -> dict[str, Any]:
    """Return the filters by field of `EventFilter`; texts as tuples, `alert` as a bool.

    Raises:
        InvalidValueError: A filter has no value or is for an unknown field, or a value does not fit.
    """
    found: dict[str, Any] = {}
    for text in texts or ():
        name, value = _split(text)
        if name == "alert":
            if value.casefold() not in _YES:
                raise InvalidValueError(f"filters={text!r}: alert is true or false")
            found[name] = _YES[value.casefold()]
            continue
        read = _READ.get(name, str.strip)
        found[_FIELDS[name]] = tuple(read(each) for each in value.split("|") if each.strip())
    return found


def parse_sort(text: str) -> EventSort:
    """Return the order that a text such as `-time` means.

    Raises:
        InvalidValueError: Events are not sorted by that.
    """
    descending, name = text.strip().startswith("-"), text.strip().lstrip("+-").lower()
    field = _SORTED_BY.get({"timestamp": "time"}.get(name, name))
    if field is None:
        raise InvalidValueError(f'sort={text!r}: sort by {", ".join(_SORTED_BY)}; "-" first for descending')
    return EventSort(field, descending)


def _split(text: str) -> tuple[str, str]:
    name, _, value = text.partition(":")
    name, value = name.strip().lower(), value.strip()
    if name not in _FIELDS:
        near = difflib.get_close_matches(name, _FIELDS, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise InvalidValueError(f"filters={text!r}: {hint}write field:value; fields: {', '.join(_FIELDS)}")
    if not value:
        raise InvalidValueError(f"filters={text!r} has no value; write {name}:value or leave it out")
    return name, value


def _radio_type(text: str) -> str:
    name = text.strip()
    number = _RADIO_TYPES.get(name.casefold(), name)
    if not number.isdecimal():
        raise InvalidValueError(f"filters='radio:{name}': there is no such radio type; {', '.join(RADIO.values())}")
    return number


def _iccid(text: str) -> str:
    """Return an ICCID, or a part of one, as emnify searches it: a whole one without its check digit."""
    digits = compact(text)
    return parse_iccid(digits) if len(digits) == PRINTED_ICCID_LENGTH else digits


def _imei(text: str) -> str:
    return compact(text)[:_IMEI_DIGITS]


_READ: dict[str, Callable[[str], str]] = {"radio": _radio_type, "iccid": _iccid, "imsi": compact, "imei": _imei}
"""How a value is read, where it is not taken as it is."""
