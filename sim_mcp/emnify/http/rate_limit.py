"""Keep emnify's published rate limits before they are hit, and slow down when it asks to.

Own code rather than a library: aiolimiter has no window per address and no common brake, and pyrate-limiter and
limits count in windows where emnify's gateway (AWS API Gateway) counts in buckets.
"""

import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import anyio

from sim_mcp.emnify.errors import RateLimitedError
from sim_mcp.emnify.http.asking import asking_now

MAX_AT_ONCE = 40
"""Requests under way: enough for 100 a second at 400 ms each."""

_JITTER_S = 0.3
"""How much later than others a request may arrive without a bunch of them exceeding the burst."""

_MARGIN = 0.99
"""The share of a rate that is used; the rest absorbs clocks that run differently."""

_WINDOW_MARGIN_S = 0.5
"""The window opens that much later, because requests travel at different speeds."""

_SPARED = 0.04
"""The share of a window that background requests leave for questions asked meanwhile."""

_FIRST_BRAKE_S, _LONGEST_BRAKE_S = 1.0, 30.0
_SLOWEST = 8.0
_RECOVERY = 0.95


@dataclass(frozen=True)
class Rate:
    """So many requests a second, and so many at once."""

    per_second: float
    burst: int


@dataclass(frozen=True)
class Window:
    """So many requests within so many seconds."""

    requests: int
    seconds: float


@dataclass(frozen=True)
class Limits:
    """What one workspace may send per operation, and one address in all (emnify docs: rate limits)."""

    per_operation: dict[str, Rate] = field(default_factory=dict)
    per_address: Window = Window(2000, 300.0)
    authenticate: Window = Window(100, 300.0)


PUBLISHED_LIMITS = Limits(
    per_operation={
        "GET /api/v1/sim": Rate(10, 5),
        "GET /api/v1/endpoint": Rate(10, 5),
        "GET /api/v1/organisation/my/stats": Rate(10, 5),
        "GET /api/v1/sim/{id}/stats": Rate(10, 5),
        # No limit is published for this one; emnify asks for 100 ms between calls where none is.
        "GET /api/v1/sim/{id}/stats/daily": Rate(10, 5),
        "GET /api/v1/endpoint/{id}/connectivity_info": Rate(10, 5),
        "GET /api/v1/event": Rate(10, 5),
        "GET /api/v1/endpoint/{id}": Rate(50, 25),
        "GET /api/v1/endpoint/{id}/connectivity": Rate(50, 25),
        "GET /api/v1/sim/{id}": Rate(100, 50),
    },
)
AUTHENTICATE = "POST /api/v1/authenticate"


class _Bucket:
    """A token bucket, as a theoretical arrival time (GCRA)."""

    def __init__(self, rate: Rate) -> None:
        self.lock = anyio.Lock()
        self._interval = 1 / (rate.per_second * _MARGIN)
        self._tolerance = max(0, rate.burst - math.ceil(rate.per_second * _JITTER_S) - 1) * self._interval
        self._full_at = 0.0

    def ready_at(self, now: float, ahead: float = 0) -> float:
        return max(self._full_at, now) + ahead * self._interval - self._tolerance

    def take(self, now: float, slowness: float) -> None:
        self._full_at = max(self._full_at, now) + self._interval * slowness


class _Sliding:
    """So many requests in any stretch of so many seconds, wherever it begins."""

    def __init__(self, window: Window) -> None:
        self.lock = anyio.Lock()
        self._window = window
        self._sent: deque[float] = deque(maxlen=window.requests)

    def ready_at(self, now: float, ahead: float = 0) -> float:
        leaving = len(self._sent) + int(ahead) - self._window.requests
        if leaving < 0 or not self._sent:
            return now
        return self._sent[min(leaving, len(self._sent) - 1)] + self._window.seconds + _WINDOW_MARGIN_S

    def spare_at(self, now: float) -> float:
        return self.ready_at(now, self._window.requests * _SPARED)

    def take(self, now: float, slowness: float) -> None:  # noqa: ARG002  # a window does not stretch.
        self._sent.append(now)

    def last_opens(self, now: float, number: int) -> tuple[float, int]:
        """Return when the window opens that the last of so many spare requests leaves in, and its place there."""
        length = self._window.seconds + _WINDOW_MARGIN_S
        sent = [at for at in self._sent if at + length > now]
        windows, place = divmod(len(sent) + number - 1, max(1, int(self._window.requests * (1 - _SPARED))))
        return max(now, (sent[0] if sent else now) + windows * length), place


_Gate = _Bucket | _Sliding


