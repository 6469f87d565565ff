"""What the diagnosis tools answer, as structured content; rows are loose, for their schema is read with every list."""

from typing import Annotated, Any

from pydantic import WithJsonSchema

from sim_mcp.tools.result import Answer

Facts = Annotated[dict[str, Any], WithJsonSchema({"type": "object"})]
Rows = Annotated[list[dict[str, Any]], WithJsonSchema({"type": "array"})]
Lines = Annotated[list[str], WithJsonSchema({"type": "array"})]


class Diagnosis(Answer):
    """Why one SIM behaves as it does, in the order in which a person wants to know."""

    iccid: str
    as_of: str
    state: Facts
    findings: Rows
    """The likeliest cause first."""
    ruled_out: Lines
    next_steps: Lines
    unread: Lines


class Timeline(Answer):
    """One page of what happened to one SIM."""

    iccid: str
    start: str
    end: str
    totals: Facts
    page: int
    pages: int
    entries: Rows
    next: str | None = None
    hint: str | None = None
