"""How often somebody may call is counted over all servers; while the database is away, each gives its part."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing

import anyio
import pytest
from pydantic import SecretStr

from sim_mcp.emnify.limits.postgres_limits import PostgresLimits
from sim_mcp.principal import Principal
from sim_mcp.server.rates import CallRates, TooManyCallsError

ALICE = Principal("https://i.example", "alice", "Alice", frozenset())
BOB = Principal("https://i.example", "bob", "Bob", frozenset())
SERVERS = 3


@pytest.fixture
async def stores(place: SecretStr) -> AsyncIterator[list[PostgresLimits]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(aclosing(PostgresLimits(place))) for _ in range(SERVERS)]


def rates_of(store: PostgresLimits, per_minute: int) -> CallRates:
    rates = CallRates(per_minute, lambda: 0.0)
    rates.store = store
    return rates


async def taken(rates: CallRates, who: Principal, tries: int) -> int:
    """Return how many of so many calls were let through."""
    through = 0
    for _ in range(tries):
        try:
            await rates.take(who)
        except TooManyCallsError:
            continue
        through += 1
    return through


async def test_calls_of_one_principal_count_on_whichever_server_they_come_in(stores: list[PostgresLimits]) -> None:
    through: list[int] = []
    async with anyio.create_task_group() as group:

        async def call(store: PostgresLimits) -> None:
            through.append(await taken(rates_of(store, 6), ALICE, 6))

        for store in stores:
            group.start_soon(call, store)
    # One more is free again every ten seconds: on a slow machine a few.
    assert 6 <= sum(through) < 6 * SERVERS
    assert await taken(rates_of(stores[1], 6), BOB, 6) == 6


async def test_while_the_database_is_away_each_server_gives_its_part(stores: list[PostgresLimits]) -> None:
    for store in stores:
        await store.take_call("somebody", 600)
    assert await stores[0].take_call("somebody", 600) == 0
    alone = rates_of(stores[0], 30)
    stores[0]._away_until = float("inf")
    assert stores[0].is_away
    assert await taken(alone, ALICE, 30) == 30 // SERVERS
