"""Typed filters and sort orders, as emnify's `q` and `sort` parameters (emnify docs: collections). Pure."""

import difflib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Literal

from sim_mcp.emnify.errors import InvalidValueError
from sim_mcp.emnify.event_types import EVENT_TYPES
from sim_mcp.emnify.identifiers import format_input
from sim_mcp.emnify.values import SimStatus
from sim_mcp.formatting import as_utc, format_timestamp

SimSortField = Literal[
    "id",
    "issuer_org",
    "reseller_org",
    "customer_org",
    "iccid",
    "eid",
    "status",
    "production_date",
    "endpoint",
    "model",
]
EventSortField = Literal[
    "timestamp",
    "id",
    "source",
    "severity",
    "alert",
    "organisation",
    "user",
    "endpoint",
    "tags",
    "ip_address",
    "iccid",
    "imsi",
    "type",
]
MAX_ALTERNATIVES = 6
_MAX_VALUE_LENGTH = 500
_FORBIDDEN_CATEGORIES = ("Cc", "Cf", "Cs", "Zl", "Zp")
_JOINERS = "\u200c\u200d"
"""Invisible, but part of how some scripts and emoji are written."""

_EVENT_TEXTS = {
    "user": "user",
    "device": "endpoint",
    "tags": "tags",
    "ip_address": "ip_address",
    "imei": "imei",
    "iccid": "iccid",
    "imsi": "imsi",
    "network": "network",
    "country": "country",
    "rat": "rat",
}
_WITH_ALTERNATIVES = frozenset({"endpoint", "iccid", "network", "country", "rat"})
"""Fields of events for which emnify documents several values (emnify docs: events)."""

SEVERITIES = {"info": 0, "warn": 1, "critical": 2}
SOURCES = {"network": 0, "policy_control": 1, "api": 2}


@dataclass(frozen=True)
class _Sort:
    """One key to sort a collection by; ascending has no prefix, for a '+' would arrive as a blank."""

    field: str
    descending: bool = False

    def __str__(self) -> str:
        return f"-{self.field}" if self.descending else self.field


@dataclass(frozen=True)
class SimSort(_Sort):
    """One sort order of GET /api/v1/sim."""

    field: SimSortField


@dataclass(frozen=True)
class EventSort(_Sort):
    """One sort order of the event lists."""

    field: EventSortField


NEWEST_FIRST = EventSort("timestamp", descending=True)


@dataclass(frozen=True)
class SimFilter:
    """A filter of GET /api/v1/sim; `without_device` selects SIMs that are in no device."""

    id: int | None = None
    status: SimStatus | None = None
    iccid: str | None = None
    iccid_with_luhn: str | None = None
    imsi: str | None = None
    msisdn: str | None = None
    eid: str | None = None
    model: str | None = None
    production_date: date | None = None
    customer_org: int | None = None
    reseller_org: int | None = None
    issuer_org: int | None = None
    without_device: bool = False

    def __str__(self) -> str:
        """Return the `q` parameter.

        Raises:
            InvalidValueError: A value cannot be expressed in `q`.
        """
        terms = [
            term(name, value)
            for name in (field.name for field in fields(self))
            if name != "without_device" and (value := getattr(self, name)) is not None
        ]
        return ",".join([*terms, *(["endpoint:null"] if self.without_device else [])])


@dataclass(frozen=True)
class DeviceFilter:
    """A filter of GET /api/v1/endpoint."""

    name: str | None = None
    imei: str | None = None
    ip_address: str | None = None
    iccid: str | None = None
    eid: str | None = None
    sim_status: SimStatus | None = None
    status: int | None = None
    """0 enabled, 1 disabled."""

    def __str__(self) -> str:
        """Return the `q` parameter.

        Raises:
            InvalidValueError: A value cannot be expressed in `q`.
        """
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return ",".join(term(name, value) for name, value in values.items() if value is not None)


