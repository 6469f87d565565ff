"""Pages of a collection: their largest sizes, where one stands, and how to read them all (emnify docs: collections)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

MAX_SIMS_PER_PAGE = 2500
"""Of GET /api/v1/sim; emnify cuts a larger size to it."""

MAX_DEVICES_PER_PAGE = 1000
"""Of GET /api/v1/endpoint."""

MAX_EVENTS_PER_PAGE = 1000
"""Of GET /api/v1/sim/{id}/event. Not documented: where emnify refuses it, `EventPages` falls back."""

SAFE_EVENTS_PER_PAGE = 100
"""The size of a page of events where none is asked for, so that emnify takes it anywhere."""

T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """Hold one page of a collection, and where it stands, as far as emnify's headers say."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    items: list[T]
    page: int
    per_page: int
    total: int | None = None
    pages: int | None = None
    unreadable: int = 0
    """Number of records of this page that could not be read."""

    @property
    def last_page(self) -> int | None:
        """Return the number of the last page, or None where no header tells; 0 or 1 where there is only this one."""
        if self.pages is not None:
            return self.pages
        return None if self.total is None else -(-self.total // self.per_page)

    @property
    def has_next(self) -> bool:
        """Tell whether another page follows; without headers, whether this one is full."""
        if self.last_page is not None:
            return self.page < self.last_page
        return len(self.items) + self.unreadable >= self.per_page


async def iter_pages(read: Callable[[int], Awaitable[Page[T]]]) -> AsyncIterator[Page[T]]:
    """Yield every page of a collection in order, from the first on.

    Asked past the end, emnify repeats the last page. Without headers that say where the end is, only a page that is
    empty or repeats the one before shows it: a short page may have been cut.

    Args:
        read: reads the page of a number; what it raises ends the iteration.
    """
    number, previous = 1, None
    while True:
        page = await read(number)
        ids = [_id_of(item) for item in page.items]
        is_empty = not page.items and not page.unreadable
        headers_tell = page.last_page is not None
        if not headers_tell and number > 1 and (is_empty or ids == previous):
            return
        yield page
        if is_empty or (headers_tell and not page.has_next):
            return
        number, previous = number + 1, ids


def _id_of(item: Any) -> Any:
    """Return the id of a record, or of an object as emnify sent it; anything else stands for itself."""
    if isinstance(item, dict):
        return item.get("id")
    return getattr(item, "id", item)
