"""What the tools about the whole fleet answer: rows are plain objects, for each schema costs every conversation."""

from typing import Any

from sim_mcp.tools.result import Answer


class FleetAnswer(Answer):
    """An answer from the inventory; without a total, `hint` tells how far reading it is."""

    total: int | None = None
    """All that match."""
    fleet: int | None = None
    """All SIMs."""
    as_of: str | None = None
    next: str | None = None
    hint: str | None = None


class FleetCounts(FleetAnswer):
    """SIMs counted by what they have in common; `other` is what the groups not shown hold."""

    groups: list[dict[str, Any]] | None = None
    other: int | None = None
    other_groups: int | None = None


class FoundSims(FleetAnswer):
    """SIMs that go by a text, best first."""

    sims: list[dict[str, Any]] | None = None
