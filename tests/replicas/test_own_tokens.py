"""Tokens that callers bring, on servers that share a record: entered on one, they are used on all."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread
import pytest
from pydantic import SecretStr

from sim_mcp.changes.policy.agreement import BY_PAGE
from sim_mcp.changes.record.audit import AuditRow, audit
from sim_mcp.changes.record.journal import Journal
from tests.changes.test_approval import suspend
from tests.replicas.test_takeover import leave
from tests.server.approvals.conftest import anyio_backend, issuer
from tests.server.approvals.people import ALL, FOUR_EYES
from tests.server.signin.issuing import Issuer
from tests.server.upstreams.desk import Desk, desk_of
from tests.server.upstreams.test_vault import (
    record,
    test_a_row_that_was_moved_to_somebody_else_does_not_open,
    test_a_token_is_found_by_its_owner_and_workspace_alone,
    test_after_rotation_the_old_key_is_not_needed,
    test_its_use_is_noted_now_and_then,
    vault,
)
from tests.support import Fleet, structured, text_of

__all__ = [
    "anyio_backend",
    "issuer",
    "record",
    "test_a_row_that_was_moved_to_somebody_else_does_not_open",
    "test_a_token_is_found_by_its_owner_and_workspace_alone",
    "test_after_rotation_the_old_key_is_not_needed",
    "test_its_use_is_noted_now_and_then",
    "vault",
]


@asynccontextmanager
async def two(fleet: Fleet, issuer: Issuer, policy: str | None = None) -> AsyncIterator[tuple[Desk, Desk]]:
    """Two servers of one desk, on machines of their own."""
    homes = [fleet.state_dir / name for name in ("first", "second")]
    for home in homes:
        home.mkdir()
    async with (
        desk_of(fleet, issuer, policy=policy, state_dir=homes[0]) as first,
        desk_of(fleet, issuer, policy=policy, state_dir=homes[1]) as second,
    ):
        yield first, second


async def test_a_token_that_is_entered_or_removed_on_one_server_is_on_the_other_too(
    fleet: Fleet, issuer: Issuer
) -> None:
    async with (
        two(fleet, issuer) as (first, second),
        second.client("alice") as alice,
        first.public.browser("alice") as browser,
    ):
        assert (await alice.call_tool("list_sims", {})).is_error
        await first.signed_in("alice")
        assert structured(await alice.call_tool("list_sims", {}))["total"] == 60
        await first.signed_in("alice", "reseller")
        assert structured(await alice.call_tool("list_sims", {}))["total"] == 2
        await first.send(browser, {"action": "remove"})
        assert (await alice.call_tool("list_sims", {})).is_error


async def test_a_yes_on_one_server_is_heard_by_the_requesters_call_on_the_other(fleet: Fleet, issuer: Issuer) -> None:
    homes = fleet.state_dir / "second"
    homes.mkdir()
    async with (
        desk_of(fleet, issuer, policy=FOUR_EYES) as first,
        desk_of(fleet, issuer, policy=FOUR_EYES, state_dir=homes, approval_wait_s=40) as second,
        second.client("alice") as alice,
        first.public.browser("bob", ALL) as bob,
    ):
        await second.signed_in("alice")
        link = anyio.Event()
        plans: list[str] = []
        told = []

        async def hear(progress: float, total: float | None, message: str | None) -> None:
            del progress, total
            if message is not None and message.startswith("waiting for approval at "):
                plans.append(message.rpartition("/")[2])
                link.set()

        async def ask() -> None:
            told.append(await alice.call_tool("set_sim_status", suspend(fleet, "healthy"), progress_callback=hear))

        with anyio.fail_after(60):
            async with anyio.create_task_group() as group:
                group.start_soon(ask)
                await link.wait()
                page = await bob.open(f"{first.public.url}/{plans[0]}")
                await bob.press(page, "approve")
        assert structured(told[0])["counts"] == {"changed": 1}


async def test_a_change_that_was_left_goes_on_with_its_requesters_token_alone(
    fleet: Fleet, issuer: Issuer, place: SecretStr, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        two(fleet, issuer) as (first, second),
        first.client("alice") as alice,
        first.public.browser("alice") as browser,
        second.client("bob") as bob,
    ):
        await first.signed_in("alice")
        await second.signed_in("bob")
        assert not (await bob.call_tool("list_sims", {})).is_error
        plan = structured(await alice.call_tool("set_sim_status", suspend(fleet, "healthy")))["plan"]
        await first.send(browser, {"action": "remove"})
        journal = Journal(fleet.place, workspace="field")
        assert await anyio.to_thread.run_sync(lambda: journal.decide(plan, approved=True, how=BY_PAGE))
        await anyio.to_thread.run_sync(leave, journal, plan)
        # Bob's token would do; it is not his change.
        said = f"Plan {plan} waits: who asked for it has no token"
        with anyio.fail_after(60):
            while sum(said in record.getMessage() for record in caplog.records) < 2:  # noqa: ASYNC110  # nothing tells.
                await anyio.sleep(0.1)
        assert await fleet.writes() == []
        assert "Enter one at" in text_of(await alice.call_tool("continue_change", {"plan": plan}))
        # Once, and not every time that somebody looks.
        assert sum(said in record.getMessage() for record in caplog.records) == 2
        await second.signed_in("alice")

        def outcomes() -> list[AuditRow]:
            return [row for row in audit(place) if row.event == "outcome"]

        with anyio.fail_after(60):
            while not (rows := await anyio.to_thread.run_sync(outcomes)):  # noqa: ASYNC110  # as above.
                await anyio.sleep(0.1)
        assert [(row.workspace, row.plan, row.outcome) for row in rows] == [("field", plan, "changed")]
        journal.record.close()
    assert len(await fleet.writes()) == 1
