"""Filters and searches as SQL conditions over the rows of the inventory. Pure; values are bound, names are ours."""

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from sim_mcp.emnify import ICCID_LENGTH, InvalidValueError, compact
from sim_mcp.fleet.inventory.filters import FleetFilter
from sim_mcp.fleet.inventory.rows import Kind, day_to_number
from sim_mcp.fleet.lookup.folding import fold
from sim_mcp.fleet.lookup.organisations import format_organisations
from sim_mcp.sanitize import fence, quoted

Names = Mapping[tuple[Kind, int], str]
Values = tuple[str | int, ...]
Fit = Literal["exact", "prefix", "part"]

_FITS: tuple[Fit, ...] = ("exact", "prefix", "part")
_FIELDS = ("ICCID", "SIM id", "IMSI", "MSISDN", "EID", "device", "customer", "reseller", "issuer")
_NUMBERS = {"ICCID": "iccid", "IMSI": "imsi", "MSISDN": "msisdn", "EID": "eid"}
_ROLES = {"customer": "customer", "reseller": "reseller", "issuer": "issuer"}
_NO_MATCH = len(_FITS) * len(_FIELDS)
_MAX_LISTED = 20
_MAX_ID_DIGITS = 12


class UnknownNameError(Exception):
    """A name fits nothing, or more than one organisation; the message lists what there is."""


class Condition(NamedTuple):
    """A condition on rows, with the values it binds."""

    sql: str
    values: Values


