"""emnify's time, and how long it asks to wait, from the headers of its answers."""

import email.utils
import time
from collections.abc import Callable
from datetime import MAXYEAR, UTC, datetime, timedelta

from sim_mcp.formatting import as_utc

_MAX_WAIT_S = 3600.0


def _own_time() -> datetime:
    return datetime.now(UTC)


class UpstreamClock:
    """emnify's clock: the `Date` of its newest answer, continued by this machine's monotonic clock."""

    def __init__(
        self, own_time: Callable[[], datetime] = _own_time, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._own_time = own_time
        self._monotonic = monotonic
        self._date: datetime | None = None
        self._answered_at = 0.0

    def read(self, date_header: str) -> None:
        """Set the clock by a `Date` header; one that cannot be read is ignored."""
        date = _http_date(date_header)
        if date is not None:
            self._date, self._answered_at = date, self._monotonic()

    def now(self) -> datetime:
        """Return emnify's time; before its first answer, this machine's."""
        if self._date is None:
            return self._own_time()
        return self._date + timedelta(seconds=self._monotonic() - self._answered_at)

    def wait_s(self, retry_after: str) -> float | None:
        """Return the seconds that `Retry-After` asks to wait, at most an hour; None where it cannot be read."""
        value = retry_after.strip()
        if value.isdecimal():
            return min(float(value), _MAX_WAIT_S)
        until = _http_date(value)
        if until is None:
            return None
        return min(max(0.0, (until - self.now()).total_seconds()), _MAX_WAIT_S)


def _http_date(text: str) -> datetime | None:
    try:
        # "-0000" and a missing zone both mean UTC in HTTP, and come without one.
        moment = as_utc(email.utils.parsedate_to_datetime(text))
    except (ValueError, TypeError, OverflowError):
        return None
    # The clock continues from there, and datetime ends with the year 9999.
    return moment if moment.year < MAXYEAR else None
