"""The sandbox's clock, and the four formats in which emnify writes times."""

import threading
import time
from datetime import UTC, datetime
from email.utils import formatdate

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
"""Milliseconds."""


class Clock:
    """A clock in milliseconds since 1970, running from a given start or in real time."""

    def __init__(self, start: datetime | None = None) -> None:
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._start = None if start is None else to_ms(start)
        self._advanced = 0

    def now(self) -> int:
        """Return the current time in milliseconds since 1970."""
        if self._start is None:
            return time.time_ns() // 1_000_000 + self._advanced
        return self._start + int((time.monotonic() - self._began) * SECOND) + self._advanced

    def advance(self, milliseconds: int) -> None:
        """Move the clock forward.

        Raises:
            ValueError: if that would be backwards.
        """
        if milliseconds < 0:
            raise ValueError("a clock only moves forward")
        with self._lock:
            self._advanced += milliseconds


def to_ms(moment: datetime) -> int:
    """Return milliseconds since 1970; a moment without a zone is taken as UTC."""
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(zoned.timestamp()) * SECOND + zoned.microsecond // 1000


def from_ms(at: int) -> datetime:
    """Return the moment in UTC."""
    return datetime.fromtimestamp(at // SECOND, UTC).replace(microsecond=at % SECOND * 1000)


def offset_date(at: int) -> str:
    """Write `2022-03-27T23:20:49.000+0000`, as SIMs and devices do (emnify docs: SIM reference)."""
    return f"{_stem(at)}.000+0000"


def zulu_date(at: int) -> str:
    """Write `2022-03-27T23:20:49.298Z`, as events do (emnify docs: events reference)."""
    return f"{_stem(at)}.{at % SECOND:03d}Z"


def bare_date(at: int) -> str:
    """Write `2021-10-27T08:38:02`, UTC without a zone, as `tunnel_created` does (emnify docs: event types)."""
    return _stem(at)


def http_date(at: int) -> str:
    """Write the format of the HTTP `Date` header."""
    return formatdate(at / SECOND, usegmt=True)


def day_name(day: int) -> str:
    """Write a day, given in days since 1970, as `2026-11-22`."""
    return time.strftime("%Y-%m-%d", time.gmtime(day * 86400))


def _stem(at: int) -> str:
    t = time.gmtime(at // SECOND)
    return f"{t[0]}-{t[1]:02d}-{t[2]:02d}T{t[3]:02d}:{t[4]:02d}:{t[5]:02d}"
