"""Filters as SQL conditions over the rows of the inventory. Pure; values are bound, names are ours."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from sim_mcp.emnify import InvalidValueError, compact
from sim_mcp.fleet.inventory.filters import FleetFilter
from sim_mcp.fleet.inventory.rows import Kind, day_to_number
from sim_mcp.fleet.lookup.folding import holds_words, search_words
from sim_mcp.fleet.lookup.organisations import format_organisations, match_organisations
from sim_mcp.sanitize import fence, quoted

Names = Mapping[tuple[Kind, int], str]
Values = tuple[str | int, ...]

_MAX_LISTED = 20
_MAX_ID_DIGITS = 12


class UnknownNameError(Exception):
    """A name fits nothing, or more than one organisation; the message lists what there is."""


class Condition(NamedTuple):
    """A condition on rows, with the values it binds."""

    sql: str
    values: Values


def condition(where: FleetFilter, names: Names) -> Condition:
    """Return a filter as an SQL condition.

    Raises:
        InvalidValueError: A text that was given holds nothing to compare.
        UnknownNameError: No organisation, model or form factor goes by a name that was given.
    """
    parts = [*_kind_conditions(where, names), *_text_conditions(where), *_day_conditions(where)]
    return Condition(" AND ".join(part.sql for part in parts) or "1", tuple(v for part in parts for v in part.values))


def _kind_conditions(where: FleetFilter, names: Names) -> Iterator[Condition]:
    if where.statuses:
        yield one_of("status", {status.value for status in where.statuses})
    if where.ids is not None:
        yield one_of("id", set(where.ids))
    if where.has_device is not None:
        yield Condition(f"device_id IS {'NOT ' if where.has_device else ''}NULL", ())
    for role, texts in (("customer", where.customers), ("reseller", where.resellers), ("issuer", where.issuers)):
        if texts:
            yield one_of(role, {_organisation(role, text, names) for text in texts})
    kinds: tuple[tuple[Kind, tuple[str, ...]], ...] = (("model", where.models), ("form_factor", where.form_factors))
    for kind, texts in kinds:
        if texts:
            yield one_of(kind, {number for text in texts for number in _kinds_named(kind, text, names)})


def _text_conditions(where: FleetFilter) -> Iterator[Condition]:
    numbers = {"iccid": where.iccid, "imsi": where.imsi, "msisdn": where.msisdn, "eid": where.eid}
    for column, text in numbers.items():
        if text is not None:
            digits = compact(text).removeprefix("+")
            dialled = digits.removeprefix("00") if column == "msisdn" else digits
            yield Condition(f"instr({column}, ?) > 0", (_require_text(column, text, dialled),))
    if where.name_contains is not None:
        name = _require_text("device", where.name_contains, where.name_contains.strip())
        words = search_words(name)
        yield Condition(" AND ".join(["instr(folded, ?) > 0"] * len(words)), words)


def _require_text(field: str, text: str, wanted: str) -> str:
    # An empty text is part of every other: the filter would be ignored silently.
    if not search_words(wanted):
        raise InvalidValueError(
            f"{field} {quoted(text)} holds nothing to search for; give a part of it or leave it out"
        )
    return wanted


def _day_conditions(where: FleetFilter) -> Iterator[Condition]:
    for comparison, day in (
        ("produced =", where.produced),
        ("produced <", where.produced_before),
        ("produced >", where.produced_after),
        ("activated <", where.activated_before),
        ("activated >", where.activated_after),
    ):
        if day is not None:
            yield Condition(f"{comparison} ?", (day_to_number(day),))


def _organisation(role: str, text: str, names: Names) -> int:
    name = text.strip()
    if name.isdecimal() and len(name) <= _MAX_ID_DIGITS:
        return int(name)
    known = {number: label for (kind, number), label in names.items() if kind == "organisation"}
    hits = match_organisations(_require_text(role, text, name), known, partly=True)
    if len(hits) == 1:
        return hits[0]
    problem = "Several organisations fit" if hits else f"No {role} is called"
    there_are = format_organisations((known[number], number) for number in hits or sorted(known)) or "none."
    raise UnknownNameError(
        f"{problem} {quoted(text)}. Use the id. Nothing changed. The fleet's organisations:\n{there_are}"
    )


def _kinds_named(kind: Kind, text: str, names: Names) -> set[int]:
    known = {number: label for (of, number), label in names.items() if of == kind}
    wanted = _require_text(kind.replace("_", " "), text, text.strip())
    hits = {number for number, label in known.items() if holds_words(label, wanted)}
    if hits:
        return hits
    labels = sorted(quoted(label) for label in known.values())
    more = f" and {len(labels) - _MAX_LISTED:,} more" if len(labels) > _MAX_LISTED else ""
    there_are = fence(", ".join(labels[:_MAX_LISTED]) + more) if labels else "none."
    raise UnknownNameError(
        f"No {kind.replace('_', ' ')} is called {quoted(text)}. Nothing changed. There are:\n{there_are}"
    )


def one_of(column: str, numbers: set[int]) -> Condition:
    """Return the condition that a column has one of some numbers."""
    if len(numbers) == 1:
        return Condition(f"{column} = ?", tuple(numbers))
    # Numbers are written out: a condition may bind fewer values than a fleet has organisations.
    return Condition(f"{column} IN ({','.join(str(int(number)) for number in sorted(numbers))})", ())
