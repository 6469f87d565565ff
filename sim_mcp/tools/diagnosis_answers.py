"""What the diagnosis tools answer, as structured content; rows are loose, for their schema is read with every list."""

from typing import Any

from sim_mcp.tools.answers import Answer


class Diagnosis(Answer):
    """Why one SIM behaves as it does, in the order in which a person wants to know."""

    iccid: str
    as_of: str
    state: dict[str, Any]
    most_likely: dict[str, Any]
    other_findings: list[dict[str, Any]] | None = None
    ruled_out: list[str]
    next_steps: list[str]
    not_checked: list[str] | None = None
    unread: list[str] | None = None


class Timeline(Answer):
    """One page of what happened to one SIM."""

    iccid: str
    start: str
    end: str
    totals: dict[str, Any]
    page: int
    pages: int
    entries: list[dict[str, Any]]
    left_out: str | None = None
    next: str | None = None
    hint: str | None = None
