"""The published limits, kept before they are hit: in virtual time, over HTTP, and against a sandbox that minds them."""

import asyncio
import selectors
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Coroutine
from http import HTTPStatus
from typing import Any, TypeVar

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim_mcp.emnify import EmnifyClient, Limits, Rate, RateLimitedError, Window, in_background
from sim_mcp.emnify.limits.budget import OwnBudget
from sim_mcp.emnify.limits.pacer import Pacer
from sim_mcp.emnify.limits.rate_limit import AUTHENTICATE, PUBLISHED_LIMITS
from sim_mcp.observing import Observer
from sim_mcp.sandbox import SandboxSettings, running
from sim_mcp.sandbox.api import limits as gateway
from tests.emnify.conftest import CANARY
from tests.emnify.upstream import Reply, Upstream
from tests.support import fleet_of

LIST, GET, PATCH = "GET /api/v1/sim", "GET /api/v1/sim/{id}", "PATCH /api/v1/sim/{id}"
Sent = list[tuple[float, str]]
T = TypeVar("T")


class _Jump(selectors.SelectSelector):
    """Skip the time that an event loop would spend waiting."""

    now = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now += max(0.0, timeout or 0.0)
        return super().select(0)


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.jump = _Jump()
        super().__init__(self.jump)

    def time(self) -> float:
        return self.jump.now


def in_virtual_time(scene: Callable[[], Awaitable[T]]) -> T:
    """Play a scene in which waiting takes no time."""

    async def play() -> T:
        return await scene()

    with asyncio.Runner(loop_factory=_VirtualLoop) as runner:
        return runner.run(play())


def pacer_of(limits: Limits = PUBLISHED_LIMITS) -> Pacer:
    return Pacer(limits, clock=asyncio.get_running_loop().time)


async def send_all(pacer: Pacer, operations: list[str]) -> Sent:
    """Ask for all turns at once; return when each was given, counted from now."""
    sent: Sent = []
    began = anyio.current_time()

    async def send(operation: str) -> None:
        async with pacer.turn(operation):
            sent.append((anyio.current_time() - began, operation))

    async with anyio.create_task_group() as group:
        for operation in operations:
            group.start_soon(send, operation)
    return sent


def refused(sent: Sent, limits: Limits) -> int:
    """Count what a gateway with such limits would have refused: full buckets that refill, and sliding windows."""
    buckets: dict[str, tuple[float, float]] = {}
    window: deque[float] = deque()
    count = 0
    for at, operation in sent:
        while window and window[0] <= at - limits.per_address.seconds:
            window.popleft()
        window.append(at)
        count += len(window) > limits.per_address.requests
        rate = limits.per_operation.get(operation)
        if rate is not None:
            level, before = buckets.get(operation, (float(rate.burst), at))
            level = min(rate.burst, level + (at - before) * rate.per_second)
            count += level < 1
            buckets[operation] = (level - 1, at)
    return count


SMALL = Limits(
    per_operation={LIST: Rate(10, 5), GET: Rate(100, 50)}, per_address=Window(40, 3.0), authenticate=Window(3, 10.0)
)


@settings(max_examples=40)
@given(st.lists(st.sampled_from([LIST, GET, PATCH]), max_size=150))
def test_no_mix_of_calls_ever_exceeds_a_limit(operations: list[str]) -> None:
    async def scene() -> Sent:
        return await send_all(pacer_of(SMALL), operations)

    sent = in_virtual_time(scene)
    assert Counter(operation for _, operation in sent) == Counter(operations)
    assert refused(sent, SMALL) == 0


UNPUBLISHED = {"GET /api/v1/sim/{id}/stats/daily", "GET /api/v1/event"}
"""emnify asks for 100 ms between calls where it publishes no limit (emnify docs: rate limits)."""


