"""One server at a time works on a plan, or on a SIM; one that was away too long writes nothing more."""

from contextlib import AsyncExitStack, aclosing

import anyio
import anyio.to_thread
import pytest
from pydantic import SecretStr

from sim_mcp.changes.item import PlannedItem
from sim_mcp.changes.record.journal import Journal
from sim_mcp.changes.record.postgres.record import PostgresRecord
from sim_mcp.changes.record.quota import Quota
from sim_mcp.changes.record.storage import JournalError, News, TurnLostError
from tests.changes.test_record import CALLER, plan_of
from tests.replicas.database import heard_by_somebody

SHORT_S = 0.4
AT_ONCE = 0.0


@pytest.fixture
def servers(place: SecretStr) -> tuple[PostgresRecord, PostgresRecord]:
    return PostgresRecord(place), PostgresRecord(place)


def kept(place: SecretStr, *sims: int) -> str:
    """Keep a plan of SIMs with these ids."""
    plan = plan_of(1)
    items = tuple(plan.items[0].model_copy(update={"sim_id": sim}) for sim in sims)
    assert isinstance(items[0], PlannedItem)
    return Journal(place).keep(plan.model_copy(update={"items": items}), CALLER).id


async def test_a_plan_is_worked_on_by_one_server_until_it_gives_it_back(
    place: SecretStr, servers: tuple[PostgresRecord, PostgresRecord]
) -> None:
    one, other = servers
    plan = kept(place, 1)
    async with one.turn(plan, AT_ONCE) as mine:
        assert mine is not None
        async with other.turn(plan, AT_ONCE) as theirs:
            assert theirs is None
    async with other.turn(plan, AT_ONCE) as theirs:
        assert theirs is not None
    assert other.abandoned() == []


async def test_who_waits_for_a_plan_gets_it_as_soon_as_it_is_given_back(
    place: SecretStr, servers: tuple[PostgresRecord, PostgresRecord]
) -> None:
    one, other = servers
    plan = kept(place, 1)
    order: list[str] = []

    async def wait() -> None:
        async with other.turn(plan, anyio.current_time() + 30) as theirs:
            assert theirs is not None
            order.append("theirs")

    async with anyio.create_task_group() as group, one.turn(plan, AT_ONCE):
        group.start_soon(wait)
        await anyio.sleep(SHORT_S)
        order.append("mine")
    assert order == ["mine", "theirs"]


async def test_two_plans_are_worked_on_at_once_unless_they_share_a_sim(
    place: SecretStr, servers: tuple[PostgresRecord, PostgresRecord]
) -> None:
    one, other = servers
    first, apart, sharing = kept(place, 1, 2), kept(place, 3, 4), kept(place, 5, 2)
    async with one.turn(first, AT_ONCE) as mine:
        assert mine is not None
        async with other.turn(apart, AT_ONCE) as theirs:
            assert theirs is not None
        async with other.turn(sharing, AT_ONCE) as theirs:
            assert theirs is None


async def test_a_turn_lasts_as_long_as_its_holder_lives(place: SecretStr) -> None:
    one, other = PostgresRecord(place, turn_s=SHORT_S), PostgresRecord(place)
    plan = kept(place, 1)
    async with one.turn(plan, AT_ONCE):
        await anyio.sleep(3 * SHORT_S)
        async with other.turn(plan, AT_ONCE) as theirs:
            assert theirs is None


async def test_a_server_that_was_away_writes_nothing_more_of_a_plan_that_another_took(place: SecretStr) -> None:
    async with AsyncExitStack() as stack:
        plan = kept(place, 1, 2)
        mine = await stack.enter_async_context(PostgresRecord(place, turn_s=SHORT_S).turn(plan, AT_ONCE))
        assert mine is not None
        journal = Journal(place).through(mine)
        assert journal.intend(plan, 0, "x", quotas=[Quota(9)]) == "now"
        # The loop stands still, as it does in a process that is frozen: nothing renews the turn.
        while PostgresRecord(place).abandoned() != [plan]:
            pass
        with pytest.raises(TurnLostError, match="another may go on"):
            journal.intend(plan, 1, "x", quotas=[Quota(9)])
        other = PostgresRecord(place)
        theirs = await stack.enter_async_context(other.turn(plan, AT_ONCE))
        assert theirs is not None
        with pytest.raises(TurnLostError):
            journal.intend(plan, 1, "x", quotas=[Quota(9)])
        taken = Journal(place).through(theirs)
        assert taken.intend(plan, 0, "x", quotas=[Quota(9)]) == "before"
        assert taken.intend(plan, 1, "x", quotas=[Quota(9)]) == "now"
        assert taken.progress(plan).sent == {0, 1}


async def test_who_only_looks_at_what_was_left_leaves_it_to_those_who_go_on_with_it(place: SecretStr) -> None:
    plan = kept(place, 1)
    record = PostgresRecord(place)
    with pytest.raises(JournalError):
        async with record.turn(plan, AT_ONCE):
            raise JournalError("as where the database goes away")
    for only_looks, left in ((True, [plan]), (False, []), (True, [])):
        async with record.turn(plan, AT_ONCE, only_looks=only_looks) as mine:
            assert mine is not None
        assert record.abandoned() == left


async def test_a_plan_that_was_stopped_by_the_record_is_handed_over(place: SecretStr) -> None:
    record = PostgresRecord(place)
    plan = kept(place, 1)
    with pytest.raises(JournalError, match="the disk"):
        async with record.turn(plan, AT_ONCE):
            raise JournalError("the disk")
    assert PostgresRecord(place).abandoned() == [plan]


async def test_a_plan_and_a_decision_are_heard_by_every_server_as_they_are_made(place: SecretStr) -> None:
    plan = kept(place, 1)
    heard: list[News] = []
    record = PostgresRecord(place)

    async def hear() -> None:
        async with aclosing(record.news()) as news:
            heard.extend([await anext(news), await anext(news)])

    async with anyio.create_task_group() as group:
        group.start_soon(hear)
        await heard_by_somebody(place)
        other = await anyio.to_thread.run_sync(kept, place, 2)
        assert await anyio.to_thread.run_sync(decide, place, plan)
        with anyio.fail_after(10):
            while not heard:  # noqa: ASYNC110  # as above.
                await anyio.sleep(0.01)
    assert heard == [("planned", other), ("decided", plan)]


def decide(place: SecretStr, plan: str) -> bool:
    return Journal(place).decide(plan, approved=True, how="page")
