"""A call to emnify and its answer."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode

from sim_mcp.emnify.errors import InvalidValueError
from sim_mcp.emnify.identifiers import Bic

BATCH = "/api/v1/sim_batch/bic/{bic}"
SIMS = "/api/v1/sim"
ON_SIM = "/api/v1/sim/{id}"
A_WHILE_S = 3600.0
"""How long what hardly ever changes is taken as read: statuses, tariffs, contracts."""

_MAX_ID_LENGTH = 64
_REQUEST_ID = re.compile(r"[\w.:=/+-]+", re.ASCII)


@dataclass(frozen=True)
class Call:
    """One operation on one object: its path template, for rate limits and messages, and what to send."""

    method: str
    template: str
    subject: str
    ids: Mapping[str, str | int] | None = None
    params: Mapping[str, str | int] | None = None
    json: Any = field(default=None, repr=False)  # signing in sends a secret.
    on_sent: Callable[[], None] | None = None
    """Called when the call is sent, with each attempt: a sender of many may queue the next one then."""
    lasts_s: float | None = None
    """For how many seconds the answer holds, whatever is written to SIMs; None where it may change at any time."""

    @property
    def operation(self) -> str:
        """Return the method and path template, such as `GET /api/v1/sim/{id}`."""
        return f"{self.method} {self.template}"

    @property
    def writes(self) -> bool:
        """Tell whether the call may change something."""
        return self.method != "GET"

    @property
    def target(self) -> str:
        """Return the encoded path and query."""
        path = self.template.format(**(self.ids or {}))
        query = urlencode({name: value for name, value in (self.params or {}).items() if value != ""})
        return f"{path}?{query}" if query else path


@dataclass(frozen=True)
class Answer:
    """A success: its headers, and `data`, its body's JSON; None where a write's body cannot be read."""

    operation: str
    status: int
    headers: Mapping[str, str]
    data: Any
    body: bytes = field(default=b"", repr=False)
    """What `data` was decoded from."""

    @property
    def request_id(self) -> str | None:
        """Return emnify's own id of the request, by which its support can find it."""
        return request_id(self.headers)


def request_id(headers: Mapping[str, str]) -> str | None:
    """Return emnify's own id of a request, or None where there is none or it has unexpected characters."""
    text = headers.get("x-amzn-RequestId", "")[:_MAX_ID_LENGTH]
    return text if _REQUEST_ID.fullmatch(text) else None


def collection(q: str, sort: str, page: int, per_page: int) -> dict[str, str | int]:
    """Return the parameters of a page of a collection (emnify docs: collections)."""
    return {"q": q, "sort": sort, "page": page, "per_page": per_page}


def check_page(page: int, per_page: int, most: int) -> None:
    """Check a page's number and size.

    Raises:
        InvalidValueError: The number is not positive, or the size not between 1 and `most`.
    """
    if page < 1:
        raise InvalidValueError(f"page {page} does not exist; the first is 1")
    if not 1 <= per_page <= most:
        raise InvalidValueError(f"per_page {per_page} is not between 1 and {most}")


def on_sim(
    method: Literal["GET", "PATCH", "DELETE"],
    suffix: str,
    sim_id: int,
    *,
    params: dict[str, str | int] | None = None,
    json: Any = None,
) -> Call:
    """Return a call about one SIM (/api/v1/sim/{id}).

    Raises:
        InvalidValueError: The id is not positive.
    """
    if sim_id < 1:
        raise InvalidValueError(f"{sim_id} is no SIM id; ids are positive whole numbers")
    return Call(method, f"{ON_SIM}{suffix}", f"SIM with id {sim_id}", {"id": sim_id}, params, json)


def on_device(suffix: str, device_id: int, params: dict[str, str | int] | None = None) -> Call:
    """Return a question about one device (/api/v1/endpoint/{id}).

    Raises:
        InvalidValueError: The id is not positive.
    """
    if device_id < 1:
        raise InvalidValueError(f"{device_id} is no device id; ids are positive whole numbers")
    about = f"device with id {device_id}"
    return Call("GET", f"/api/v1/endpoint/{{id}}{suffix}", about, {"id": device_id}, params=params)


def on_batch(method: Literal["GET", "PATCH"], bic: Bic, json: Any = None) -> Call:
    """Return a call about one batch (/api/v1/sim_batch/bic/{bic})."""
    return Call(method, BATCH, f"batch {bic.display}", {"bic": bic.path_segment}, json=json)
