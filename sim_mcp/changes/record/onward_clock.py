"""A clock that never goes back, though the machine's may: what has lapsed stays lapsed, and nobody gains time."""

from collections.abc import Callable
from datetime import datetime, timedelta


class OnwardClock:
    """Tell the machine's time, or where that went back, the time that has passed all the same."""

    def __init__(self, now: Callable[[], datetime], elapsed_s: Callable[[], float]) -> None:
        self._now = now
        self._elapsed_s = elapsed_s
        self._latest = now()
        self._latest_at_s = elapsed_s()

    def machine(self) -> datetime:
        """Return the machine's own time, right or wrong."""
        return self._now()

    def now(self, recorded: datetime | None = None) -> datetime:
        """Return a moment not before any it told, nor before the one that was recorded last."""
        elapsed_s = self._elapsed_s()
        onward = self._latest + timedelta(seconds=elapsed_s - self._latest_at_s)
        self._latest = max(self._now(), onward, *([recorded] if recorded else []))
        self._latest_at_s = elapsed_s
        return self._latest
