"""emnify's published rate limits, and from when on they count as spent."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Rate:
    """So many requests a second, and so many at once."""

    per_second: float
    burst: int


@dataclass(frozen=True)
class Window:
    """So many requests within so many seconds."""

    requests: int
    seconds: float


@dataclass(frozen=True)
class Limits:
    """What one workspace may send per operation, and one address in all (emnify docs: rate limits)."""

    per_operation: dict[str, Rate] = field(default_factory=dict)
    per_address: Window = Window(2000, 300.0)
    authenticate: Window = Window(100, 300.0)


PUBLISHED_LIMITS = Limits(
    per_operation={
        "GET /api/v1/sim": Rate(10, 5),
        "GET /api/v1/endpoint": Rate(10, 5),
        "GET /api/v1/organisation/my/stats": Rate(10, 5),
        "GET /api/v1/sim/{id}/stats": Rate(10, 5),
        # No limit is published for this one; emnify asks for 100 ms between calls where none is.
        "GET /api/v1/sim/{id}/stats/daily": Rate(10, 5),
        "GET /api/v1/endpoint/{id}/connectivity_info": Rate(10, 5),
        "GET /api/v1/event": Rate(10, 5),
        "GET /api/v1/endpoint/{id}": Rate(50, 25),
        "GET /api/v1/endpoint/{id}/connectivity": Rate(50, 25),
        "GET /api/v1/sim/{id}": Rate(100, 50),
    },
)
SPENT_FROM_S = 2.0
"""From this wait on the limits count as spent: a caller is better served with what is known, a person with a word."""

AUTHENTICATE = "POST /api/v1/authenticate"
