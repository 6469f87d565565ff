"""The exceptions of the client.

EmnifyError                     any of those below; `changed` says whether something may have changed
├── InvalidValueError           a value that cannot be sent; nothing was sent
├── AuthenticationError         401: the token is wrong, expired, revoked or locked out
├── ForbiddenError              403: the token's role lacks the right
├── NotFoundError               404: there is no such object, or not in this workspace
├── ConflictError               409: the object's state forbids it
├── RuleError                   400, 422: one of emnify's rules forbids it
├── RateLimitedError            429: too many requests, after waiting as long as there was time
├── UpstreamError               5xx, or the connection broke while reading
├── UnreadableAnswerError       the answer is not what the operation is documented to return
├── UnreachableError            no connection could be made
│   └── ConnectionSettingsError     because of a proxy or certificate setting
├── DeadlineExceededError       the caller's time ran out first
└── OutcomeUnknownError         a write was sent and no answer came
"""

from typing import Literal

Changed = Literal["nothing", "unknown"]


class EmnifyError(Exception):
    """A call to emnify failed: with which operation, why, and whether anything may have changed."""

    def __init__(
        self,
        message: str,
        *,
        operation: str | None = None,
        status: int | None = None,
        code: int | None = None,
        token: str | None = None,
        upstream_message: str | None = None,
        changed: Changed = "nothing",
    ) -> None:
        super().__init__(message)
        self.operation = operation
        self.status = status
        self.code = code
        self.token = token
        self.upstream_message = upstream_message
        self.changed: Changed = changed
        self.request_id: str | None = None
        """emnify's own id of the request, where it answered."""


class InvalidValueError(EmnifyError, ValueError):
    """A value cannot be sent as it is; nothing was sent."""


class AuthenticationError(EmnifyError):
    """emnify does not accept the token (401)."""


class ForbiddenError(EmnifyError):
    """The token's role lacks the right (403)."""


class NotFoundError(EmnifyError):
    """There is no such object in this workspace (404)."""


class ConflictError(EmnifyError):
    """The object's present state forbids it (409)."""


class RuleError(EmnifyError):
    """One of emnify's rules forbids it (400 or 422)."""


class RateLimitedError(EmnifyError):
    """Too many requests (429); `retry_after_s` says when to try again, where it is known."""

    def __init__(self, message: str, *, retry_after_s: float | None = None, operation: str | None = None) -> None:
        super().__init__(message, operation=operation, status=429)
        self.retry_after_s = retry_after_s


class UpstreamError(EmnifyError):
    """emnify failed (5xx)."""


class UnreadableAnswerError(EmnifyError):
    """The answer is not what the operation is documented to return."""


class UnreachableError(EmnifyError):
    """No connection could be made; nothing was sent."""


class ConnectionSettingsError(UnreachableError):
    """A proxy or certificate setting of this machine prevents the connection; the message says what to do."""


class DeadlineExceededError(EmnifyError):
    """The caller's time ran out before an answer came."""


class OutcomeUnknownError(EmnifyError):
    """A write was sent and no answer came: it may have happened."""

    def __init__(self, message: str, *, operation: str | None = None, status: int | None = None) -> None:
        super().__init__(message, operation=operation, status=status, changed="unknown")
