"""How many calls each of those who sign in may make, so that one program in a loop does not use up what all share."""

import hashlib
import math
import time
from collections.abc import Callable
from typing import Protocol

from sim_mcp.emnify.limits.shared_limits import LimitsAwayError
from sim_mcp.principal import Principal

_MINUTE_S = 60.0
_KEPT = 1000
"""Principals that are remembered before those are forgotten who used nothing of late."""


class TooManyCallsError(Exception):
    """One caller made too many calls; the message says when the next may come."""


class CallStore(Protocol):
    """Where the calls of all servers are counted."""

    @property
    def together(self) -> int:
        """Return how many servers share the limits, as far as was heard."""

    async def take_call(self, caller: str, per_minute: int) -> float:
        """Count one call in one atomic step; return 0, or in how many seconds there would be room for it.

        Raises:
            LimitsAwayError: The store cannot be reached.
        """


class CallRates:
    """Let each principal make so many calls at once, and as many again within each minute, over all servers.

    Only the moment is kept at which all that a principal used is free again (GCRA).
    """

    def __init__(self, per_minute: int, now_s: Callable[[], float] = time.monotonic) -> None:
        self.store: CallStore | None = None
        """What servers share; while it is away, each gives its part."""
        self._per_minute = per_minute
        self._now_s = now_s
        self._free_at: dict[str, float] = {}

    async def take(self, who: Principal) -> None:
        """Count one call.

        Raises:
            TooManyCallsError: It is one too many, and was not counted.
        """
        if not who.signed_in:
            return
        if (wait_s := await self._wait_s(who)) > 0:
            raise TooManyCallsError(
                f"{who.name} made {self._per_minute} calls within a minute, and no more are allowed "
                "(SIM_MCP_MAX_CALLS_PER_MINUTE). Nothing was sent, nothing changed. "
                f"Try again in {math.ceil(wait_s)} s."
            )

    async def _wait_s(self, who: Principal) -> float:
        if self.store is None:
            return self._own_wait_s(who.key, self._per_minute)
        try:
            # Who it is, is nobody's business where it is counted.
            return await self.store.take_call(hashlib.sha256(who.key.encode()).hexdigest(), self._per_minute)
        except LimitsAwayError:
            return self._own_wait_s(who.key, max(1, self._per_minute // self.store.together))

    def _own_wait_s(self, key: str, per_minute: int) -> float:
        now, each_s = self._now_s(), _MINUTE_S / per_minute
        free_at = max(self._free_at.get(key, now), now) + each_s
        if (wait_s := free_at - now - _MINUTE_S) > 1e-6:  # noqa: PLR2004  # what adding up leaves over.
            return wait_s
        if len(self._free_at) >= _KEPT:
            self._free_at = {key: at for key, at in self._free_at.items() if at > now}
        self._free_at[key] = free_at
        return 0.0
