"""How often each of those who sign in may call."""

import pytest

from sim_mcp.principal import Principal, local_principal
from sim_mcp.server.rates import CallRates, TooManyCallsError

ALICE = Principal("https://i.example", "alice", "Alice", frozenset())
BOB = Principal("https://i.example", "bob", "Bob", frozenset())


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_so_many_at_once_and_then_as_many_in_each_minute() -> None:
    clock = Clock()
    rates = CallRates(6, clock)
    for _ in range(6):
        await rates.take(ALICE)
    for left in (10, 5):
        with pytest.raises(TooManyCallsError, match=rf"Alice made 6 calls .* Try again in {left} s"):
            await rates.take(ALICE)
        clock.now += 5
    await rates.take(ALICE)
    with pytest.raises(TooManyCallsError):
        await rates.take(ALICE)
    await rates.take(BOB)
    clock.now += 60
    for _ in range(6):
        await rates.take(ALICE)


async def test_who_runs_the_server_is_not_counted() -> None:
    rates = CallRates(1, Clock())
    for _ in range(5):
        await rates.take(local_principal("root"))


async def test_who_asked_once_is_forgotten() -> None:
    clock = Clock()
    rates = CallRates(60, clock)
    for number in range(5000):
        clock.now += 1
        await rates.take(Principal("https://i.example", str(number), "", frozenset()))
    assert len(rates._free_at) <= 1000
