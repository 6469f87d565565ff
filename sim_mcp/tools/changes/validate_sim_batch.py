"""Check whether a delivered batch of SIMs can be registered."""

from typing import Annotated

from mcp.types import CallToolResult

from sim_mcp.emnify import Batch, Bic
from sim_mcp.formatting import join_lines, join_pairs
from sim_mcp.sanitize import clean
from sim_mcp.tools.context import ToolContext, emnify_of
from sim_mcp.tools.parameters import BicText, ready_call
from sim_mcp.tools.registry import Entry
from sim_mcp.tools.result import Answer, respond


class BatchState(Answer):
    """A batch that can be registered."""

    bic: str
    sims: int | None = None
    model: str | None = None
    status: str | None = None
    next: str


async def validate_sim_batch(ctx: ToolContext, bic: BicText) -> Annotated[CallToolResult, BatchState]:
    """Check whether a delivered batch of SIM cards can be registered, by its BIC from the packaging. Returns how many
    SIMs of which model it holds, or why emnify does not accept it. Changes nothing.
    """  # noqa: D205  # the description is one paragraph for the model.
    code = Bic.parse(bic)
    answer = build(code, await emnify_of(ctx).batches.get(code))
    return respond(answer, render(answer))


def build(code: Bic, found: Batch) -> BatchState:
    """Return what is known of a batch, with the call that registers it."""
    return BatchState(
        bic=code.display,
        sims=found.quantity,
        model=clean(found.model_name) or None,
        status=clean(found.status.description) or None if found.status else None,
        next=ready_call("register_sim_batch", {"bic": code.display, "status": "issued"}),
    )


def render(answer: BatchState) -> str:
    """Return the batch and what it holds on one line, and the next call on another."""
    facts = join_pairs(("SIMs", answer.sims), ("model", answer.model), ("status", answer.status))
    return join_lines(f"Batch {answer.bic} can be registered. {facts}".rstrip(), answer.next)


TOOL = Entry(validate_sim_batch, "Validate a SIM batch")