@dataclass(frozen=True)
class EventFilter:
    """A filter of GET /api/v1/event and /api/v1/sim/{id}/event; `since` and `until` go together only.

    Several values of one field mean any of them, which emnify knows for device, iccid, network, country and rat.
    """

    types: tuple[int, ...] = ()
    severity: Literal["info", "warn", "critical"] | None = None
    source: Literal["network", "policy_control", "api"] | None = None
    description: str | None = None
    alert: bool | None = None
    user: tuple[str, ...] = ()
    device: tuple[str, ...] = ()
    """By name."""
    tags: tuple[str, ...] = ()
    ip_address: tuple[str, ...] = ()
    imei: tuple[str, ...] = ()
    iccid: tuple[str, ...] = ()
    """19 digits or a part of them."""
    imsi: tuple[str, ...] = ()
    network: tuple[str, ...] = ()
    country: tuple[str, ...] = ()
    rat: tuple[str, ...] = ()
    """Radio access technologies, by number."""
    since: datetime | None = None
    until: datetime | None = None

    def __str__(self) -> str:
        """Return the `q` parameter.

        Raises:
            InvalidValueError: A value cannot be expressed in `q`, or only one end of the time range is given.
        """
        if (self.since is None) != (self.until is None):
            raise InvalidValueError("events can be asked for between two moments only: give since and until")
        if len(self.types) > MAX_ALTERNATIVES:
            raise InvalidValueError(
                f"{len(self.types)} event types are too many at once: emnify takes {MAX_ALTERNATIVES}"
            )
        terms = []
        if self.since is not None and self.until is not None:
            since, until = format_timestamp(self.since), format_timestamp(self.until)
            if as_utc(self.since) > as_utc(self.until):
                raise InvalidValueError(f"since {since} is after until {until}; swap them")
            terms += [f"from:{since}", f"until:{until}"]
        if self.types:
            terms.append("type:" + "|".join(map(str, self.types)))
        if self.severity is not None:
            terms.append(f"severity:{SEVERITIES[self.severity]}")
        if self.source is not None:
            terms.append(f"source:{SOURCES[self.source]}")
        if self.description is not None:
            terms.append(term("description", self.description))
        if self.alert is not None:
            terms.append(f"alert:{str(self.alert).lower()}")
        terms += [
            alternatives(field, getattr(self, name)) for name, field in _EVENT_TEXTS.items() if getattr(self, name)
        ]
        return ",".join(terms)


def alternatives(field: str, values: Sequence[str]) -> str:
    """Return one term of an event list's `q`, `field:value` or `field:value|value`.

    Raises:
        InvalidValueError: A value cannot be expressed, or emnify takes fewer values for that field.
    """
    most = MAX_ALTERNATIVES if field in _WITH_ALTERNATIVES else 1
    if len(values) > most:
        raise InvalidValueError(f"{len(values)} values of {field} are too many at once: emnify takes {most}")
    return term(field, values[0]) + "".join("|" + term(field, value).partition(":")[2] for value in values[1:])


def term(field: str, value: str | date | SimStatus | int) -> str:
    """Return one term of `q`, `field:value`.

    Raises:
        InvalidValueError: The value is empty or too long, or holds a comma, a bar, a line break or a control character,
            for which emnify documents no escape (emnify docs: collections, filtering).
    """
    if isinstance(value, int):
        return f"{field}:{int(value)}"
    text = value.isoformat() if isinstance(value, date) else value.strip()
    if not text:
        raise InvalidValueError(f"an empty {field} finds nothing; leave the filter out or give a value")
    if len(text) > _MAX_VALUE_LENGTH:
        raise InvalidValueError(f"{field} {format_input(text)} is too long ({len(text)} characters); give a part of it")
    for char in text:
        if char in ",|" or (unicodedata.category(char) in _FORBIDDEN_CATEGORIES and char not in _JOINERS):
            what = {",": "a comma", "|": "a bar (|)"}.get(char, "a line break or control character")
            raise InvalidValueError(
                f"{field} {format_input(text)} holds {what}, which emnify's filters cannot express; "
                f"use a part of the value without it"
            )
    return f"{field}:{text}"


def event_type_id(text: str) -> int:
    """Return the number of an event type, from its number or its name.

    Raises:
        InvalidValueError: There is no such type; the message names the nearest ones.
    """
    wanted = " ".join(text.replace("_", " ").split()).casefold()
    if wanted.isdecimal() and len(wanted) <= 6:  # noqa: PLR2004  # emnify's ids are small.
        return int(wanted)
    for number, name in EVENT_TYPES.items():
        if name.casefold() == wanted:
            return number
    near = difflib.get_close_matches(wanted, [name.casefold() for name in EVENT_TYPES.values()], n=3, cutoff=0.5)
    names = [name for name in EVENT_TYPES.values() if name.casefold() in near]
    hint = (
        f"did you mean {' or '.join(names)}?"
        if names
        else "such as Create PDP Context, Update location or SIM activation"
    )
    raise InvalidValueError(f"there is no event type {format_input(text)}; {hint}")
