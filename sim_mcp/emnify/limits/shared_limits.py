"""Emnify's limits, shared by servers that ask for one workspace or from one address: a slot is reserved before sending.

Each server paces itself too; this comes last, just before a request leaves. Where what the servers share is away, each
keeps to its part of the limits by itself, and says so.
"""

import logging
import math
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import anyio

from sim_mcp.emnify.errors import RateLimitedError
from sim_mcp.emnify.limits.asking import asking_now
from sim_mcp.emnify.limits.budget import RANKS, Rank, SentByAll, claim_of
from sim_mcp.emnify.limits.rate_limit import AUTHENTICATE, Limits, Rate, Window

log = logging.getLogger(__name__)

_MARGIN = 0.99
"""The share of a rate that is used; the rest absorbs clocks that run differently."""

_ADDRESS = "address"
_NEVER = -1.0
"""No slot is as near: none is taken, and when one would be is told."""

_LOOKS_EVERY_S = 1.0
"""How often a server that sends looks how much the others have sent."""

_LONGEST_S = 20.0
"""A slot further ahead is not queued for: who would wait as long is told so instead."""


class Gate(NamedTuple):
    """One limit a request counts towards, for all who share its scope."""

    scope: str
    interval_s: float = 0.0
    """The least time between two requests; 0: none, only what a pause says."""
    requests: int = 0
    window_s: int = 0
    """So many requests in any stretch of so many seconds; 0: any number."""


class Slot(NamedTuple):
    """What was answered to a request for a slot."""

    granted: bool
    wait_s: float
    """Until the slot; where none was granted, until there would be one."""
    together: int
    """Servers that share the limits."""


class LimitsAwayError(Exception):
    """What the servers share cannot be reached."""


class LimitStore(Protocol):
    """Where the slots of all servers are kept."""

    async def reserve(self, gates: Sequence[Gate], longest_s: float) -> Slot:
        """Take the next slot that all gates allow, in one atomic step, unless it is further ahead than `longest_s`.

        Raises:
            LimitsAwayError: The store cannot be reached.
        """

    async def pause(self, scope: str, seconds: float) -> None:
        """Give no slot of a scope for so many seconds.

        Raises:
            LimitsAwayError: The store cannot be reached.
        """

    async def sent(self, scopes: Sequence[str], window_s: int) -> list[tuple[str, float, int]]:
        """Return, by scope and by seconds ago, how many slots of the last so many seconds were given.

        Raises:
            LimitsAwayError: The store cannot be reached.
        """


class SharedLimits:
    """Give each request of this server a slot among those of all servers."""

    def __init__(
        self,
        store: LimitStore,
        limits: Limits,
        workspace: str,
        clock: Callable[[], float] = time.monotonic,
        learn: Callable[[SentByAll], None] = lambda _: None,
    ) -> None:
        """Take where slots are kept, and what is told how much all servers sent: each keeps shares by that."""
        self._clock, self._learn, self._looked_at = clock, learn, -math.inf
        self._store = store
        self._limits = limits
        self._workspace = workspace
        self._own = OwnShare(clock)
        self._together = 1
        self._away = False

    async def wait(self, operation: str) -> None:
        """Wait until a request of this operation may be sent.

        Raises:
            RateLimitedError: The wait would be longer than the caller's time; nothing was sent.
        """
        await self._look()
        left_s = anyio.current_effective_deadline() - anyio.current_time()
        slot = await self._slot(self._gates(operation), min(left_s, _LONGEST_S))
        if not slot.granted:
            raise RateLimitedError(
                f"emnify's rate limits, which {slot.together} servers share, allow the next request in "
                f"{math.ceil(slot.wait_s)} s, which is longer than this call may take",
                retry_after_s=slot.wait_s,
                operation=operation,
            )
        await anyio.sleep(slot.wait_s)

    async def wait_s(self, operation: str) -> float:
        """Return in how many seconds a request of this operation could be sent; none is."""
        return (await self._slot(self._gates(operation), _NEVER)).wait_s

    async def pause(self, seconds: float) -> None:
        """Have every server wait, after emnify asked this one to slow down."""
        try:
            await self._store.pause(self._workspace, seconds)
        except LimitsAwayError as error:
            self._say(error)

    async def _look(self) -> None:
        """Look how much all servers sent of what the address may."""
        now = self._clock()
        if now - self._looked_at < _LOOKS_EVERY_S:
            return
        self._looked_at = now
        ranks: dict[str, Rank] = {_of_rank(rank): rank for rank in RANKS}
        try:
            rows = await self._store.sent(list(ranks), math.ceil(self._limits.per_address.seconds))
        except LimitsAwayError as error:
            self._say(error)
            return
        sent: defaultdict[Rank, list[tuple[float, int]]] = defaultdict(list)
        for scope, ago_s, number in rows:
            sent[ranks[scope]].append((ago_s, number))
        self._learn(sent)

    async def _slot(self, gates: Sequence[Gate], longest_s: float) -> Slot:
        try:
            slot = await self._store.reserve(gates, longest_s)
        except LimitsAwayError as error:
            self._say(error)
            return self._own.reserve(gates, longest_s, self._together)
        if self._away:
            log.warning("The limits are shared again with the other servers")
        self._away, self._together = False, max(1, slot.together)
        return slot

    def _say(self, error: LimitsAwayError) -> None:
        if not self._away:
            log.warning(
                "What the servers share is away (%s): this one keeps to 1/%d of emnify's limits until it is back",
                error,
                self._together,
            )
        self._away = True

    def _gates(self, operation: str) -> list[Gate]:
        address = self._limits.per_address
        rank = claim_of(operation, asking_now()).rank
        scopes = (_ADDRESS, _of_rank(rank))  # the second is no limit, but counts.
        window = address.requests, math.ceil(address.seconds)
        gates = [Gate(self._workspace), *(Gate(scope, 0.0, *window) for scope in scopes)]
        own: Rate | Window | None = self._limits.per_operation.get(operation)
        if operation == AUTHENTICATE:
            own = self._limits.authenticate
        scope = f"{self._workspace} {operation}"
        if isinstance(own, Rate):
            gates.append(Gate(scope, 1 / (own.per_second * _MARGIN)))
        elif own is not None:
            gates.append(Gate(scope, 0.0, own.requests, math.ceil(own.seconds)))
        return gates


def _of_rank(rank: Rank) -> str:
    return f"{_ADDRESS} {rank}"


class OwnShare:
    """Slots of one server that keeps to its part of the limits by itself."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._next_at: dict[str, float] = {}
        self._sent: dict[str, deque[float]] = {}

    def reserve(self, gates: Sequence[Gate], longest_s: float, servers: int) -> Slot:
        """Take the next slot that this server's part of each gate allows."""
        now = self._clock()
        at = max(now, *(self._opens_at(gate, servers) for gate in gates))
        if at - now > longest_s:
            return Slot(granted=False, wait_s=at - now, together=servers)
        for gate in gates:
            self._next_at[gate.scope] = at + gate.interval_s * servers
            self._sent.setdefault(gate.scope, deque(maxlen=gate.requests)).append(at)
        return Slot(granted=True, wait_s=at - now, together=servers)

    def _opens_at(self, gate: Gate, servers: int) -> float:
        sent, part = self._sent.get(gate.scope, ()), max(1, gate.requests // servers)
        opens_at = sent[-part] + gate.window_s if gate.requests and len(sent) >= part else 0.0
        return max(opens_at, self._next_at.get(gate.scope, 0.0))