@pytest.mark.parametrize("operation", sorted(PUBLISHED_LIMITS.per_operation))
def test_each_operation_is_as_fast_as_emnifys_gateway_allows_and_no_faster(
    operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sandbox reads the same documentation independently."""
    sent = in_virtual_time(lambda: send_all(pacer_of(), [operation] * 900))
    method, template = operation.split()
    path = "/api/v1/sim/250/stats" if operation in UNPUBLISHED else template.replace("{id}", "250")
    allowed, clock = gateway.Limits(), iter([at for at, _ in sent])
    with monkeypatch.context() as patch:
        patch.setattr("sim_mcp.sandbox.api.limits.time.monotonic", lambda: next(clock))
        assert all(allowed.path_allows(1, method, path) for _ in sent)
    (per_second,) = {rate for pattern, rate, _ in gateway._PATHS if pattern.fullmatch(path)}
    assert sent[-1][0] < len(sent) / per_second / 0.98


def test_an_address_sends_no_more_than_its_windows_allow() -> None:
    # emnify docs: rate limits.
    assert (PUBLISHED_LIMITS.per_address, PUBLISHED_LIMITS.authenticate) == (Window(2000, 300.0), Window(100, 300.0))


@pytest.mark.parametrize(
    ("operation", "number", "least"),
    [(LIST, 500, (500 - 5) / 10), (GET, 1500, (1500 - 50) / 100), (PATCH, 4001, 600), (AUTHENTICATE, 201, 600)],
)
def test_pacing_costs_at_most_a_twentieth_of_the_least_time_the_limits_allow(
    operation: str, number: int, least: float
) -> None:
    async def scene() -> Sent:
        return await send_all(pacer_of(), [operation] * number)

    sent = in_virtual_time(scene)
    assert least <= sent[-1][0] <= least * 1.05
    assert refused(sent, PUBLISHED_LIMITS) == 0


def test_the_first_to_ask_is_the_first_to_be_served() -> None:
    async def scene() -> list[int]:
        pacer, served = pacer_of(), []

        async def ask(number: int) -> None:
            async with pacer.turn(LIST):
                served.append(number)

        async with anyio.create_task_group() as group:
            for number in range(50):
                group.start_soon(ask, number)
        return served

    assert in_virtual_time(scene) == list(range(50))


def test_who_waits_for_a_narrow_limit_holds_up_nobody_else() -> None:
    async def scene() -> Sent:
        return await send_all(pacer_of(), [LIST] * 30 + [GET] * 15 + [PATCH] * 20)

    sent = in_virtual_time(scene)
    assert max(at for at, operation in sent if operation != LIST) < 0.001
    assert max(at for at, operation in sent if operation == LIST) > 2


def test_a_cancelled_waiter_gives_its_place_back() -> None:
    async def scene() -> float:
        pacer = pacer_of()
        await send_all(pacer, [LIST] * 10)
        began = anyio.current_time()
        waiting = [asyncio.ensure_future(send_all(pacer, [LIST])) for _ in range(50)]
        await anyio.sleep(0.01)
        for each in waiting[:49]:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return anyio.current_time() - began

    assert in_virtual_time(scene) < 0.3, "the last of fifty waits one turn, not fifty"


def test_a_wait_longer_than_the_deadline_fails_at_once_and_takes_no_place() -> None:
    async def scene() -> tuple[float, list[float], Sent]:
        pacer = pacer_of()
        began = anyio.current_time()
        told: list[float] = []
        failed_at: list[float] = []

        async def ask() -> None:
            try:
                with anyio.fail_after(2):
                    async with pacer.turn(LIST):
                        pass
            except RateLimitedError as error:
                failed_at.append(anyio.current_time() - began)
                told.append(error.retry_after_s or 0)

        async with anyio.create_task_group() as group:
            for _ in range(100):
                group.start_soon(ask)
        assert 20 <= 100 - len(told) <= 25
        return max(failed_at), told, await send_all(pacer, [LIST])

    failed_at, told, sent = in_virtual_time(scene)
    assert failed_at == 0
    assert min(told) > 2
    assert sent[-1][0] < 0.3


class Heard(Observer):
    """What the pacer told."""

    def __init__(self) -> None:
        self.waits: list[tuple[str, float, bool]] = []
        self.refused: list[str] = []

    def turn_came(self, operation: str, waited_s: float, *, background: bool) -> None:
        self.waits.append((operation, round(waited_s), background))

    def turn_refused(self, operation: str) -> None:
        self.refused.append(operation)


def test_how_long_each_waited_and_who_was_turned_away_is_told() -> None:
    heard = Heard()

    async def scene() -> None:
        limits = Limits(per_address=Window(1, 60.0))
        pacer = Pacer(limits, clock=asyncio.get_running_loop().time, observer=heard)
        async with pacer.turn(GET):
            pass
        with pytest.raises(RateLimitedError), anyio.fail_after(10):
            async with pacer.turn(PATCH):
                pass
        with in_background():
            async with pacer.turn(LIST):
                pass

    in_virtual_time(scene)
    assert heard.refused == [PATCH]
    assert heard.waits == [(GET, 0, False), (LIST, 60, True)]


def test_after_a_429_everything_pauses_and_then_goes_slower_until_it_goes_well() -> None:
    async def scene() -> tuple[Sent, float, float]:
        pacer = pacer_of()
        assert pacer.throttled(None) == 1.0
        after = await send_all(pacer, [LIST, GET, PATCH])
        slow = (await send_all(pacer, [LIST] * 20))[-1][0]
        for _ in range(200):
            pacer.answered()
        await anyio.sleep(60)
        return after, slow, (await send_all(pacer, [LIST] * 20))[-1][0]

    after, slow, recovered = in_virtual_time(scene)
    assert min(at for at, _ in after) >= 1.0
    assert slow > 1.7 * recovered


def test_429s_of_one_moment_are_one_reason_to_slow_down_and_each_later_one_another() -> None:
    async def scene() -> list[float]:
        pacer = pacer_of()
        pauses = [pacer.throttled(told) for told in [None, 1.0] * 10]
        await anyio.sleep(1.01)
        return [*pauses, pacer.throttled(None)]

    *same, later = in_virtual_time(scene)
    assert set(same) == {1.0}
    assert later == 2.0


def test_what_emnify_asks_for_is_what_everything_waits() -> None:
    async def scene() -> Sent:
        pacer = pacer_of()
        assert pacer.throttled(7.0) == 7.0
        return await send_all(pacer, [GET, PATCH])

    assert {at for at, _ in in_virtual_time(scene)} == {7.0}


NOW = "Sun, 22 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("said", "wait_s"),
    [
        ("99", 99),
        ("Sun, 22 Nov 2026 12:01:39 GMT", 99),
        ("Sun, 22 Nov 2026 12:01:39 -0000", 99),
        ("9" * 400, 3600),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 3600),
    ],
)
async def test_retry_after_is_honoured_by_every_call_in_seconds_or_as_a_date(
    client: EmnifyClient, upstream: Upstream, said: str, wait_s: float
) -> None:
    upstream.script(Reply(429, headers={"Retry-After": said, "Date": NOW}))
    with pytest.raises(RateLimitedError) as failed:
        await client.list_sims()
    assert failed.value.retry_after_s == pytest.approx(wait_s, abs=1)
    with pytest.raises(RateLimitedError, match=r"allow the next request in \d+ s") as also:
        await client.delete_sim(1)
    assert (also.value.retry_after_s or 0) > wait_s - 20
    assert also.value.changed == "nothing"
    assert len(upstream.calls) == 1


@pytest.mark.parametrize("said", ["0", "Sun, 22 Nov 2026 11:00:00 GMT"])
async def test_a_429_that_is_over_is_followed_by_the_same_call(
    client: EmnifyClient, upstream: Upstream, said: str
) -> None:
    upstream.script(*[Reply(429, headers={"Retry-After": said, "Date": NOW})] * 7, Reply(json=[{"id": 1}]))
    assert len((await client.list_sims()).items) == 1
    assert len(upstream.calls) == 8


@pytest.mark.parametrize("said", ["", "soon", "-5", "1.5"])
async def test_a_429_that_does_not_say_how_long_pauses_for_a_second(
    client: EmnifyClient, upstream: Upstream, said: str
) -> None:
    upstream.script(Reply(429, headers={"Retry-After": said} if said else {}))
    with pytest.raises(RateLimitedError) as failed:
        await client.list_sims(deadline_s=0.5)
    assert failed.value.retry_after_s == pytest.approx(1.0, abs=0.2)
    assert len(upstream.calls) == 1


async def test_a_sandbox_that_minds_the_limits_has_no_reason_to_say_so() -> None:
    async with (
        fleet_of(SandboxSettings(sims=60, limits=True)) as fleet,
        EmnifyClient(base_url=fleet.world.base_url, application_token=fleet.world.tokens["enterprise"]) as client,
    ):
        sim = (await client.list_sims(per_page=1)).items[0].id
        asks: list[Callable[[], Coroutine[Any, Any, Any]]] = [
            *[client.list_sims] * 25,
            *[lambda: client.get_sim(sim)] * 150,
            *[lambda: client.get_sim_usage(sim)] * 25,
            *[lambda: client.list_sim_events(sim)] * 20,
        ]
        async with anyio.create_task_group() as group:
            for ask in asks:
                group.start_soon(ask)
        statuses = Counter((request["status"], request["path"]) for request in await fleet.requests())
    answered = sum(count for (status, _), count in statuses.items() if status == HTTPStatus.OK)
    assert answered == len(asks) + 1
    # A machine that is busy with other work may send late what was due earlier, and so two at once.
    assert statuses.total() - answered <= len(asks) // 50, statuses


async def test_without_pacing_that_sandbox_would_have_said_so() -> None:
    async with (
        running(SandboxSettings(sims=60, limits=True)) as world,
        EmnifyClient(
            base_url=world.base_url, application_token=world.tokens["enterprise"], limits=Limits(), deadline_s=0.5
        ) as client,
    ):
        results = await asyncio.gather(*[client.list_sims() for _ in range(25)], return_exceptions=True)
    assert any(isinstance(result, RateLimitedError) for result in results)


def test_a_client_has_the_published_limits_unless_told_otherwise() -> None:
    client = EmnifyClient(base_url="http://127.0.0.1:1", application_token=CANARY)
    assert isinstance(client.pacer._budget, OwnBudget)
    assert client.pacer._budget._buckets.keys() >= PUBLISHED_LIMITS.per_operation.keys()


def test_reading_in_the_background_leaves_room_for_whoever_asks_meanwhile() -> None:
    limits = Limits(per_operation={LIST: Rate(10, 5)}, per_address=Window(100, 60.0))

    async def scene() -> tuple[float, float, float, Sent]:
        pacer, sent = pacer_of(limits), Sent()
        began = anyio.current_time()
        told = pacer.forecast_s(LIST, 150)

        async def read() -> None:
            with in_background():
                async with pacer.turn(LIST):
                    sent.append((anyio.current_time() - began, LIST))

        async with anyio.create_task_group() as group:
            for _ in range(150):
                group.start_soon(read)
            await anyio.sleep(2)
            asked = anyio.current_time()
            at_once = await send_all(pacer, [LIST])
            sent.append((asked - began + at_once[0][0], LIST))
            await anyio.sleep(28)
            later = await send_all(pacer, [LIST, PATCH])
            sent += [(30 + at, operation) for at, operation in later]
        return at_once[0][0], max(at for at, _ in later), told, sorted(sent)

    at_once, later, told, sent = in_virtual_time(scene)
    assert at_once < 0.5, "one place in the queue, not a hundred and thirty"
    assert later < 0.5, "though the background has used up all it may"
    assert refused(sent, limits) == 0
    assert sent[-1][0] == pytest.approx(told, rel=0.1)


@pytest.mark.parametrize(("number", "seconds"), [(0, 0), (1, 0), (100, 10), (1900, 193), (2000, 309), (5000, 719)])
def test_what_is_left_is_forecast_from_the_limits(number: int, seconds: float) -> None:
    async def scene() -> float:
        return pacer_of().forecast_s("GET /api/v1/sim/{id}/stats", number)

    assert in_virtual_time(scene) == pytest.approx(seconds, rel=0.05, abs=0.5)


def test_a_single_request_is_forecast_as_late_as_it_may_be_sent() -> None:
    async def scene() -> tuple[float, float, float]:
        pacer = pacer_of()
        before = pacer.forecast_s(GET, 1)
        pacer.throttled(7.0)
        return before, pacer.forecast_s(GET, 0), pacer.forecast_s(GET, 1)

    assert in_virtual_time(scene) == (0.0, 0.0, 7.0)


def throttled_until_nothing_grows(now: list[float]) -> tuple[Pacer, list[float]]:
    pacer = Pacer(PUBLISHED_LIMITS, clock=lambda: now[0])
    pauses: list[float] = []
    for _ in range(8):
        pauses.append(pacer.throttled(None))
        now[0] += pauses[-1]
    return pacer, pauses


def test_429s_without_a_time_pause_twice_as_long_each_time_up_to_half_a_minute() -> None:
    assert throttled_until_nothing_grows([0.0])[1] == [1, 2, 4, 8, 16, 30, 30, 30]


def test_what_is_slowed_down_is_eight_times_as_slow_at_most_and_recovers_answer_by_answer() -> None:
    now = [0.0]
    pacer, _ = throttled_until_nothing_grows(now)
    # A hundred intervals of a tenth of a second, and one per cent in reserve; none of so small a burst goes at once.
    assert pacer.forecast_s(LIST, 101) == pytest.approx(100 * 8 / 9.9)
    for _ in range(40):
        pacer.answered()
    assert pacer.slowed_down
    pacer.answered()
    assert not pacer.slowed_down
    assert pacer.forecast_s(LIST, 101) == pytest.approx(100 / 9.9)


def test_what_works_in_the_background_says_that_it_waits_and_for_how_long() -> None:
    async def scene() -> tuple[str, str]:
        pacer = pacer_of(Limits(per_address=Window(100, 300.0)))
        before = pacer.giving_way
        with in_background():
            await send_all(pacer, [GET] * 96)
        return before, pacer.giving_way

    told = ", waiting 301 s for emnify's rate limits: single SIMs and changes go first"
    assert in_virtual_time(scene) == ("", told)


def test_forty_requests_are_under_way_at_once() -> None:
    async def scene() -> int:
        pacer, inside = pacer_of(Limits()), 0

        async def stay() -> None:
            nonlocal inside
            async with pacer.turn(PATCH):
                inside += 1
                await anyio.sleep(100)

        async with anyio.create_task_group() as group:
            for _ in range(60):
                group.start_soon(stay)
            await anyio.sleep(50)
            group.cancel_scope.cancel()
        return inside

    assert in_virtual_time(scene) == 40


def test_background_requests_leave_a_part_of_the_window_to_others() -> None:
    limits = Limits(per_address=Window(100, 300.0))

    async def scene() -> list[float]:
        pacer = pacer_of(limits)

        async def send_in_background() -> Sent:
            with in_background():
                return await send_all(pacer, [PATCH] * 97)

        return [at for at, _ in await send_in_background()]

    sent = in_virtual_time(scene)
    assert [at for at in sent if at < 300] == sent[:96]
    assert sent[96] == pytest.approx(300.5)
