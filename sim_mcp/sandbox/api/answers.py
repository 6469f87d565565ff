"""Responses: several backends behind one gateway, each with its own dates, errors and empty bodies."""

import json
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from pydantic import TypeAdapter

Headers = list[tuple[str, str]]


class Backend(Enum):
    """Tell emnify's backends apart by what they leave in the headers."""

    SCALA = "SIMs, devices as they are changed"
    PHP = "batches, usage, quotas, connectivity"
    EXPRESS = "tokens, operations"
    DEVICES = "devices as they are read"
    EVENTS = "events"
    GATEWAY = "the gateway in front of all"


_LISTS = TypeAdapter(list[Any])


@dataclass(frozen=True)
class Answer:
    """A response before the headers of its backend are added."""

    status: int
    body: bytes
    backend: Backend
    headers: Headers = field(default_factory=list)
    content_type: str | None = None

    def with_headers(self, *headers: tuple[str, str]) -> "Answer":
        """Return the answer with more headers."""
        return replace(self, headers=[*self.headers, *headers])


class Refusal(Exception):  # noqa: N818  # it carries an answer, which may well be what was wanted
    """End the handling of a request with a response."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def scala(value: object, status: int = 200) -> Answer:
    """Answer as the backend of SIMs does."""
    # The same bytes as json.dumps in a sixth of the time, which matters at ten pages of 2,500 SIMs a second.
    body = _LISTS.dump_json(value) if isinstance(value, list) else _compact(value)
    return Answer(status, body, Backend.SCALA)


def express(value: object, status: int = 200, *, backend: Backend = Backend.EXPRESS) -> Answer:
    """Answer as one of the newer backends does: tokens, devices, events."""
    return Answer(status, _compact(value), backend)


def php(value: object, status: int = 200) -> Answer:
    """Answer as the oldest backend does: ASCII only, slashes escaped."""
    text = json.dumps(value, separators=(",", ":")).replace("/", "\\/")
    return Answer(status, text.encode(), Backend.PHP)


def nothing(backend: Backend, status: int = 204) -> Answer:
    """Answer with an empty body."""
    return Answer(status, b"", backend)


def gateway(status: int, message: str, error_type: str) -> Answer:
    """Answer as the gateway in front of all backends does."""
    return Answer(status, _compact({"message": message}), Backend.GATEWAY, [("x-amzn-ErrorType", error_type)])


def error(
    status: int,
    code: int,
    token: str,
    message: str,
    *,
    errors: list[dict[str, object]] | None = None,
    backend: Backend = Backend.SCALA,
) -> Answer:
    """Answer with an error object (emnify docs: errors)."""
    body: dict[str, object] = {"error_code": code, "error_token": token, "message": message}
    if errors:
        body["errors"] = errors
    return Answer(status, _compact(body), backend)


def forbidden() -> Answer:
    """Answer that the role does not allow it (emnify docs: errors)."""
    return error(
        403,
        1104,
        "Forbidden",
        "You do not have the necessary permissions to access this entry point. Please contact your administrator.",
    )


def not_allowed(choice: str, message: str) -> Answer:
    """Answer that a rule forbids it, with the status that the setting of that unknown says."""
    if choice == "400":
        return error(400, 1000, "BadRequest", message)
    return error(409 if choice == "409" else 422, 1406, "NotAllowed", message)


def _compact(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
