"""emnify's clock, as far as its answers tell: its time now, and how long it asks to wait."""

import email.utils
import time
from collections.abc import Callable
from datetime import MAXYEAR, UTC, datetime, timedelta

from sim_mcp.formatting import as_utc

_LONGEST_WAIT_S = 3600.0


def _own_time() -> datetime:
    return datetime.now(UTC)


class UpstreamClock:
    """Tell emnify's time: the `Date` of its newest answer, running on with this machine's monotonic clock."""

    def __init__(
        self, own_time: Callable[[], datetime] = _own_time, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._own_time = own_time
        self._monotonic = monotonic
        self._said: datetime | None = None
        self._said_at = 0.0

    def read(self, date_header: str) -> None:
        """Set the clock by a `Date` header; one that cannot be read changes nothing."""
        said = _http_date(date_header)
        if said is not None:
            self._said, self._said_at = said, self._monotonic()

    def now(self) -> datetime:
        """Return emnify's time; before its first answer, this machine's."""
        if self._said is None:
            return self._own_time()
        return self._said + timedelta(seconds=self._monotonic() - self._said_at)

    def wait_s(self, retry_after: str) -> float | None:
        """Return the seconds a `Retry-After` header asks for, at most an hour; None where it says nothing."""
        said = retry_after.strip()
        if said.isdecimal():
            return min(float(said), _LONGEST_WAIT_S)
        until = _http_date(said)
        if until is None:
            return None
        return min(max(0.0, (until - self.now()).total_seconds()), _LONGEST_WAIT_S)


def _http_date(text: str) -> datetime | None:
    try:
        # "-0000" and a missing zone both mean UTC in HTTP, and come without one.
        moment = as_utc(email.utils.parsedate_to_datetime(text))
    except (ValueError, TypeError, OverflowError):
        return None
    # Time runs on from there, and Python's ends with the year 9999.
    return moment if moment.year < MAXYEAR else None
