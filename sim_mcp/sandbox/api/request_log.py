"""The log of API requests (`GET /sandbox/requests`), for tests and demonstrations; secrets are masked."""

import json
from collections import deque

_KEPT = 20_000
_SECRETS = ("application_token", "password", "refresh_token", "auth_token")


class RequestLog:
    """Keep the newest requests."""

    def __init__(self) -> None:
        self._entries: deque[dict[str, object]] = deque(maxlen=_KEPT)
        self.counted = 0

    def open(self, time: str, method: str, path: str, query: str, body: bytes) -> dict[str, object]:
        """Add a request; its status is filled in later, and stays None if it got no response."""
        self.counted += 1
        entry: dict[str, object] = {
            "n": self.counted,
            "time": time,
            "method": method,
            "path": path,
            "query": query,
            "body": _masked(body),
            "status": None,
        }
        self._entries.append(entry)
        return entry

    def since(self, number: int) -> list[dict[str, object]]:
        """Return the requests after a number."""
        return [entry for entry in self._entries if int(str(entry["n"])) > number]

    def clear(self) -> None:
        """Remove all requests; numbering continues."""
        self._entries.clear()


def _masked(body: bytes) -> object:
    if not body:
        return None
    try:
        value: object = json.loads(body)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return f"({len(body)} bytes that are no JSON)"
    if isinstance(value, dict):
        return {key: "***" if key in _SECRETS else inner for key, inner in value.items()}
    return value
