"""Whether a SIM on record is the one a person means, spelled in any way that the tools understand."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sim_mcp.emnify import InvalidValueError
from sim_mcp.emnify.identifiers import compact, parse_candidates
from sim_mcp.fleet.lookup.folding import fold
from sim_mcp.sanitize import clean

Item = dict[str, Any]
"""An item of a plan as the record has it."""


def match_sim(raw: str) -> Callable[[Item, str], bool]:
    """Return a predicate over an item and its batch: by number, part of a number, or device name."""
    digits = ""
    known: dict[str, str] = {}
    # A name is on record as it was shown.
    names = {fold(clean(raw))}
    # With a wrong check digit it identifies no SIM, but the record may still hold these digits.
    with suppress(InvalidValueError):
        digits = compact(raw).upper()
        candidates = parse_candidates(raw)
        known = {reading.kind: reading.value for reading in candidates}
        names |= {fold(clean(reading.value)) for reading in candidates if reading.kind == "device"}
    names.discard("")

    def fits(item: Item, batch: str = "") -> bool:
        iccid = str(item.get("iccid") or "")
        if "iccid" in known:
            return iccid.startswith(known["iccid"])
        if str(item.get("sim_id")) == known.get("id") and item.get("iccid") is not None:
            return True
        if any(known.get(kind) == item.get(kind) for kind in ("imsi", "msisdn", "eid") if item.get(kind)):
            return True
        if digits and digits.isdecimal() and digits in iccid:
            return True
        if batch and digits:
            return digits in compact(batch)
        return fold(str(item.get("device") or "")) in names

    return fits
