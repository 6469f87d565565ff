"""Keep emnify's rate limits before they are hit, and slow down when it asks to."""

import math
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import anyio

from sim_mcp.emnify.errors import RateLimitedError
from sim_mcp.emnify.limits.asking import asking_now
from sim_mcp.emnify.limits.budget import Budget, Claim, OwnBudget, claim_of
from sim_mcp.emnify.limits.rate_limit import SPENT_FROM_S, Limits
from sim_mcp.emnify.limits.turns import Line
from sim_mcp.observing import NOBODY, Observer

MAX_AT_ONCE = 40
"""Requests under way: enough for 100 a second at 400 ms each."""

_PATIENCE_S = 0.1
"""How long the front of a line is held for somebody whose slot is still to come."""

_FIRST_BRAKE_S, _LONGEST_BRAKE_S = 1.0, 30.0
_SLOWEST = 8.0
_RECOVERY = 0.95


class Pacer:
    """Give each request its turn: fair among those who ask, safe under concurrency and cancellation."""

    def __init__(
        self,
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
        budget: Budget | None = None,
        observer: Observer = NOBODY,
    ) -> None:
        self._clock = clock
        self._observer = observer
        self._budget = budget or OwnBudget(limits, clock)
        self._lines: defaultdict[str, Line] = defaultdict(partial(Line, clock))
        self._under_way = anyio.Semaphore(MAX_AT_ONCE)
        self._braked_until = 0.0
        self._brake_s = _FIRST_BRAKE_S
        self._slowness = 1.0

    @asynccontextmanager
    async def turn(self, operation: str) -> AsyncIterator[None]:
        """Wait until a request of this operation may be sent; the request is under way until the context ends.

        Raises:
            RateLimitedError: The wait is known to be longer than the caller's time; nothing was sent.
        """
        came, asking = self._clock(), asking_now()
        claim = claim_of(operation, asking)
        self._check_in_time(self._expected_s(claim), operation)
        await self._take_turn(claim)
        self._observer.turn_came(operation, self._clock() - came, background=asking.purpose == "background")
        try:
            yield
        finally:
            self._under_way.release()

    def forecast_s(self, operation: str, number: int) -> float:
        """Return in how many seconds the last of so many background requests may be sent, if nobody else sends any."""
        if number < 1:
            return 0.0
        return max(self._brake_left_s, self._budget.forecast_s(operation, number, self._slowness))

    def wait_s(self, operation: str) -> float:
        """Return in how many seconds a request of this operation may be sent by who asks, as things stand."""
        return self._expected_s(claim_of(operation, asking_now()))

    @property
    def sparing_s(self) -> float:
        """Return for how many seconds an answer should do, so that questions do not spend the limits at once."""
        return self._budget.sparing_s()

    def background_wait_s(self, operation: str = "") -> float:
        """Return in how many seconds a background request may be sent; without an operation, by the address's limit."""
        return max(self._brake_left_s, self._budget.expected_s(Claim(operation, "background")))

    @property
    def giving_way(self) -> str:
        """Return that what works in the background waits, and for how long, to end a sentence with; mostly empty."""
        wait_s = self.background_wait_s()
        if wait_s <= SPENT_FROM_S:
            return ""
        return f", waiting {math.ceil(wait_s)} s for emnify's rate limits: single SIMs and changes go first"

    @property
    def slowed_down(self) -> bool:
        """Tell whether emnify asked to slow down (429) and the pace has not recovered since."""
        return self._slowness > 1 or self._brake_left_s > 0

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

    async def _take_turn(self, claim: Claim) -> None:
        """Wait in line for a slot, then for its time; afterwards one of the requests under way is this one."""
        line = self._lines[claim.operation]
        place = line.join(claim.party)
        try:
            while True:
                await line.wait(place)
                wait_s = await self._reserve(claim)
                if wait_s is None:
                    return
                self._check_in_time(wait_s, claim.operation)
                line.step_back(place, wait_s)
        finally:
            line.leave(place)

    async def _reserve(self, claim: Claim) -> float | None:
        """Reserve a slot and wait for it; where it is too far away for that, return in how many seconds it is."""
        # A request that then queued for a connection would be sent later, together with the next ones.
        await self._under_way.acquire()
        taken = False
        try:
            await self._sit_out_brake(claim.operation)
            # Reserved only when its time has come, so that who wakes late, or goes away, takes no slot of another's.
            while 0 < (wait_s := self._budget.expected_s(claim)) <= _PATIENCE_S:  # noqa: ASYNC110  # time is what it waits for.
                await anyio.sleep(wait_s)
            grant = await self._budget.reserve(claim, _PATIENCE_S, self._slowness)
            if not grant.granted:
                return grant.wait_s
            await anyio.sleep(grant.wait_s)
            await self._sit_out_brake(claim.operation)
            taken = True
        finally:
            if not taken:
                self._under_way.release()
        return None

    async def _sit_out_brake(self, operation: str) -> None:
        while (wait_s := self._brake_left_s) > 0:
            self._check_in_time(wait_s, operation)
            await anyio.sleep(wait_s)

    @property
    def _brake_left_s(self) -> float:
        return max(0.0, self._braked_until - self._clock())

    def _expected_s(self, claim: Claim) -> float:
        ahead = self._lines[claim.operation].ahead_of(claim.party) * self._slowness
        return max(self._brake_left_s, self._budget.expected_s(claim, ahead))

    def _check_in_time(self, wait_s: float, operation: str) -> None:
        """Check a wait against the caller's deadline.

        Raises:
            RateLimitedError: It is longer.
        """
        if wait_s > anyio.current_effective_deadline() - anyio.current_time():
            self._observer.turn_refused(operation)
            raise RateLimitedError(
                f"emnify's rate limits allow the next request in {math.ceil(wait_s)} s, "
                "which is longer than this call may take",
                retry_after_s=wait_s,
                operation=operation,
            )
