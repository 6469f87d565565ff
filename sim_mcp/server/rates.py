"""How many calls each of those who sign in may make, so that one program in a loop does not use up what all share."""

import math
import time
from collections.abc import Callable

from sim_mcp.principal import Principal

_MINUTE_S = 60.0
_KEPT = 1000
"""Principals that are remembered before those are forgotten who used nothing of late."""


class TooManyCallsError(Exception):
    """One caller made too many calls; the message says when the next may come."""


class CallRates:
    """Let each principal make so many calls at once, and as many again within each minute.

    Only the moment is kept at which all that a principal used is free again (GCRA).
    """

    def __init__(self, per_minute: int, now_s: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._now_s = now_s
        self._free_at: dict[str, float] = {}

    def take(self, who: Principal) -> None:
        """Count one call.

        Raises:
            TooManyCallsError: It is one too many, and was not counted.
        """
        if not who.signed_in:
            return
        now, each_s = self._now_s(), _MINUTE_S / self._per_minute
        free_at = max(self._free_at.get(who.key, now), now) + each_s
        if (wait_s := free_at - now - _MINUTE_S) > 1e-6:  # noqa: PLR2004  # what adding up leaves over.
            raise TooManyCallsError(
                f"{who.name} made {self._per_minute} calls within a minute, and no more are allowed "
                "(SIM_MCP_MAX_CALLS_PER_MINUTE). Nothing was sent, nothing changed. "
                f"Try again in {math.ceil(wait_s)} s."
            )
        if len(self._free_at) >= _KEPT:
            self._free_at = {key: at for key, at in self._free_at.items() if at > now}
        self._free_at[who.key] = free_at
