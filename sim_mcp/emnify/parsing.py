"""Answers of emnify, parsed as records and pages of records; what cannot be read is counted, never fatal."""

from typing import Any, TypeVar

from pydantic import ValidationError

from sim_mcp.emnify.endpoints.pages import Page
from sim_mcp.emnify.errors import UnreadableAnswerError
from sim_mcp.emnify.http.calls import Answer
from sim_mcp.emnify.values import Record

R = TypeVar("R", bound=Record)
T = TypeVar("T")
_MAX_COUNT_DIGITS = 18


def parse_page(model: type[R], answer: Answer, *, page: int, per_page: int) -> Page[R]:
    """Parse one page of a collection, and from the headers where it stands.

    Asked past the end, emnify sends the last page again: here that page comes back empty instead.

    Raises:
        UnreadableAnswerError: The answer is not an array.
    """
    items, unreadable = parse_records(model, answer)
    return _page(answer, items, unreadable, page=page, per_page=per_page)


def parse_raw_page(answer: Answer, *, page: int, per_page: int) -> Page[Any]:
    """Return one page of a collection as `parse_page` does, its records as decoded JSON.

    Raises:
        UnreadableAnswerError: The answer is not an array.
    """
    return _page(answer, parse_array(answer), 0, page=page, per_page=per_page)


def _page(answer: Answer, items: list[T], unreadable: int, *, page: int, per_page: int) -> Page[T]:
    pages = _header(answer, "X-Total-Pages", "X-Pages")
    total = _header(answer, "X-Total-Count", "X-Count")
    # Where emnify cuts a page size to its maximum, only this header says so.
    per_page = _header(answer, "X-Count-Per-Page", "X-Per-Page") or per_page
    sent = _header(answer, "X-Current-Page", "X-Page")
    is_past_the_end = (pages is not None and page > max(pages, 1)) or (sent is not None and sent < page)
    if is_past_the_end:
        items, unreadable = [], 0
    return Page(items=items, page=page, per_page=per_page, total=total, pages=pages, unreadable=unreadable)


def parse_records(model: type[R], answer: Answer) -> tuple[list[R], int]:
    """Parse an array of records; return them and the number that could not be read.

    Raises:
        UnreadableAnswerError: The answer is not an array.
    """
    found: list[R] = []
    unreadable = 0
    for row in parse_array(answer):
        try:
            found.append(model.model_validate(row))
        except ValidationError:
            unreadable += 1
    return found, unreadable


def parse_record(model: type[R], answer: Answer) -> R:
    """Parse an answer that is one record, or an array of one.

    Raises:
        UnreadableAnswerError: The answer is not such a record.
    """
    data = answer.data
    if isinstance(data, list) and len(data) == 1:
        data = data[0]
    try:
        return model.model_validate(data)
    except ValidationError:
        raise UnreadableAnswerError(
            "emnify's answer holds no such record", operation=answer.operation, status=answer.status
        ) from None


def parse_array(answer: Answer) -> list[Any]:
    """Return the items of an answer that is an array.

    Raises:
        UnreadableAnswerError: The answer is not an array.
    """
    if isinstance(answer.data, list):
        return answer.data
    raise UnreadableAnswerError("emnify's answer is not a list", operation=answer.operation, status=answer.status)


def _header(answer: Answer, *names: str) -> int | None:
    for name in names:
        text = answer.headers.get(name, "").strip()
        if text.isdecimal() and len(text) <= _MAX_COUNT_DIGITS:
            return int(text)
    return None
