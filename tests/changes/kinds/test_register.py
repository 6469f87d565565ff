"""A batch is registered once, and whether it was is asked where the answer is not known."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sim_mcp.changes.item import PlannedItem
from sim_mcp.changes.kinds.register import READ_BACK, Register
from sim_mcp.changes.outcome import Outcome, OutcomeKind, Sent
from sim_mcp.emnify import EmnifyClient, SimStatus
from tests.emnify.upstream import Reply, upstream_running

KIND = Register(bic="#31F 6E2S 6XTR 3NEY", size="3 SIMs", quantity=3, target=SimStatus.ACTIVATED)
ITEM = PlannedItem(
    sim_id=0, iccid=None, before="not registered", after="registered as Activated", verdict="change", reason="it is new"
)
TAKEN, FOREIGN, UNREADABLE = Reply(400), Reply(422), Reply(200, body=b"<html>")
FREE = Reply(json={"bic": KIND.bic, "quantity": 3})


def sim(status: int) -> Reply:
    return Reply(json={"id": 1, "status": {"id": status}})


@asynccontextmanager
async def answering(*replies: Reply) -> AsyncIterator[EmnifyClient]:
    async with upstream_running() as upstream:
        upstream.script(*replies)
        async with EmnifyClient(base_url=upstream.base_url, application_token="made-up") as client:
            yield client


@pytest.mark.parametrize(
    ("reply", "doubt", "kind", "after", "note"),
    [
        (TAKEN, None, "changed", "registered", "emnify accepted it; it is registered now"),
        (TAKEN, "no answer", "changed", "registered", "no answer; it is registered now"),
        (FOREIGN, "no answer", "unknown", "unknown", "no answer; validating it now answers: batch #31F 6E2S"),
        (UNREADABLE, "no answer", "unknown", "unknown", "no answer; it could not be validated again: "),
        (
            FREE,
            "no answer",
            "unknown",
            "not registered",
            "no answer; it still reads unregistered, which may follow late",
        ),
    ],
)
async def test_where_the_answer_is_not_known_the_batch_is_validated(
    reply: Reply, doubt: str | None, kind: OutcomeKind, after: str, note: str
) -> None:
    async with answering(reply) as client:
        (outcome,), sims = await KIND.read_back(client, [ITEM], [Sent(doubt, "r")])
    assert outcome == Outcome(kind, "not registered", after, outcome.note, "r")
    assert outcome.note.startswith(note)
    assert sims is None


@pytest.mark.parametrize(
    ("replies", "note"),
    [
        ([sim(1), sim(1)], "2 SIMs registered, read back: 2 Activated"),
        (
            [sim(1), sim(0), sim(99), UNREADABLE],
            "4 SIMs registered, read back: 1 Activated, 1 Issued, 1 unknown; "  # noqa: ISC004  # one sentence.
            "those not yet Activated may follow late, look again in a while",
        ),
        ([UNREADABLE], "1 SIM registered, read back: none"),
        ([sim(1)] * 30, f"30 SIMs registered, read back: {READ_BACK} Activated"),
    ],
)
async def test_the_sims_that_emnify_names_are_read_back(replies: list[Reply], note: str) -> None:
    async with answering(*replies) as client:
        found = await KIND.read_back(client, [ITEM], [Sent(None, "r", sims=tuple(range(1, len(replies) + 1)))])
    assert found == ([Outcome("changed", "not registered", "registered as Activated", note, "r")], None)


async def test_a_doubt_is_read_again_without_the_inventory_being_read_anew() -> None:
    first = Outcome("unknown", "not registered", "unknown", "lost", "r")
    async with answering(TAKEN) as client:
        found = await KIND.read_again(client, [ITEM], [first])
    note = "emnify accepted it; it is registered now"
    assert found == ([Outcome("changed", "not registered", "registered", note)], {})
