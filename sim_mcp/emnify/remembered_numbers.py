"""Which SIM had a number when it was last looked for, so that it can be read by its id.

Remembered are numbers that are handed out once: an ICCID is one card's, an IMSI one subscription's, an MSISDN one
line's. So a SIM that still has the number is the SIM that is meant, which reading it shows. An EID is not remembered:
it is a chip's, and each profile on it is a SIM. Nor is a device's name: customers give the same one twice. For these,
reading the SIM that was found before would not show the second.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import NamedTuple

from sim_mcp.emnify.identifiers import ICCID_LENGTH, Candidate
from sim_mcp.emnify.models import Sim
from sim_mcp.emnify.pasted_number import Kind

_MOST = 20_000
_FOR_S = 3600.0
"""For so long it is also taken as read that the digits are no other SIM's number of another kind."""


class Remembered(NamedTuple):
    """The SIM that digits led to: by which number of it, and since when that is known."""

    number: Candidate
    sim_id: int
    since: float


class RememberedNumbers:
    """Hold the SIM ids of the digits that were used last."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: OrderedDict[tuple[Candidate, ...], Remembered] = OrderedDict()

    def learn(self, sim: Sim) -> None:
        """Remember the ICCID of a SIM that was read: it can be taken for no other kind of number."""
        if (iccid := number_of(sim, "iccid")) is not None:
            number = Candidate("iccid", iccid)
            self.remember([number], number, sim.id)

    def remember(self, meanings: Iterable[Candidate], number: Candidate, sim_id: int) -> None:
        """Remember that digits, whatever they may mean, led to one SIM, by that number; other kinds are left out."""
        if number.kind not in ("iccid", "imsi", "msisdn"):
            return
        key = _digits_of(meanings)
        self._known[key] = Remembered(number, sim_id, self._clock())
        self._known.move_to_end(key)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)

    def find(self, meanings: Iterable[Candidate]) -> Remembered | None:
        """Return what digits with just these meanings led to within the last hour, or None."""
        found = self._known.get(_digits_of(meanings))
        return found if found is not None and self._clock() - found.since < _FOR_S else None

    def forget(self, meanings: Iterable[Candidate]) -> None:
        """Forget digits whose SIM no longer has them."""
        self._known.pop(_digits_of(meanings), None)


def _digits_of(meanings: Iterable[Candidate]) -> tuple[Candidate, ...]:
    # What is found by such a number is not looked for among the names of devices.
    return tuple(meaning for meaning in meanings if meaning.kind != "device")


def number_of(sim: Sim, kind: Kind) -> str | None:
    """Return a SIM's number of a kind, as emnify searches for it; None where it has none, or the kind is no number."""
    if kind == "iccid":
        # The check digit is left out, as in what is searched for.
        return (sim.iccid or sim.iccid_with_luhn or "")[:ICCID_LENGTH] or None
    numbers: dict[Kind, str | None] = {"imsi": sim.imsi, "msisdn": sim.msisdn, "eid": sim.eid}
    return numbers.get(kind)
