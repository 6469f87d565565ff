"""A search for a text in any field, as SQL over the rows of the inventory. Pure; values are bound, names are ours."""

import re
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from sim_mcp.emnify.identifiers import ICCID_LENGTH, IMEI_BODY_LENGTH, IMEI_LENGTHS, typed_number
from sim_mcp.emnify.pasted_number import PastedNumber, is_digits, name_inside, read_number
from sim_mcp.fleet.inventory.sql import Condition, Names, Values, one_of
from sim_mcp.fleet.lookup.folding import fold_accents, search_words

Fit = Literal["exact", "prefix", "part"]

_FITS: tuple[Fit, ...] = ("exact", "prefix", "part")
_FIELDS = (
    "ICCID",
    "SIM id",
    "IMSI",
    "MSISDN",
    "EID",
    "IMEI",
    "IP address",
    "device id",
    "device",
    "tag",
    "customer",
    "reseller",
    "issuer",
)
_ROLES = ("customer", "reseller", "issuer")
_NO_MATCH = len(_FITS) * len(_FIELDS)
_MAX_ID_DIGITS = 12
# "10.128." is where addresses begin; "8988.3030" is a number in groups.
_PART_OF_IP = re.compile(r"\d{1,3}(\.\d{1,3}){1,2}\.?|\d{1,3}\.")
_ICCID_19 = f"substr(iccid, 1, {ICCID_LENGTH})"
_IMEI_14 = f"substr(imei, 1, {IMEI_BODY_LENGTH})"


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


class _Term(NamedTuple):
    """What a field has to fulfil to match a text exactly, at its beginning, or at all."""

    field: str
    exact: Condition
    prefix: Condition
    part: Condition


_NEVER = Condition("0", ())


def search(text: str, names: Names) -> Search | None:
    """Return a search for a number, a part of one, or all words of a text in any order; None where it is blank.

    Raises:
        InvalidValueError: A spreadsheet has shortened the number, so that digits of it are lost.
    """
    given = read_number(text)
    name = " ".join(search_words(name_inside(text) or text))
    if not name:
        return None
    terms = [*_number_terms(text, given), *_text_terms(name), *_organisation_terms(name, names)]
    scores = [_score(term) for term in terms]
    return Search(
        " OR ".join(term.part.sql for term in terms),
        tuple(value for term in terms for value in term.part.values),
        f"min({', '.join(score.sql for score in scores)}, {_NO_MATCH})",
        tuple(value for score in scores for value in score.values),
    )


def near(numbers_json: str) -> Condition:
    """Return the condition that a SIM has one of some numbers, given as a JSON array."""
    columns = ("iccid", _ICCID_19, "imsi", "msisdn", "eid", _IMEI_14)
    among = "IN (SELECT value FROM json_each(?))"
    return Condition(" OR ".join(f"{column} {among}" for column in columns), (numbers_json,) * len(columns))


def _number_terms(text: str, given: PastedNumber) -> Iterator[_Term]:
    if given.is_ip:
        address = Condition("ip = ?", (given.digits,))
        yield _Term("IP address", address, _NEVER, address)
        return
    if _PART_OF_IP.fullmatch(text.strip()):
        yield _part("IP address", "ip", text.strip())
        return
    digits = given.digits.removeprefix("+")
    if not is_digits(digits):
        return
    # Without its check digit it is the whole ICCID all the same.
    yield _part("ICCID", "iccid", digits, whole=_ICCID_19 if len(digits) == ICCID_LENGTH else "iccid")
    yield _part("IMSI", "imsi", digits)
    yield _part("MSISDN", "msisdn", typed_number(text) or digits)
    yield _part("EID", "eid", digits)
    body = digits[:IMEI_BODY_LENGTH] if len(digits) in IMEI_LENGTHS else digits
    yield _part("IMEI", "imei", body, whole=_IMEI_14)
    if len(digits) <= _MAX_ID_DIGITS and not given.is_grouped:
        for field, column in (("SIM id", "id"), ("device id", "device_id")):
            same = Condition(f"{column} = ?", (int(digits),))
            yield _Term(field, same, _NEVER, same)


def _text_terms(name: str) -> Iterator[_Term]:
    yield _Term("device", Condition("folded = ?", (name,)), _begins("folded", name), _holds_words("folded", name))
    # Tags are kept between commas.
    exact, begins = (Condition("instr(folded_tags, ?) > 0", (wanted,)) for wanted in (f",{name},", f",{name}"))
    yield _Term("tag", exact, begins, _holds_words("folded_tags", name))


def _organisation_terms(name: str, names: Names) -> Iterator[_Term]:
    labels = {number: fold_accents(label) for (kind, number), label in names.items() if kind == "organisation"}

    def among(column: str, fits: Callable[[str], bool]) -> Condition:
        found = {number for number, label in labels.items() if fits(label)}
        return one_of(column, found) if found else _NEVER

    words = name.split()
    for role in _ROLES:
        yield _Term(
            role,
            among(role, lambda label: label == name),
            among(role, lambda label: label.startswith(name)),
            among(role, lambda label: all(word in label for word in words)),
        )


def _part(field: str, column: str, wanted: str, whole: str | None = None) -> _Term:
    part = Condition(f"instr({column}, ?) > 0", (wanted,))
    return _Term(field, Condition(f"{whole or column} = ?", (wanted,)), _begins(column, wanted), part)


def _begins(column: str, wanted: str) -> Condition:
    return Condition(f"instr({column}, ?) = 1", (wanted,))


def _holds_words(column: str, name: str) -> Condition:
    words = tuple(name.split())
    return Condition(f"({' AND '.join([f'instr({column}, ?) > 0'] * len(words))})", words)


def _score(term: _Term) -> Condition:
    """Return the score of a field, as an SQL expression."""
    at, step = _FIELDS.index(term.field), len(_FIELDS)
    whens = (term.exact, term.prefix, term.part)
    sql = " ".join(f"WHEN {when.sql} THEN {place * step + at}" for place, when in enumerate(whens))
    return Condition(f"CASE {sql} ELSE {_NO_MATCH} END", tuple(value for when in whens for value in when.values))
