"""The whole fleet as of a moment, in SQLite: counting, grouping and finding without asking emnify again."""

from collections.abc import Iterator
from datetime import datetime

from sim_mcp.fleet.selection import FleetFilter, FleetSim, Found, GroupBy, OrderBy

EVERYTHING = FleetFilter()


class Snapshot:
    """Answer questions about the fleet. Methods block (up to a second at a million SIMs): call them in a thread."""

    taken_at: datetime
    """When reading it began, by emnify's clock."""
    total: int
    note: str | None
    """What a person should know of it: it is old, was not kept, or the fleet changed while it was read."""

    def count(self, where: FleetFilter = EVERYTHING) -> int:
        """Return how many SIMs fit."""
        raise NotImplementedError

    def sims(
        self, where: FleetFilter = EVERYTHING, *, order: OrderBy = "id", descending: bool = False,
        limit: int | None = None, offset: int = 0,
    ) -> Iterator[FleetSim]:  # fmt: skip
        """Yield the SIMs that fit, in flat memory; one that is deleted meanwhile is left out."""
        raise NotImplementedError

    def group(self, by: tuple[GroupBy, ...], where: FleetFilter = EVERYTHING) -> list[tuple[tuple[str, ...], int]]:
        """Return each value (one per member of `by`) with its count, largest first."""
        raise NotImplementedError

    def search(self, text: str, *, limit: int = 20) -> Found:
        """Return what goes by that text or a part of it, best first."""
        raise NotImplementedError
