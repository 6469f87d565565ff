"""list_sim_statuses: what each status does to service and to the bill."""

from collections.abc import Sequence
from typing import Annotated

from mcp.types import CallToolResult
from pydantic import Field

from sim_mcp.emnify import Label, SimStatus, lifecycle
from sim_mcp.sanitize import clean
from sim_mcp.tools.context import ToolContext, emnify_of
from sim_mcp.tools.registry import Entry
from sim_mcp.tools.result import Answer, respond


class StatusRow(Answer):
    """One status; without `service` and `bill` where it is not known here."""

    id: int | None = None
    status: str
    service: str | None = None
    bill: str | None = None
    may_become: list[str] = Field(default_factory=list)


class StatusListAnswer(Answer):
    """Every status a SIM can have."""

    statuses: list[StatusRow]


async def list_sim_statuses(ctx: ToolContext) -> Annotated[CallToolResult, StatusListAnswer]:
    """List the statuses a SIM card can have, what each means for service and bill, and what it may become."""
    answer = build(await emnify_of(ctx).list_sim_statuses())
    return respond(answer, render(answer))


TOOL = Entry(list_sim_statuses, "List SIM statuses")


def build(labels: Sequence[Label]) -> StatusListAnswer:
    """Return emnify's statuses, each with its meaning where it is a known one."""
    return StatusListAnswer(statuses=[_build_row(label) for label in labels])


def render(answer: StatusListAnswer) -> str:
    """Return the statuses, a line each."""
    return "\n".join(map(_render_row, answer.statuses))


def _build_row(label: Label) -> StatusRow:
    status = SimStatus.known(label.id)
    return StatusRow(
        id=label.id,
        status=status.label if status is not None else clean(label.description, 30) or "unknown",
        service=lifecycle.SERVICE[status] if status is not None else None,
        bill=lifecycle.BILL[status] if status is not None else None,
        may_become=lifecycle.may_become(label.id),
    )


def _render_row(row: StatusRow) -> str:
    number = f" ({row.id})" if row.id is not None else ""
    following = f"may become {', '.join(row.may_become) or 'nothing'}"
    return f"{row.status}{number}: " + "; ".join(filter(None, [row.service, row.bill, following]))
