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
ISSUED_ICCID = "89883030000000000122"
LATE = "not Activated, which may follow late"
TAKEN, FOREIGN, UNREADABLE = Reply(400), Reply(422), Reply(200, body=b"<html>")
FREE = Reply(json={"bic": KIND.bic, "quantity": 3})


def sim(status: int, iccid: str | None = None) -> Reply:
    return Reply(json={"id": 1, "iccid": iccid, "status": {"id": status}})


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
    ("quantity", "replies", "after", "note"),
    [
        (2, [sim(1), sim(1)], "registered as Activated", "2 SIMs registered, read back: 2 Activated: id 1, id 1"),
        (None, [sim(1)], "registered as Activated", "1 SIM registered, read back: 1 Activated: id 1"),
        (3, [sim(1), sim(1)], "only 2 of 3 SIMs registered", "2 SIMs registered, read back: 2 Activated: id 1, id 1"),
        (
            4,
            [sim(1), sim(0, ISSUED_ICCID[:-1]), sim(99), UNREADABLE],
            "registered, 2 of its SIMs not Activated yet",
            (
                "4 SIMs registered, read back: 1 Activated, 1 Issued, 1 unknown status: "
                f"id 1, {ISSUED_ICCID}, id 1 and 1 more; {LATE}: {ISSUED_ICCID}, id 1"
            ),
        ),
        (1, [UNREADABLE], "registered as Activated", "1 SIM registered, read back: none"),
        (
            30,
            [sim(1)] * 30,
            "registered as Activated",
            f"30 SIMs registered, read back: {READ_BACK} Activated: {', '.join(['id 1'] * READ_BACK)} and 10 more",
        ),
    ],
    ids=["all", "of unknown number", "fewer", "another status", "unreadable", "many"],
)
async def test_the_sims_that_emnify_names_are_read_back(
    quantity: int | None, replies: list[Reply], after: str, note: str
) -> None:
    kind = KIND.model_copy(update={"quantity": quantity})
    async with answering(*replies) as client:
        found = await kind.read_back(client, [ITEM], [Sent(None, "r", sims=tuple(range(1, len(replies) + 1)))])
    assert found == ([Outcome("changed", "not registered", after, note, "r", len(replies))], None)


async def test_a_doubt_is_read_again_without_the_inventory_being_read_anew() -> None:
    first = Outcome("unknown", "not registered", "unknown", "lost", "r")
    async with answering(TAKEN) as client:
        found = await KIND.read_again(client, [ITEM], [first])
    note = "emnify accepted it; it is registered now"
    assert found == ([Outcome("changed", "not registered", "registered", note)], {})
