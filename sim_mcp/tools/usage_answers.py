"""What the tools about usage across SIMs answer. Their schemas name only what a reader goes by."""

from collections.abc import Callable
from typing import Any

from pydantic import ConfigDict, Field

from sim_mcp.tools.result import Answer


def _telling(*names: str) -> Callable[[dict[str, Any]], None]:
    """Leave all but these out of a schema, which allows the rest without naming it."""

    def slim(schema: dict[str, Any]) -> None:
        schema["properties"] = {name: {"type": schema["properties"][name]["type"]} for name in names}
        schema.pop("required", None)

    return slim


class UsageRanking(Answer):
    """SIMs by usage, with totals; data in MB, SMS as a count."""

    model_config = ConfigDict(json_schema_extra=_telling("sims", "state"))

    period: str | None = None
    customer: str | None = None
    sims: list[dict[str, Any]] = Field(default_factory=list)
    ranked: int = 0
    """SIMs with such usage, or without any."""
    read: int = 0
    of: int | None = None
    """None while the SIMs themselves are still being read."""
    sum: dict[str, Any] | None = None
    emnify_total: dict[str, Any] | None = None
    as_of: str | None = None
    state: str
    """Complete, or how far it is."""
    next: str | None = None
    notes: list[str] = Field(default_factory=list)


class WasteReport(Answer):
    """SIMs that cost and do nothing, by why."""

    model_config = ConfigDict(json_schema_extra=_telling("groups", "total", "state"))

    customer: str | None = None
    groups: list[dict[str, Any]] = Field(default_factory=list)
    total: int = 0
    saves: str | None = None
    price: str | None = None
    read: int = 0
    of: int | None = None
    """None while the SIMs themselves are still being read."""
    as_of: str | None = None
    state: str
    """Complete, or how far it is."""
    next: str | None = None
    notes: list[str] = Field(default_factory=list)
