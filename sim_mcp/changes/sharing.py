"""What servers that share a record do for each other: tell decisions and writes, go on with what one of them left."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing, closing
from datetime import UTC, datetime

import anyio

from sim_mcp.changes.record.entries import Caller
from sim_mcp.changes.record.history import OPEN_FOR, changes
from sim_mcp.changes.record.journal import Journal
from sim_mcp.changes.record.place import Place
from sim_mcp.changes.record.storage import JournalError, Record, SharedRecord
from sim_mcp.emnify import EmnifyError
from sim_mcp.recorder import Recorder

log = logging.getLogger(__name__)

_LOOKS_EVERY_S = 2.0


async def work_with_others(
    record: Record,
    recorder: Recorder,
    hear: Callable[[str], None],
    forget: Callable[[int | None], None],
    finish: Callable[[str], Awaitable[bool]],
    *,
    is_ours: Callable[[str], Awaitable[bool]],
    taken_over: Callable[[], None] = lambda: None,
) -> None:
    """Hear of what other servers do, and go on with what they left, until cancelled.

    Args:
        record: where changes are recorded; with one that no other machine shares there is nothing to do.
        recorder: what calls the record off the event loop.
        hear: told each plan that is decided.
        forget: told each SIM that is written to, or None where it may be any.
        finish: goes on with a plan; returns whether there is more to do now.
        is_ours: tells whether a plan is of the workspace that this works for.
        taken_over: called for each plan that is taken over from another server.
    """
    if not isinstance(record, SharedRecord):
        return
    async with anyio.create_task_group() as group:
        group.start_soon(hear_news, record, hear, forget)
        group.start_soon(take_over, record, recorder, finish, is_ours, taken_over)


async def hear_news(record: SharedRecord, hear: Callable[[str], None], forget: Callable[[int | None], None]) -> None:
    """Tell each plan that is decided, and each SIM that is written to, on another server, until cancelled."""
    async with aclosing(record.news()) as news:
        async for what, of in news:
            if what == "decided":
                hear(of)
            else:
                forget(int(of) if of else None)


async def take_over(
    record: SharedRecord,
    recorder: Recorder,
    finish: Callable[[str], Awaitable[bool]],
    is_ours: Callable[[str], Awaitable[bool]],
    taken_over: Callable[[], None] = lambda: None,
) -> None:
    """Go on with plans whose server was killed, frozen or cut off in the middle, until cancelled."""
    while True:
        try:
            for plan_id in await recorder(record.abandoned):
                if await is_ours(plan_id):
                    await go_on_with(plan_id, finish, taken_over)
        except (JournalError, EmnifyError) as error:
            log.info("What other servers left cannot be gone on with now: %s", error)
        await anyio.sleep(_LOOKS_EVERY_S)


async def go_on_with(plan_id: str, finish: Callable[[str], Awaitable[bool]], taken_over: Callable[[], None]) -> None:
    """Go on with a plan that another server left.

    Raises:
        JournalError: The record cannot be read or written.
    """
    log.warning("Plan %s: another server left it in the middle; going on with it", plan_id)
    taken_over()
    while await finish(plan_id):
        log.info("Plan %s: going on", plan_id)


async def wake_workspaces(place: Place, wake: Callable[[str, Caller, str | None], Awaitable[None]]) -> None:
    """Tell each workspace that has a change to go on with, by the operator's name of it, and whose change it is.

    At first those with a change that is not finished; then, where servers share a record, until cancelled, each of
    which another server left a change, and the plan that it left.
    """
    journal, recorder = Journal(place, workspace=None), Recorder()
    with closing(journal.record):
        try:
            found = await recorder(changes, journal, start=datetime.now(UTC) - OPEN_FOR)
            left = {(each.workspace, each.caller.owner): each.caller for each in found if each.standing == "open"}
            for (name, _), caller in left.items():
                await wake(name, caller, None)
        except JournalError as error:
            log.warning("Which changes are not finished cannot be told now: %s", error)
        while isinstance(journal.record, SharedRecord):
            try:
                for plan_id in await recorder(journal.record.abandoned):
                    if (stored := await recorder(journal.plan, plan_id)) is not None:
                        await wake(stored.plan.workspace_name, stored.caller, plan_id)
            except JournalError as error:
                log.info("What other servers left cannot be looked for now: %s", error)
            await anyio.sleep(_LOOKS_EVERY_S)
