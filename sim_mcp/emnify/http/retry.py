"""Which failures are tried again, and what is known of a call that ran out of time."""

import anyio

from sim_mcp.emnify.errors import (
    ConnectionSettingsError,
    EmnifyError,
    RateLimitedError,
    UnreachableError,
    UnreadableAnswerError,
    UpstreamError,
)

_PASSING = frozenset({502, 503, 504})
_MOST_FAULTS = 5
"""Attempts at a call that keeps failing; 429s do not count, they are waited out."""


class Progress:
    """Remember, over the attempts of one call, what decides about the next."""

    def __init__(self) -> None:
        self.in_flight = False
        self.signed_in_again = False
        self.attempts = 0
        self.last: EmnifyError | None = None
        self._faults = 0

    def retry_in(self, error: Exception) -> bool | float:
        """Tell stamina whether to try again: at once where the pacer does the waiting, else with jitter.

        A failed write reaches this as OutcomeUnknownError, which is never tried again; what does come here of a
        write was refused before it left (no connection) or before it was acted upon (429).
        """
        if isinstance(error, RateLimitedError):
            self.last = error
            left = anyio.current_effective_deadline() - anyio.current_time()
            return False if (error.retry_after_s or 0) > left else 0.0
        if not _passes(error):
            return False
        self.last = error if isinstance(error, EmnifyError) else None
        self._faults += 1
        return self._faults < _MOST_FAULTS


def _passes(error: Exception) -> bool:
    """Tell whether the failure is one that passes by itself."""
    if isinstance(error, UpstreamError):
        return error.status is None or error.status in _PASSING
    if isinstance(error, UnreadableAnswerError):
        # A broken body may come whole next time; a redirect will not become an answer.
        return error.changed == "nothing" and (error.status is None or 200 <= error.status < 300)  # noqa: PLR2004  # HTTP's success.
    # What a setting bars stays barred.
    return isinstance(error, UnreachableError) and not isinstance(error, ConnectionSettingsError)
