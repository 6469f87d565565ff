"""Who waits for the same operation: changes go first, and one who asks much goes in turn with those who ask little."""

import asyncio
from contextlib import AbstractContextManager, nullcontext

import anyio
import pytest

from sim_mcp.emnify import Limits, Rate, Window, asked_by, for_a_change, in_background
from tests.emnify.limits.test_pacer import LIST, in_virtual_time, pacer_of

LIMITS = Limits({LIST: Rate(10, 5)}, Window(2000, 300.0))


def order_of(crowd: dict[str, int]) -> list[str]:
    """Who was served, in order, of so many at once of each."""

    def within(name: str) -> AbstractContextManager[object]:
        special = {"change": for_a_change, "scan": in_background}
        return special[name]() if name in special else asked_by(name)

    async def scene() -> list[str]:
        pacer, served = pacer_of(LIMITS), list[str]()

        async def ask(name: str) -> None:
            with within(name):
                async with pacer.turn(LIST):
                    served.append(name)

        async with anyio.create_task_group() as group:
            for name, number in crowd.items():
                for _ in range(number):
                    group.start_soon(ask, name)
        return served

    return in_virtual_time(scene)


def test_one_who_asks_a_hundred_times_holds_nobody_up_for_more_than_a_turn() -> None:
    served = order_of({"looping": 100, "anna": 2, "ben": 1})
    assert served.index("ben") <= 4
    assert [at for at, name in enumerate(served) if name == "anna"][-1] <= 7
    assert len(served) == 103


def test_a_change_goes_before_all_questions_and_a_scan_is_one_among_those_who_ask() -> None:
    served = order_of({"scan": 30, "anna": 10, "ben": 10, "change": 5})
    assert served[1:6] == ["change"] * 5, "but for the one that was at the front"
    assert {served[6:36].count(name) for name in ("anna", "ben")} == {10}
    assert served[36:] == ["scan"] * (len(served) - 36)


def test_a_scan_that_has_to_wait_for_the_window_holds_up_no_question_of_the_same_kind() -> None:
    async def scene() -> tuple[float, float]:
        pacer = pacer_of(Limits({LIST: Rate(10, 5)}, Window(100, 300.0)))
        began = anyio.current_time()
        scanned: list[float] = []

        async def scan() -> None:
            with in_background():
                async with pacer.turn(LIST):
                    scanned.append(anyio.current_time() - began)

        async with anyio.create_task_group() as group:
            for _ in range(97):
                group.start_soon(scan)
            await anyio.sleep(30)
            asked_at = anyio.current_time()
            async with pacer.turn(LIST):
                answered = anyio.current_time() - asked_at
        return answered, max(scanned)

    answered, last = in_virtual_time(scene)
    assert answered < 0.2
    assert last > 300


@pytest.mark.parametrize("leaves", ["the one at the front", "one behind"])
def test_who_goes_away_lets_the_others_go_on(leaves: str) -> None:
    async def scene() -> float:
        pacer = pacer_of(LIMITS)
        began = anyio.current_time()

        async def ask() -> None:
            async with pacer.turn(LIST):
                pass

        waiting = [asyncio.ensure_future(ask()) for _ in range(10)]
        await anyio.sleep(0.05)
        waiting[2 if leaves == "the one at the front" else 5].cancel()
        with nullcontext():
            await asyncio.gather(*waiting, return_exceptions=True)
        return anyio.current_time() - began

    assert in_virtual_time(scene) < 1.0
