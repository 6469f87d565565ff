"""How a change stands, for whoever asks."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sim_mcp.changes.item import PlannedItem
from sim_mcp.changes.outcome import Outcome
from sim_mcp.changes.record.entries import StoredPlan

ReportProgress = Callable[[int, int, str], Awaitable[None]]
"""Told how many items are done, of how many, and what is being waited for."""


async def hears_nothing(done: int, of: int, waiting_for: str) -> None:
    """Take a report of progress where nobody listens."""
    del done, of, waiting_for


@dataclass(frozen=True)
class Report:
    """How a plan stands: what became of each item that is settled, and where to approve it if it waits."""

    stored: StoredPlan
    outcomes: tuple[tuple[PlannedItem, Outcome], ...]
    link: str | None = None
    paused: str | None = None
    """Why it stopped before its end, if something made it."""
    note: str | None = None
    """What a person should know besides, such as that it follows an earlier plan."""
    besides: int = 0
    """Other changes of this caller that wait or are open."""

    @property
    def counts(self) -> dict[str, int]:
        """Return how many SIMs each outcome has."""
        counted = Counter[str]()
        for item, outcome in self.outcomes:
            counted[outcome.kind] += outcome.sims or self.stored.plan.change.weigh(item)
        return dict(counted)

    @property
    def open_items(self) -> int:
        """Return how many items are not settled yet."""
        return len(self.stored.plan.items) - len(self.outcomes)
