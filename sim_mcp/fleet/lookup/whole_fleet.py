"""What the whole fleet can tell that emnify's own search cannot; whoever keeps the fleet hands it in."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Holder(NamedTuple):
    """A SIM that holds a text, and the field that does, such as "device" or "ICCID"."""

    sim_id: int
    field: str


class WholeFleet(Protocol):
    """Search every SIM, by what is known of it; each method returns None where the fleet is not known now."""

    async def named(self, name: str) -> Sequence[int] | None:
        """Return the SIMs in devices of that name, whatever is invisible in it."""

    async def holding(self, text: str, most: int) -> Sequence[Holder] | None:
        """Return the first SIMs that hold a number, part of one, or all words of a text in any order."""

    async def near(self, numbers: frozenset[str], most: int) -> Sequence[int] | None:
        """Return the first SIMs that have one of these numbers."""
