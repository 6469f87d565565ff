"""The published rate limits: buckets per organisation and path, windows per address (emnify docs: rate limits)."""

import re
import time
from collections import deque

WINDOW_S = 300.0
_PER_ADDRESS = 2_000
_AUTHENTICATIONS = 100
_PATHS = tuple(
    (re.compile(f"/api/v1/{pattern}"), rate, burst)
    for pattern, rate, burst in (
        (r"sim/?", 10, 5),
        (r"endpoint/?", 10, 5),
        (r"sim/[^/]+/stats", 10, 5),
        (r"stats", 10, 5),
        (r"organisation/[^/]+/(stats|billing)", 10, 5),
        (r"endpoint/[^/]+/connectivity_info", 10, 5),
        (r"endpoint/stats", 100, 50),
        (r"endpoint/[^/]+/stats/.+", 100, 50),
        (r"(service|tariff)_profile", 100, 50),
        (r"endpoint/[^/]+(/connectivity)?", 50, 25),
        (r"sim/(?!status$|operation$|multi$|unlinked_product_stats$)[^/]+", 100, 50),
    )
)


class Limits:
    """Count requests against the limits, in real time."""

    def __init__(self, window_s: float = WINDOW_S) -> None:
        """Take the length of the windows; what they allow shrinks with it."""
        self._window_s = window_s
        self._buckets: dict[tuple[int, str], tuple[float, float]] = {}
        self._addresses: dict[tuple[str, str], deque[float]] = {}

    def address_allows(self, address: str, *, authenticating: bool) -> bool:
        """Count one request of an address; False if its five-minute window is used up."""
        return self._window((address, "any"), _PER_ADDRESS) and (
            not authenticating or self._window((address, "authenticate"), _AUTHENTICATIONS)
        )

    def path_allows(self, org: int, method: str, path: str) -> bool:
        """Count one request of an organisation on a path; False if its bucket is empty. Only GET is limited."""
        if method != "GET":
            return True
        for pattern, rate, burst in _PATHS:
            if pattern.fullmatch(path):
                return self._take((org, pattern.pattern), rate, burst)
        return True

    def _take(self, key: tuple[int, str], rate: float, burst: float) -> bool:
        now = time.monotonic()
        level, at = self._buckets.get(key, (burst, now))
        level = min(burst, level + (now - at) * rate)
        self._buckets[key] = (level - 1 if level >= 1 else level, now)
        return level >= 1

    def _window(self, key: tuple[str, str], most: int) -> bool:
        now = time.monotonic()
        seen = self._addresses.setdefault(key, deque())
        while seen and seen[0] <= now - self._window_s:
            seen.popleft()
        if len(seen) >= most * self._window_s / WINDOW_S:
            return False
        seen.append(now)
        return True
