"""Emnify's limits, shared by servers that ask for one workspace or from one address: a slot is reserved before sending.

Each server paces itself too; a slot among all comes last. What is in the background takes one only when it is free just
then, on whichever server it works; what somebody waits for may book one ahead. Where what the servers share is away,
each keeps to its part of the limits by itself, and says so.
"""

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from sim_mcp.emnify.limits.asking import asking_now
from sim_mcp.emnify.limits.budget import Claim, Grant, OwnBudget, claim_of, full_for, sparing_for
from sim_mcp.emnify.limits.rate_limit import AUTHENTICATE, Limits, Rate, Window

log = logging.getLogger(__name__)

_MARGIN = 0.99
"""The share of a rate that is used; the rest absorbs clocks that run differently."""

_ADDRESS = "address"
_NEVER = -1.0
"""No slot is as near: none is taken, and when one would be is told."""

_BOOKS_AHEAD_S = 1.0
"""How far ahead somebody who is waited for may book a slot."""

_GIVES_WAY_S = 0.05
"""What is in the background takes a slot that is free by then, half of the time between two of the slowest limits."""

_TOLD_FOR_S = 60.0
"""How long it counts how much of the window all servers had used."""

_UNLIMITED = Claim("", "change")


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
    asked: float = 0.0
    """How much of the address's window questions and changes of all servers have taken, from 0 to 1."""


class LimitsAwayError(Exception):
    """What the servers share cannot be reached."""


class LimitStore(Protocol):
    """Where the slots of all servers are kept."""

    async def reserve(self, gates: Sequence[Gate], longest_s: float, claim: Claim = _UNLIMITED) -> Slot:
        """Take the next slot that all gates allow, in one atomic step, unless it is further ahead than `longest_s`.

        Of a window, a claim gets no more than its rank may take, and its principal's share.

        Raises:
            LimitsAwayError: The store cannot be reached.
        """

    async def pause(self, scope: str, seconds: float) -> None:
        """Give no slot of a scope for so many seconds.

        Raises:
            LimitsAwayError: The store cannot be reached.
        """


class SharedBudget:
    """Reserve each request of this server a slot among those of all servers, and by its own pace."""

    def __init__(
        self,
        store: LimitStore,
        limits: Limits,
        workspace: str,
        own: OwnBudget,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._limits = limits
        self._workspace = workspace
        self._own = own
        self._clock = clock
        self._part = OwnShare(clock)
        self._not_before: dict[Claim, float] = {}
        """When a claim is told to ask again, for it would have to wait for other servers."""
        self._asked, self._asked_at = 0.0, -_TOLD_FOR_S
        self._together = 1
        self._away = False

    async def reserve(self, claim: Claim, longest_s: float, slowness: float = 1.0) -> Grant:
        """Reserve the next slot, unless it is too far away; then nothing is reserved.

        Args:
            claim: the request.
            longest_s: the longest wait by this server's own pace that is taken, in seconds.
            slowness: how many times as long as published a rate makes the next one of this server wait.
        """
        own_s = self._own.expected_s(claim)
        if own_s > longest_s:
            return Grant(granted=False, wait_s=own_s)
        slot = await self._slot(claim, _GIVES_WAY_S if claim.rank == "background" else _BOOKS_AHEAD_S)
        now = self._clock()
        self._not_before = {each: at for each, at in self._not_before.items() if at > now and each != claim}
        if not slot.granted:
            self._not_before[claim] = now + slot.wait_s
            return Grant(granted=False, wait_s=slot.wait_s)
        own = await self._own.reserve(claim, math.inf, slowness)
        return Grant(granted=True, wait_s=max(own.wait_s, slot.wait_s))

    async def wait_s(self, operation: str) -> float:
        """Return in how many seconds a request of this operation could be sent by who asks; none is."""
        return (await self._slot(claim_of(operation, asking_now()), _NEVER)).wait_s

    def expected_s(self, claim: Claim, ahead: float = 0) -> float:
        """Return in how many seconds a claim would get its slot, with so many ahead of it, as far as known here."""
        return max(self._own.expected_s(claim, ahead), self._held_up_s(claim))

    def forecast_s(self, operation: str, number: int, slowness: float = 1.0) -> float:
        """Return in how many seconds the last of so many background requests may be sent, as far as known here."""
        if number < 1:
            return 0.0
        held_up_s = self._held_up_s(Claim(operation, "background"))
        return held_up_s + self._own.forecast_s(operation, number, slowness)

    def sparing_s(self) -> float:
        """Return for how many seconds an answer should do, by what questions on all servers have used."""
        told = self._asked if self._clock() - self._asked_at < _TOLD_FOR_S else 0.0
        return max(self._own.sparing_s(), sparing_for(told, self._limits.per_address.seconds))

    async def pause(self, seconds: float) -> None:
        """Have every server wait, after emnify asked this one to slow down."""
        try:
            await self._store.pause(self._workspace, seconds)
        except LimitsAwayError as error:
            self._say(error)

    def _held_up_s(self, claim: Claim) -> float:
        """Return for how many seconds other servers hold a claim up; for all operations of a rank without one."""
        if claim.operation:
            until = self._not_before.get(claim, 0.0)
        else:
            until = max((at for each, at in self._not_before.items() if each.rank == claim.rank), default=0.0)
        return max(0.0, until - self._clock())

    async def _slot(self, claim: Claim, longest_s: float) -> Slot:
        gates = self._gates(claim.operation)
        try:
            slot = await self._store.reserve(gates, longest_s, claim)
        except LimitsAwayError as error:
            self._say(error)
            return self._part.reserve(gates, longest_s, self._together, full_for(claim.rank))
        if self._away:
            log.warning("The limits are shared again with the other servers")
        self._away, self._together = False, max(1, slot.together)
        self._asked, self._asked_at = slot.asked, self._clock()
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
        gates = [Gate(self._workspace), Gate(_ADDRESS, 0.0, address.requests, math.ceil(address.seconds))]
        own: Rate | Window | None = self._limits.per_operation.get(operation)
        if operation == AUTHENTICATE:
            own = self._limits.authenticate
        scope = f"{self._workspace} {operation}"
        if isinstance(own, Rate):
            gates.append(Gate(scope, 1 / (own.per_second * _MARGIN)))
        elif own is not None:
            gates.append(Gate(scope, 0.0, own.requests, math.ceil(own.seconds)))
        return gates


class OwnShare:
    """Slots of one server that keeps to its part of the limits by itself."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._next_at: dict[str, float] = {}
        self._sent: dict[str, deque[float]] = {}

    def reserve(self, gates: Sequence[Gate], longest_s: float, servers: int, full: float = 1.0) -> Slot:
        """Take the next slot that this server's part of each gate allows, filled to no more than that."""
        now = self._clock()
        at = max(now, *(self._opens_at(gate, servers, full) for gate in gates))
        if at - now > longest_s:
            return Slot(granted=False, wait_s=at - now, together=servers)
        for gate in gates:
            self._next_at[gate.scope] = at + gate.interval_s * servers
            self._sent.setdefault(gate.scope, deque(maxlen=gate.requests)).append(at)
        return Slot(granted=True, wait_s=at - now, together=servers)

    def _opens_at(self, gate: Gate, servers: int, full: float) -> float:
        sent, part = self._sent.get(gate.scope, ()), max(1, int(gate.requests * full) // servers)
        opens_at = sent[-part] + gate.window_s if gate.requests and len(sent) >= part else 0.0
        return max(opens_at, self._next_at.get(gate.scope, 0.0))
