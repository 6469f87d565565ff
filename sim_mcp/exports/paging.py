"""A collection that changes while it is read: each row once, and none lost because rows before it went away."""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import anyio
from anyio.abc import TaskGroup

from sim_mcp.emnify import EmnifyError, Event, Page, Sim
from sim_mcp.exports.rows import SimRow

AHEAD = 10
"""Pages under way: at emnify's ten a second, enough for answers that take a second each."""

_STEPS_BACK = 5
"""Times in a row that a page is gone back from before it is taken as it is, for a count that is never right."""

_REMEMBERED = 15
"""Pages whose ids are kept: rows move by a few places, not across the fleet, and memory has to stay flat."""


T = TypeVar("T")
Found = TypeVar("Found", Sim, SimRow, Event)


async def every_row(read: Callable[[int], Awaitable[Page[Found]]]) -> AsyncIterator[tuple[list[Found], Page[Found]]]:
    """Yield what is new on each page, and the page, in order.

    A total that fell tells that rows went away and those behind them moved to pages already read. Then the page before
    is read again, until one overlaps what is known, which proves that nothing is missing in between. Rows that come
    while others go hide each other in the total (emnify docs: collections; there is no way to ask for what follows an
    id), so within one such moment a row may be missed.

    Raises:
        EmnifyError: emnify could not be asked.
    """
    seen, number, last, total, stuck, gap = _Seen(), 1, 1, None, 0, False
    while number <= last:
        page = await read(number)
        fell = total is not None and page.total is not None and page.total < total
        total = page.total if page.total is not None else total
        known = seen.among(page.items)
        # Until a page overlaps, also where the total stays: rows that came since may hide those that went.
        gap = (gap or fell) and not known
        if gap and number > 1 and stuck < _STEPS_BACK:
            number, stuck = number - 1, stuck + 1
            continue
        fresh = [row for row in page.items if row.id not in known]
        seen.note(fresh)
        last = _last(page, number, more=bool(fresh))
        number, stuck, gap = number + 1, 0 if fresh else stuck, False
        yield fresh, page


class ReadAhead(Generic[Found]):
    """Read the pages that follow while one is worked on, in a task group that ends with whoever asks."""

    def __init__(self, read: Callable[[int], Awaitable[Page[Found]]], group: TaskGroup) -> None:
        self._read: Callable[[int], Awaitable[Page[Found]]] = read
        self._group = group
        self._coming: dict[int, _Coming[Found]] = {}
        self._at, self._last = 0, 1

    async def __call__(self, number: int) -> Page[Found]:
        """Return a page.

        Raises:
            EmnifyError: It could not be read.
        """
        if number <= self._at:
            # What follows was read on the other side of what made the reader go back.
            for coming in self._coming.values():
                coming.scope.cancel()
            self._coming.clear()
        self._at = number
        for at in range(number, max(number, min(number + AHEAD - 1, self._last)) + 1):
            if at not in self._coming:
                self._coming[at] = _Coming()
                self._group.start_soon(self._fetch, at, self._coming[at])
        coming = self._coming.pop(number)
        await coming.over.wait()
        if coming.page is None:
            raise coming.error or EmnifyError(f"page {number} was given up")
        self._last = _last(coming.page, number, more=False)
        return coming.page

    async def _fetch(self, number: int, coming: "_Coming[Found]") -> None:
        try:
            with coming.scope:
                coming.page = await self._read(number)
        except EmnifyError as error:
            coming.error = error
        finally:
            coming.over.set()


async def at_once(jobs: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """Do several things together and return what each came to, in order.

    Raises:
        EmnifyError: The first in order that failed did so for this reason; the others are over as well.
    """
    results: list[T | EmnifyError | None] = [None] * len(jobs)

    async def do(at: int) -> None:
        try:
            results[at] = await jobs[at]()
        except EmnifyError as error:
            results[at] = error
            group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for at in range(len(jobs)):
            group.start_soon(do, at)
    failed = next((result for result in results if isinstance(result, EmnifyError)), None)
    if failed is not None:
        raise failed
    return [result for result in results if not isinstance(result, EmnifyError | None)]


async def take_each(read_in: Callable[[TaskGroup], AsyncGenerator[T]], take: Callable[[T], Awaitable[None]]) -> None:
    """Take one batch after another, the next being read meanwhile: emnify and the disk need not wait for each other.

    What is read may be read ahead in the task group, which ends with this.

    Raises:
        Exception: What ended it first, in order of the batches: reading, or taking.
    """
    failed: list[Exception] = []
    put, get = anyio.create_memory_object_stream[T](1)

    async def read() -> None:
        async with put, aclosing(read_in(group)) as batches:
            try:
                async for batch in batches:
                    await put.send(batch)
            except Exception as failure:  # noqa: BLE001  # raised below, once what was read before is taken.
                failed.append(failure)

    async with anyio.create_task_group() as group, get:
        group.start_soon(read)
        try:
            async for batch in get:
                await take(batch)
        except Exception as failure:  # noqa: BLE001  # raised below: a task group would wrap it.
            failed.insert(0, failure)
        # What is still being read ahead nobody will ask for.
        group.cancel_scope.cancel()
    if failed:
        raise failed[0]


@dataclass(eq=False)
class _Coming(Generic[Found]):
    """A page under way."""

    page: Page[Found] | None = None
    error: EmnifyError | None = None
    over: anyio.Event = field(default_factory=anyio.Event)
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)


class _Seen:
    """Know the ids of the pages read last."""

    def __init__(self) -> None:
        self._pages: deque[frozenset[int]] = deque(maxlen=_REMEMBERED)

    def among(self, rows: Sequence[Sim | SimRow | Event]) -> set[int]:
        ids = {row.id for row in rows}
        return {row_id for page in self._pages for row_id in ids & page}

    def note(self, rows: Sequence[Sim | SimRow | Event]) -> None:
        self._pages.append(frozenset(row.id for row in rows))


def _last(page: Page[Found], number: int, *, more: bool) -> int:
    """Return the number of the last page; where no header tells, a page that adds nothing is the last."""
    if page.last_page is not None:
        return page.last_page
    return number + 1 if more else number