class Pacer:
    """Give each request its turn: first come, first served, safe under concurrency and cancellation."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._own: dict[str, _Gate] = {operation: _Bucket(rate) for operation, rate in limits.per_operation.items()}
        self._own[AUTHENTICATE] = _Sliding(limits.authenticate)
        self._address = _Sliding(limits.per_address)
        self._under_way = anyio.Semaphore(MAX_AT_ONCE)
        self._behind = anyio.Lock()
        self._braked_until = 0.0
        self._brake_s = _FIRST_BRAKE_S
        self._slowness = 1.0

    @asynccontextmanager
    async def turn(self, operation: str) -> AsyncIterator[None]:
        """Wait until a request of this operation may be sent; the request is under way until the context ends.

        Raises:
            RateLimitedError: The wait is known to be longer than the caller's time; nothing was sent.
        """
        async with AsyncExitStack() as under_way:
            if asking_now().purpose == "background":
                # One at a time, so that at most one of them is ahead of another request.
                async with self._behind:
                    await self._wait_until(self._address.spare_at, operation)
                    await self._wait(operation, under_way)
            else:
                await self._wait(operation, under_way)
            yield

    def forecast_s(self, operation: str, number: int) -> float:
        """Return in how many seconds the last of so many requests may be sent, if nobody else sends any."""
        if number < 1:
            return 0.0
        now = self._clock()
        opens, place = self._address.last_opens(now, number)
        own = self._own.get(operation)
        at = [self._braked_until, opens]
        if own is not None:
            at += [own.ready_at(now, (number - 1) * self._slowness)]
            at += [own.ready_at(opens, min(place, number - 1) * self._slowness)]
        return max(at) - now

    def wait_s(self, operation: str) -> float:
        """Return in how many seconds a request of this operation may be sent, as things stand."""
        now = self._clock()
        gates = (self._address, self._own.get(operation))
        return max(self._braked_until, *(gate.ready_at(now) for gate in gates if gate is not None), now) - now

    @property
    def slowed_down(self) -> bool:
        """Tell whether emnify asked to slow down (429) and the pace has not recovered since."""
        return self._slowness > 1 or self._clock() < self._braked_until

    async def _wait(self, operation: str, under_way: AsyncExitStack) -> None:
        # A place is taken only at the end, so that who is cancelled while waiting has taken none.
        async with AsyncExitStack() as held:
            gates: list[_Gate] = []
            own = self._own.get(operation)
            for gate in (self._address,) if own is None else (own, self._address):
                queue = gate.lock.statistics()
                ahead = (queue.tasks_waiting + queue.locked) * self._slowness
                self._in_time(partial(gate.ready_at, ahead=ahead), operation)
                await held.enter_async_context(gate.lock)
                gates.append(gate)
                await self._wait_for(gates, operation)
            # A request that then queued for a connection would be sent later, together with the next ones.
            await under_way.enter_async_context(self._under_way)
            await self._wait_for(gates, operation)
            now = self._clock()
            for gate in gates:
                gate.take(now, self._slowness)

    def throttled(self, retry_after_s: float | None) -> float:
        """Slow all requests down after a 429; return for how many seconds they pause."""
        now = self._clock()
        braking = now < self._braked_until
        pause = retry_after_s if retry_after_s is not None else self._brake_s
        if braking and retry_after_s is None:
            return self._braked_until - now
        self._braked_until = max(self._braked_until, now + pause)
        # Many requests may be under way when it happens: their 429s are one event, not many.
        if not braking:
            self._brake_s = min(self._brake_s * 2, _LONGEST_BRAKE_S)
            self._slowness = min(self._slowness * 2, _SLOWEST)
        return pause

    def answered(self) -> None:
        """Recover, step by step, with each answer that is not a 429."""
        self._slowness = max(1.0, self._slowness * _RECOVERY)
        self._brake_s = max(_FIRST_BRAKE_S, self._brake_s * _RECOVERY)

    async def _wait_for(self, gates: list[_Gate], operation: str) -> None:
        await self._wait_until(lambda now: max(gate.ready_at(now) for gate in gates), operation)

    async def _wait_until(self, ready_at: Callable[[float], float], operation: str) -> None:
        while True:
            wait_s = self._in_time(ready_at, operation)
            if wait_s <= 0:
                return
            await anyio.sleep(wait_s)

    def _in_time(self, ready_at: Callable[[float], float], operation: str) -> float:
        """Return the seconds until that is ready.

        Raises:
            RateLimitedError: That is later than the caller's deadline.
        """
        now = self._clock()
        wait_s = max(self._braked_until, ready_at(now)) - now
        if wait_s > anyio.current_effective_deadline() - anyio.current_time():
            raise RateLimitedError(
                f"emnify's rate limits allow the next request in {math.ceil(wait_s)} s, "
                "which is longer than this call may take",
                retry_after_s=wait_s,
                operation=operation,
            )
        return wait_s
