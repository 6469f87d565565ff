"""SIMs whose number is nearly the one that was given: for a person to compare, never chosen."""

from collections.abc import Sequence

from sim_mcp.emnify import ICCID_LENGTH, EmnifyClient, Sim, SimFilter
from sim_mcp.emnify.identifiers import PRINTED_ICCID_LENGTH, typed_number

_DIGITS = "0123456789"
_PER_PAGE = 500
NEARLY_ICCID = range(ICCID_LENGTH - 1, PRINTED_ICCID_LENGTH + 2)
"""How many digits an ICCID has, printed or not, with one missing or too many."""

_IMSI_LENGTHS = range(13, 17)
_MSISDN_LENGTHS = range(7, 17)
_EID_LENGTHS = range(31, 34)


def near_numbers(digits: str) -> frozenset[str]:
    """Return the numbers that differ in one digit, in two neighbours swapped, or in one digit missing or too many."""
    places = range(len(digits))
    changed = {digits[:at] + digit + digits[at + 1 :] for at in places for digit in _DIGITS}
    swapped = {digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :] for at in places[:-1]}
    longer = {digits[:at] + digit + digits[at:] for at in [*places, len(digits)] for digit in _DIGITS}
    shorter = {digits[:at] + digits[at + 1 :] for at in places}
    return frozenset((changed | swapped | longer | shorter) - {digits, ""})


def near_typed(text: str) -> tuple[frozenset[str], ...]:
    """Return the numbers near the one that a text is, the nearest first; none where it is no number, or a short one.

    A single wrong digit in a printed ICCID always shows in its check digit: what is near its first 19 digits alone
    comes second.
    """
    digits = typed_number(text)
    if digits is None:
        return ()
    if len(digits) != PRINTED_ICCID_LENGTH:
        return (near_numbers(digits),)
    return near_numbers(digits), near_numbers(digits[:ICCID_LENGTH]) | {digits[:ICCID_LENGTH]}


async def search_near(client: EmnifyClient, text: str, most: int) -> Sequence[Sim]:
    """Return the first SIMs near a number, from those that emnify finds by its beginning and its end (GET /api/v1/sim).

    Raises:
        EmnifyError: emnify could not be asked.
    """
    digits = typed_number(text)
    if digits is None:
        return ()
    # A digit that is wrong is in one of the two parts, and the other part is right.
    cut = len(digits[:ICCID_LENGTH]) * 2 // 3
    end = ICCID_LENGTH if len(digits) in NEARLY_ICCID else len(digits)
    seen: dict[int, Sim] = {}
    for part in (digits[:cut], digits[cut:end]):
        for wanted in _filters(part, len(digits)):
            page = await client.list_sims(wanted, per_page=_PER_PAGE)
            seen |= {sim.id: sim for sim in page.items}
    for near in near_typed(text):
        if found := [sim for sim in seen.values() if _numbers_of(sim) & near]:
            return found[:most]
    return ()


def _filters(part: str, length: int) -> list[SimFilter]:
    """Return the filters for a part of a number of that length, which has lost a digit or gained one perhaps."""
    if length in NEARLY_ICCID:
        return [SimFilter(iccid=part)]
    if length in _EID_LENGTHS:
        return [SimFilter(eid=part)]
    imsi = [SimFilter(imsi=part)] if length in _IMSI_LENGTHS else []
    return [*imsi, SimFilter(msisdn=part)] if length in _MSISDN_LENGTHS else imsi


def _numbers_of(sim: Sim) -> set[str | None]:
    printed = sim.printed_iccid
    return {printed, printed[:ICCID_LENGTH] if printed else None, sim.imsi, sim.msisdn, sim.eid}
