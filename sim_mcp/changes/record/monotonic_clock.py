"""A clock that never goes back even if the machine's does, so that what has lapsed stays lapsed."""

from collections.abc import Callable
from datetime import datetime, timedelta


class MonotonicClock:
    """Give the machine's time, or where that went back, the latest time plus what has elapsed since."""

    def __init__(self, now: Callable[[], datetime], elapsed_s: Callable[[], float]) -> None:
        self._now = now
        self._elapsed_s = elapsed_s
        self._latest = now()
        self._latest_at_s = elapsed_s()

    def machine(self) -> datetime:
        """Return the machine's own time, which may have been set back."""
        return self._now()

    def now(self, recorded: datetime | None = None) -> datetime:
        """Return the time, never before an earlier result or `recorded`, the latest time in the record."""
        elapsed_s = self._elapsed_s()
        elapsed = self._latest + timedelta(seconds=elapsed_s - self._latest_at_s)
        self._latest = max(self._now(), elapsed, *([recorded] if recorded else []))
        self._latest_at_s = elapsed_s
        return self._latest
