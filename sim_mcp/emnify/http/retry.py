"""Which failures are retried, and what is known of a call that ran out of time."""

import anyio

from sim_mcp.emnify.errors import (
    ConnectionSettingsError,
    EmnifyError,
    RateLimitedError,
    UnreachableError,
    UnreadableAnswerError,
    UpstreamError,
)

_TRANSIENT_STATUSES = frozenset({502, 503, 504})
_MAX_FAILURES = 5
"""Attempts at a call that keeps failing; 429s do not count, as the pacer waits for them."""


class Progress:
    """The state of one call over its attempts."""

    def __init__(self) -> None:
        self.in_flight = False
        self.signed_in_again = False
        self.attempts = 0
        self.last: EmnifyError | None = None
        self._failures = 0

    def retry_in(self, error: Exception) -> bool | float:
        """Tell stamina whether to retry: at once where the pacer does the waiting, else with jitter.

        A write whose outcome is unknown is an OutcomeUnknownError, which is never retried. Other failures of a write
        are from before it was sent (no connection) or acted upon (429).
        """
        if isinstance(error, RateLimitedError):
            self.last = error
            left = anyio.current_effective_deadline() - anyio.current_time()
            return False if (error.retry_after_s or 0) > left else 0.0
        if not _is_transient(error):
            return False
        self.last = error if isinstance(error, EmnifyError) else None
        self._failures += 1
        return self._failures < _MAX_FAILURES


def _is_transient(error: Exception) -> bool:
    """Tell whether a failure is likely to pass by itself."""
    if isinstance(error, UpstreamError):
        return error.status is None or error.status in _TRANSIENT_STATUSES
    if isinstance(error, UnreadableAnswerError):
        # A broken body may be complete next time; a redirect will stay one.
        return error.changed == "nothing" and (error.status is None or 200 <= error.status < 300)  # noqa: PLR2004  # HTTP's success.
    # A setting stays as it is until the server is restarted.
    return isinstance(error, UnreachableError) and not isinstance(error, ConnectionSettingsError)
