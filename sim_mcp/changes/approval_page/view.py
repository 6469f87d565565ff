"""What the approval page shows of a plan, and what it asks whoever keeps the plans."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

State = Literal["waiting", "approved", "rejected", "expired", "lapsed"]
Verdict = Literal["change", "already", "refused"]

_ORDER: tuple[Verdict, ...] = ("change", "refused", "already")
_MOST_ALIKE = 6
"""Effects of one verdict that are told once each; where there are more, each stands beside its SIM."""


@dataclass(frozen=True)
class Row:
    """Show one SIM of a plan; every text but the verdict and the outcome may be a customer's."""

    iccid: str
    device: str
    organisation: str
    before: str
    after: str
    verdict: Verdict
    effect: str
    outcome: str = ""
    """What became of it, in a word; empty as long as that is not known."""
    now: str = ""
    note: str = ""


@dataclass(frozen=True)
class Group:
    """Show SIMs to which the same happens; where they differ in a text, it is None and stands beside each."""

    verdict: Verdict
    rows: tuple[Row, ...]
    step: tuple[str, str] | None
    effect: str | None
    organisation: str | None


@dataclass(frozen=True)
class View:
    """Hold all that a person needs to decide on a plan, and what came of it."""

    plan_id: str
    place: str
    """Where it would be done: `emnify`, `sandbox`, or emnify at another address."""
    workspace: str
    act: str
    """What pressing the button does, such as `Suspend 3 SIMs`."""
    summary: str
    rows: tuple[Row, ...]
    sims: int | None
    """How many SIMs would change, which for a batch are more than its one row; None where nobody knows."""
    service: str
    bill: str
    due: str
    """What falls due at once; empty where that is not told."""
    client: str
    expires_at: datetime
    """In UTC."""
    typing_request: str
    """What to type so as to confirm, as a sentence; empty if nothing is to be typed."""
    irreversible: bool
    state: State
    requester: str = ""
    """Who asked, where they had signed in."""
    agreed: str = ""
    """How it was decided, and by whom."""

    @property
    def is_batch(self) -> bool:
        """Tell whether the rows are batches of SIMs."""
        return self.sims != sum(row.verdict == "change" for row in self.rows)

    @property
    def settled(self) -> int:
        """Return of how many rows is known what became of them."""
        return sum(bool(row.outcome) for row in self.rows)

    @property
    def is_over(self) -> bool:
        """Tell whether nothing more comes of it."""
        return self.state not in ("waiting", "approved") or self.settled == len(self.rows)

    @property
    def outcomes(self) -> list[tuple[str, int]]:
        """Return how many rows each outcome has."""
        return Counter(row.outcome for row in self.rows if row.outcome).most_common()

    @property
    def groups(self) -> list[Group]:
        """Return the rows in groups that are alike, what changes first."""
        return [group for verdict in _ORDER for group in _alike(verdict, self.rows)]


def _alike(verdict: Verdict, rows: tuple[Row, ...]) -> list[Group]:
    found: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        if row.verdict == verdict:
            found.setdefault((row.before, row.after, row.effect), []).append(row)
    if len(found) > _MOST_ALIKE:
        every = tuple(row for alike in found.values() for row in alike)
        return [Group(verdict, every, None, None, _shared(every))]
    return [
        Group(verdict, tuple(alike), (before, after), effect, _shared(alike))
        for (before, after, effect), alike in found.items()
    ]


def _shared(rows: list[Row] | tuple[Row, ...]) -> str | None:
    """Return the organisation that all rows have, empty if they have none, or None where they differ."""
    names = {row.organisation for row in rows}
    return names.pop() if len(names) == 1 else None


class Decisions(Protocol):
    """Keep plans and what was decided on them; each plan is decided at most once."""

    async def view(self, plan_id: str) -> View | None:
        """Return the plan as it stands, or None if there is none."""

    async def approve(self, plan_id: str, typed: str) -> Literal["approved", "mistyped", "expired", "decided"]:
        """Approve the plan, unless what was typed does not confirm it, it has expired, or it is decided already."""

    async def reject(self, plan_id: str) -> Literal["rejected", "expired", "decided"]:
        """Reject the plan, unless it has expired or is decided already."""