class Search(NamedTuple):
    """A condition on rows, and a score of those that fulfil it: the lower, the better."""

    sql: str
    values: Values
    score: str
    score_values: Values

    @staticmethod
    def parse_score(score: int) -> tuple[str, Fit]:
        """Return which field matched, and how."""
        return _FIELDS[score % len(_FIELDS)], _FITS[score // len(_FIELDS)]


def condition(where: FleetFilter, names: Names) -> Condition:
    """Return a filter as an SQL condition.

    Raises:
        InvalidValueError: A text that was given holds nothing to compare.
        UnknownNameError: No organisation, model or form factor goes by a name that was given.
    """
    parts = [*_kind_conditions(where, names), *_text_conditions(where), *_day_conditions(where)]
    return Condition(" AND ".join(part.sql for part in parts) or "1", tuple(v for part in parts for v in part.values))


def search(text: str, names: Names) -> Search | None:
    """Return a search for a text in any field; None where the text is blank."""
    name = fold(text.strip())
    if not name:
        return None
    digits = compact(text).removeprefix("+")
    is_number = digits.isascii() and digits.isdecimal()
    texts = [(field, column, digits) for field, column in _NUMBERS.items()] if is_number else []
    fits: list[Condition] = []
    scores: list[Condition] = []
    for field, column, wanted in [*texts, ("device", "folded", name)]:
        fits.append(Condition(f"instr({column}, ?) > 0", (wanted,)))
        scores.append(_score(field, column, wanted))
    if is_number and len(digits) <= _MAX_ID_DIGITS:
        fits.append(Condition("id = ?", (int(digits),)))
        scores.append(
            Condition(f"CASE WHEN id = ? THEN {_FIELDS.index('SIM id')} ELSE {_NO_MATCH} END", (int(digits),))
        )
    organisations = {number: label for (kind, number), label in names.items() if kind == "organisation"}
    for place, fit in enumerate(_FITS):
        found = {number for number, label in organisations.items() if _match(label, name) == fit}
        if not found:
            continue
        for field, column in _ROLES.items():
            holders = _in(column, found)
            fits.append(holders)
            score = place * len(_FIELDS) + _FIELDS.index(field)
            scores.append(Condition(f"CASE WHEN {holders.sql} THEN {score} ELSE {_NO_MATCH} END", holders.values))
    return Search(
        " OR ".join(fit.sql for fit in fits),
        tuple(value for fit in fits for value in fit.values),
        f"min({', '.join(score.sql for score in scores)}, {_NO_MATCH})",
        tuple(value for score in scores for value in score.values),
    )


def _kind_conditions(where: FleetFilter, names: Names) -> Iterator[Condition]:
    if where.statuses:
        yield _in("status", {status.value for status in where.statuses})
    if where.ids is not None:
        yield _in("id", set(where.ids))
    if where.has_device is not None:
        yield Condition(f"device_id IS {'NOT ' if where.has_device else ''}NULL", ())
    for role, texts in (("customer", where.customers), ("reseller", where.resellers), ("issuer", where.issuers)):
        if texts:
            yield _in(role, {_organisation(role, text, names) for text in texts})
    kinds: tuple[tuple[Kind, tuple[str, ...]], ...] = (("model", where.models), ("form_factor", where.form_factors))
    for kind, texts in kinds:
        if texts:
            yield _in(kind, {number for text in texts for number in _kinds_named(kind, text, names)})


def _text_conditions(where: FleetFilter) -> Iterator[Condition]:
    numbers = {"iccid": where.iccid, "imsi": where.imsi, "msisdn": where.msisdn, "eid": where.eid}
    for column, text in numbers.items():
        if text is not None:
            yield Condition(f"instr({column}, ?) > 0", (_require_text(column, text, compact(text).removeprefix("+")),))
    if where.name_contains is not None:
        name = _require_text("device", where.name_contains, where.name_contains.strip())
        yield Condition("instr(folded, ?) > 0", (fold(name),))


def _require_text(field: str, text: str, wanted: str) -> str:
    # An empty text is part of every other: the filter would be ignored silently.
    if not fold(wanted):
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


def _score(field: str, column: str, wanted: str) -> Condition:
    """Return the score of a text in a column, as an SQL expression."""
    # Without its check digit it is the whole ICCID all the same.
    whole = f"substr({column}, 1, {ICCID_LENGTH})" if field == "ICCID" and len(wanted) == ICCID_LENGTH else column
    at, step = _FIELDS.index(field), len(_FIELDS)
    return Condition(
        f"CASE WHEN {whole} = ? THEN {at} WHEN instr({column}, ?) = 1 THEN {step + at} "
        f"WHEN instr({column}, ?) > 1 THEN {2 * step + at} ELSE {_NO_MATCH} END",
        (wanted,) * 3,
    )


def _match(text: str, wanted: str) -> Fit | None:
    folded = fold(text)
    if folded == wanted:
        return "exact"
    return "prefix" if folded.startswith(wanted) else "part" if wanted in folded else None


def _organisation(role: str, text: str, names: Names) -> int:
    name = text.strip()
    if name.isdecimal() and len(name) <= _MAX_ID_DIGITS:
        return int(name)
    known = {number: label for (kind, number), label in names.items() if kind == "organisation"}
    wanted = fold(_require_text(role, text, name))
    hits = [number for number, label in known.items() if fold(label) == wanted]
    if len(hits) == 1:
        return hits[0]
    problem = "Several organisations are" if hits else f"No {role} is"
    there_are = format_organisations((known[number], number) for number in hits or sorted(known)) or "none."
    raise UnknownNameError(
        f"{problem} called {quoted(text)}. Use the id. Nothing changed. The fleet's organisations:\n{there_are}"
    )


def _kinds_named(kind: Kind, text: str, names: Names) -> set[int]:
    known = {number: label for (of, number), label in names.items() if of == kind}
    wanted = fold(_require_text(kind.replace("_", " "), text, text.strip()))
    hits = {number for number, label in known.items() if wanted in fold(label)}
    if hits:
        return hits
    labels = sorted(quoted(label) for label in known.values())
    more = f" and {len(labels) - _MAX_LISTED:,} more" if len(labels) > _MAX_LISTED else ""
    there_are = fence(", ".join(labels[:_MAX_LISTED]) + more) if labels else "none."
    raise UnknownNameError(
        f"No {kind.replace('_', ' ')} is called {quoted(text)}. Nothing changed. There are:\n{there_are}"
    )


def _in(column: str, numbers: set[int]) -> Condition:
    if len(numbers) == 1:
        return Condition(f"{column} = ?", tuple(numbers))
    # Numbers are written out: a condition may bind fewer values than a fleet has organisations.
    return Condition(f"{column} IN ({','.join(str(int(number)) for number in sorted(numbers))})", ())
