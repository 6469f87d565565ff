"""What may be sent when: slots under emnify's rate limits, reserved one at a time, with a share kept for what matters.

Own code rather than a library: aiolimiter has no window per address and no common brake, and pyrate-limiter and
limits count in windows where emnify's gateway (AWS API Gateway) counts in buckets. None of them knows shares.
"""

import bisect
import math
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from sim_mcp.emnify.limits.asking import Asking
from sim_mcp.emnify.limits.rate_limit import AUTHENTICATE, Limits, Rate, Window

Rank = Literal["change", "single", "list", "background"]
"""What a request is for, the most important first: a change, one object, a list, or what nobody waits for."""

Party = tuple[str, str]
"""Who waits in line together: a change, what works in the background, or the questions of one principal."""

_JITTER_S = 0.3
"""How much later than others a request may arrive without a bunch of them exceeding the burst."""

_LEAST_SPARED = 4
"""Of a small burst so many stay unused, for on a busy machine requests that left one by one arrive together."""

_MARGIN = 0.99
"""The share of a rate that is used; the rest absorbs clocks that run differently."""

_WINDOW_MARGIN_S = 0.5
"""The window opens that much later, because requests travel at different speeds."""

_FULL: dict[Rank, float] = {"change": 1.0, "single": 0.985, "list": 0.97, "background": 0.96}
"""How full a window may be for a request of that rank to be sent."""

_OWN: dict[Rank, float] = {"change": 1.0, "single": 0.9, "list": 0.8, "background": 1.0}
"""How much of a window the requests of that rank may take, so that a share is left to those that matter more."""

LEAST_FOR_BACKGROUND = 0.4
ROOM_FOR_MORE = 2.0
"""What works in the background leaves as much again as was asked in the last window, and so much of it at most."""

_FREELY = 0.25
"""Up to here of a window every question is asked anew; beyond, answers do for longer the less is left of it."""

UNSHARED = 0.5
"""Up to here a window is whoever's comes first; beyond, no principal gets more than a share that leaves one over."""


@dataclass(frozen=True)
class Claim:
    """A request that wants a slot: its operation, what it is for, and who asks."""

    operation: str
    rank: Rank
    asked_by: str = ""

    @property
    def party(self) -> Party:
        """Return with whom it waits in line."""
        return (self.rank, "") if self.rank in ("change", "background") else ("question", self.asked_by)

    @property
    def is_of_one(self) -> bool:
        """Tell whether it is a question of one principal among others, who gets no more than a share."""
        return bool(self.asked_by) and self.party[0] == "question"


class Grant(NamedTuple):
    """The answer to a claim: whether a slot was reserved, and in how many seconds it is, or would be."""

    granted: bool
    wait_s: float


class Budget(Protocol):
    """Reserve slots; whoever keeps them for several processes decides in one atomic step over all limits of a claim."""

    async def reserve(self, claim: Claim, longest_s: float, slowness: float = 1.0) -> Grant:
        """Reserve the next slot, unless it is more than so many seconds away; then nothing is reserved.

        Args:
            claim: the request.
            longest_s: the longest wait that is taken, in seconds.
            slowness: how many times as long as published a rate makes the next one wait.
        """

    def expected_s(self, claim: Claim, ahead: float = 0) -> float:
        """Return in how many seconds a claim would get its slot, with so many ahead of it, as far as known here."""

    def forecast_s(self, operation: str, number: int, slowness: float = 1.0) -> float:
        """Return in how many seconds the last of so many background requests may be sent, as far as known here."""

    def sparing_s(self) -> float:
        """Return for how many seconds an answer should do, so that what is asked does not spend the window at once.

        None while questions and changes have used little of it, as long as the window is when they have used it all.
        """


def claim_of(operation: str, asking: Asking) -> Claim:
    """Return the claim of an operation by who asks for it; without signing in, nobody gets any further."""
    if asking.purpose == "background" and operation != AUTHENTICATE:
        return Claim(operation, "background", asking.by)
    if asking.purpose == "change" or not operation.startswith("GET "):
        return Claim(operation, "change", asking.by)
    return Claim(operation, "single" if "{" in operation else "list", asking.by)


def full_for(rank: Rank) -> float:
    """Return how full a window may be for a request of that rank to be sent, from 0 to 1."""
    return _FULL[rank]


def own_for(rank: Rank) -> float:
    """Return how much of a window the requests of that rank may take, from 0 to 1."""
    return _OWN[rank]


def sparing_for(asked: float, window_s: float) -> float:
    """Return for how many seconds an answer should do where so much of a window is used, from 0 to 1."""
    return window_s * max(0.0, asked - _FREELY) / (1 - _FREELY)


class _Bucket:
    """A token bucket, as a theoretical arrival time (GCRA)."""

    def __init__(self, rate: Rate) -> None:
        self._interval = 1 / (rate.per_second * _MARGIN)
        spared = max(_LEAST_SPARED, math.ceil(rate.per_second * _JITTER_S))
        self._tolerance = max(0, rate.burst - spared - 1) * self._interval
        self._full_at = 0.0

    def ready_at(self, now: float, ahead: float = 0) -> float:
        return max(self._full_at, now) + ahead * self._interval - self._tolerance

    def take(self, at: float, slowness: float) -> None:
        self._full_at = max(self._full_at, at) + self._interval * slowness


