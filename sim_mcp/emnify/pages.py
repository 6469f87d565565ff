"""emnify's answers as records and pages of records: what cannot be read is counted, never fatal."""

from typing import Any, TypeVar

from pydantic import ValidationError

from sim_mcp.emnify.errors import UnreadableAnswerError
from sim_mcp.emnify.http.calls import Answer
from sim_mcp.emnify.models import Page
from sim_mcp.emnify.values import Record

R = TypeVar("R", bound=Record)
T = TypeVar("T")
_LONGEST_COUNT = 18


def page_of(model: type[R], answer: Answer, *, page: int, per_page: int) -> Page[R]:
    """Read one page of a collection, and where it stands from the headers, as far as they are there.

    Asked past the end, emnify sends the last page again: that page comes back empty instead.

    Raises:
        UnreadableAnswerError: The answer is not an array.
    """
    items, unreadable = read_rows(model, answer)
    return _placed(answer, items, unreadable, page=page, per_page=per_page)


def raw_page_of(answer: Answer, *, page: int, per_page: int) -> Page[Any]:
    """Return one page of a collection as `page_of` does, its records as they came.

    Raises:
        UnreadableAnswerError: The answer is not an array.
    """
    return _placed(answer, array(answer), 0, page=page, per_page=per_page)


def _placed(answer: Answer, items: list[T], unreadable: int, *, page: int, per_page: int) -> Page[T]:
    pages = _header(answer, "X-Total-Pages", "X-Pages")
    total = _header(answer, "X-Total-Count", "X-Count")
    # A size beyond emnify's largest is cut to it without a word but this header.
    per_page = _header(answer, "X-Count-Per-Page", "X-Per-Page") or per_page
    sent = _header(answer, "X-Current-Page", "X-Page")
    if (pages is not None and page > max(pages, 1)) or (sent is not None and sent < page):
        items, unreadable = [], 0
    return Page(items=items, page=page, per_page=per_page, total=total, pages=pages, unreadable=unreadable)


def read_rows(model: type[R], answer: Answer) -> tuple[list[R], int]:
    """Read an array of records; return them and the number that could not be read.

    Raises:
        UnreadableAnswerError: The answer is not an array.
    """
    found: list[R] = []
    unreadable = 0
    for row in array(answer):
        try:
            found.append(model.model_validate(row))
        except ValidationError:
            unreadable += 1
    return found, unreadable


def read_one(model: type[R], answer: Answer) -> R:
    """Read an answer that is one record; an array of one is taken for it.

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
            "emnify's answer holds no such record",
            operation=answer.operation,
            status=answer.status,
            changed="nothing" if answer.operation.startswith("GET ") else "unknown",
        ) from None


def array(answer: Answer) -> list[Any]:
    """Return the rows of an answer.

    Raises:
        UnreadableAnswerError: The answer is not an array.
    """
    if isinstance(answer.data, list):
        return answer.data
    raise UnreadableAnswerError("emnify's answer is not a list", operation=answer.operation, status=answer.status)


def _header(answer: Answer, *names: str) -> int | None:
    for name in names:
        said = answer.headers.get(name, "").strip()
        if said.isdecimal() and len(said) <= _LONGEST_COUNT:
            return int(said)
    return None
