"""What the tools about usage across SIMs answer; rows are loose on purpose, for a precise schema costs every session."""

from typing import Any

from pydantic import Field

from sim_mcp.tools.answers import Answer


class UsageRanking(Answer):
    """SIMs by usage, with totals; data in MB, SMS as a count."""

    period: str
    sims: list[dict[str, Any]]
    customer: str | None = None
    fitting: int
    read: int
    of: int
    sum: dict[str, Any]
    emnify_total: dict[str, Any] | None = None
    as_of: str | None = None
    state: str = Field(description="complete, or how far")
    next: str | None = None
    notes: list[str]


class WasteReport(Answer):
    """SIMs that cost and do nothing, by why."""

    groups: list[dict[str, Any]]
    total: int
    saves: str
    price: str
    read: int
    of: int
    as_of: str | None = None
    state: str = Field(description="complete, or how far")
    next: str | None = None
    notes: list[str]