class _Sliding:
    """So many requests in any stretch of so many seconds, wherever it begins; slots to come count as sent."""

    def __init__(self, window: Window) -> None:
        self._most = window.requests
        self._length = window.seconds + _WINDOW_MARGIN_S
        self._all: list[float] = []
        self._by_rank: defaultdict[Rank, list[float]] = defaultdict(list)
        self._by_principal: defaultdict[str, list[float]] = defaultdict(list)

    def ready_at(self, now: float, claim: Claim, ahead: float = 0) -> float:
        self._leave(now)
        room = self._room_at(now, self._all, self._fill_for(claim.rank) - int(ahead))
        own = self._room_at(now, self._by_rank[claim.rank], round(self._most * _OWN[claim.rank]))
        return max(room, own, self._share_at(now, claim))

    def take(self, at: float, claim: Claim) -> None:
        bisect.insort(self._all, at)
        bisect.insort(self._by_rank[claim.rank], at)
        if claim.is_of_one:
            bisect.insort(self._by_principal[claim.asked_by], at)

    def last_opens(self, now: float, number: int) -> tuple[float, int]:
        """Return when the window opens that the last of so many background requests leaves in, and its place there."""
        self._leave(now)
        windows, place = divmod(len(self._all) + number - 1, self._fill_for("background"))
        return max(now, (self._all[0] if self._all else now) + windows * self._length), place

    def sparing_s(self, now: float) -> float:
        self._leave(now)
        return sparing_for(self._asked / self._most, self._length)

    @property
    def _asked(self) -> int:
        """Return how much of the window questions and changes have taken."""
        return len(self._all) - len(self._by_rank["background"])

    def _fill_for(self, rank: Rank) -> int:
        """Return how many requests may be in the window, one of this rank included."""
        share = _FULL[rank]
        if rank == "background":
            share = max(LEAST_FOR_BACKGROUND, share - ROOM_FOR_MORE * self._asked / self._most)
        return max(1, round(self._most * share))

    def _share_at(self, now: float, claim: Claim) -> float:
        """Return when a principal may send by its share: once the window is emptier, or less of it is its own."""
        if not claim.is_of_one:
            return now
        principals = len(self._by_principal.keys() | {claim.asked_by})
        own = self._room_at(now, self._by_principal.get(claim.asked_by, []), self._most // (principals + 1))
        return min(own, self._room_at(now, self._all, round(self._most * UNSHARED)))

    def _room_at(self, now: float, taken: list[float], most: int) -> float:
        """Return when fewer than so many of these are in the window."""
        if len(taken) < max(1, most):
            return now
        return taken[min(len(taken) - most, len(taken) - 1)] + self._length

    def _leave(self, now: float) -> None:
        """Forget what has left the window."""
        for taken in (self._all, *self._by_rank.values(), *self._by_principal.values()):
            del taken[: bisect.bisect_right(taken, now - self._length)]
        for principal in [principal for principal, taken in self._by_principal.items() if not taken]:
            del self._by_principal[principal]


class OwnBudget:
    """Keep the limits for this process alone."""

    def __init__(
        self, limits: Limits, clock: Callable[[], float] = time.monotonic, beside: "OwnBudget | None" = None
    ) -> None:
        """Keep the limits of one workspace, and with those beside it, that of the address all of them ask from."""
        self._clock = clock
        self._buckets = {operation: _Bucket(rate) for operation, rate in limits.per_operation.items()}
        self.address: _Sliding = _Sliding(limits.per_address) if beside is None else beside.address
        self._authenticate = _Sliding(limits.authenticate)

    async def reserve(self, claim: Claim, longest_s: float, slowness: float = 1.0) -> Grant:
        """Reserve the next slot, unless it is more than so many seconds away."""
        now = self._clock()
        at = self._ready_at(now, claim)
        if at - now > longest_s:
            return Grant(granted=False, wait_s=at - now)
        if (bucket := self._buckets.get(claim.operation)) is not None:
            bucket.take(at, slowness)
        for window in self._windows(claim):
            window.take(at, claim)
        return Grant(granted=True, wait_s=at - now)

    def expected_s(self, claim: Claim, ahead: float = 0) -> float:
        """Return in how many seconds a claim would get its slot, with so many ahead of it."""
        now = self._clock()
        return self._ready_at(now, claim, ahead) - now

    def forecast_s(self, operation: str, number: int, slowness: float = 1.0) -> float:
        """Return in how many seconds the last of so many background requests may be sent, if nobody else sends any."""
        if number < 1:
            return 0.0
        now = self._clock()
        opens, place = self.address.last_opens(now, number)
        at = [now, opens]
        if (bucket := self._buckets.get(operation)) is not None:
            at += [bucket.ready_at(now, (number - 1) * slowness)]
            at += [bucket.ready_at(opens, min(place, number - 1) * slowness)]
        return max(at) - now

    def sparing_s(self) -> float:
        """Return for how many seconds an answer should do, so that what is asked does not spend the window at once."""
        return self.address.sparing_s(self._clock())

    def _ready_at(self, now: float, claim: Claim, ahead: float = 0) -> float:
        at = [window.ready_at(now, claim, ahead) for window in self._windows(claim)]
        if (bucket := self._buckets.get(claim.operation)) is not None:
            at.append(bucket.ready_at(now, ahead))
        return max(now, *at)

    def _windows(self, claim: Claim) -> tuple[_Sliding, ...]:
        return (self.address, self._authenticate) if claim.operation == AUTHENTICATE else (self.address,)
