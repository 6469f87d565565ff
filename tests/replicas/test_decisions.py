"""A yes or a no that is given on one server is heard at once by the one that waits for it."""

from typing import Literal

import anyio
import anyio.to_thread
import pytest
from mcp import Client

from sim_mcp.changes.record.history import changes
from sim_mcp.changes.record.journal import Journal
from sim_mcp.server.app import build_server
from tests.changes.test_approval import suspend
from tests.replicas.database import heard_by_somebody
from tests.support import Fleet, text_of


@pytest.mark.parametrize(("approved", "word"), [(True, "1 changed"), (False, "rejected")])
async def test_a_decision_made_on_another_server_ends_the_wait_of_this_one(
    fleet: Fleet, approved: bool, word: Literal["1 changed", "rejected"], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without being told, this server would look again only after the test has given up.
    monkeypatch.setattr("sim_mcp.changes.approval_page.offer.TELL_EVERY_S", 600)
    answers: list[str] = []

    async def ask() -> None:
        # The first answer gives the link; who was given one is waited for.
        await client.call_tool("set_sim_status", suspend(fleet, "healthy"))
        answers.append(text_of(await client.call_tool("continue_change", {}, progress_callback=hear)))

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        del progress, total
        if message is not None and message.startswith("waiting for approval"):
            waiting.set()

    waiting = anyio.Event()
    async with Client(build_server(fleet.settings(approval_wait_s=600))) as client, anyio.create_task_group() as group:
        group.start_soon(ask)
        with anyio.fail_after(30):
            await waiting.wait()
            assert fleet.database_url is not None
            await heard_by_somebody(fleet.database_url)
            await anyio.to_thread.run_sync(decide, Journal(fleet.place), approved)
            while not answers:  # noqa: ASYNC110  # the call ends when it ends.
                await anyio.sleep(0.01)
    assert word in answers[0]
    assert len(await fleet.writes()) == (1 if approved else 0)


def decide(elsewhere: Journal, approved: bool) -> None:  # as the journal takes it.
    (change,) = changes(elsewhere)
    assert elsewhere.decide(change.plan, approved=approved, how="a person, on the approval page")
