"""Read a collection that changes meanwhile: each row once, and none lost because rows before it went away."""

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
"""Pages under way: enough for ten a second, which emnify allows, where each takes a second."""

_MAX_STEPS_BACK = 5
"""Steps back in a row before a page is accepted as it is, for a total that is never right."""

_REMEMBERED_PAGES = 15
"""Pages whose ids are kept: rows move by a few places, not across the fleet, and memory must not grow."""


T = TypeVar("T")
Found = TypeVar("Found", Sim, SimRow, Event)


async def every_row(read: Callable[[int], Awaitable[Page[Found]]]) -> AsyncIterator[tuple[list[Found], Page[Found]]]:
    """Yield the new rows of each page, and the page, in order.

    A smaller total means that rows went away, and that those behind them moved to pages already read. Then the page
    before is read again, until one overlaps with what is known, which proves that nothing is missing in between. Rows
    that come while others go leave the total as it was (emnify docs: collections; one cannot ask for what follows an
    id), so such a row may be missed.

    Raises:
        EmnifyError: emnify could not be asked.
    """
    seen, number, last, total, stuck, gap = _Seen(), 1, 1, None, 0, False
    while number <= last:
        page = await read(number)
        fell = total is not None and page.total is not None and page.total < total
        total = page.total if page.total is not None else total
        known = seen.known_ids(page.items)
        # Until a page overlaps, even where the total is unchanged: rows that came may make up for those that went.
        gap = (gap or fell) and not known
        if gap and number > 1 and stuck < _MAX_STEPS_BACK:
            number, stuck = number - 1, stuck + 1
            continue
        fresh = [row for row in page.items if row.id not in known]
        seen.add(fresh)
        last = _last(page, number, more=bool(fresh))
        number, stuck, gap = number + 1, 0 if fresh else stuck, False
        yield fresh, page


class ReadAhead(Generic[Found]):
    """Read the next pages while one is being processed, in a task group that the caller ends."""

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
            # The pages ahead were read before the change that made the caller go back.
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
            raise coming.error or EmnifyError(f"page {number} was cancelled")
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


async def gather(jobs: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """Run several jobs concurrently and return their results, in order.

    Raises:
        EmnifyError: The failure of the first job, in order, that failed; the others are cancelled.
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


async def consume(produce: Callable[[TaskGroup], AsyncGenerator[T]], take: Callable[[T], Awaitable[None]]) -> None:
    """Take one batch after another while the next is being read: emnify and the disk need not wait for each other.

    Args:
        produce: yields the batches; it may read ahead in the task group, which ends with this call.
        take: processes one batch.

    Raises:
        Exception: The first failure, in order of the batches, of reading or of processing.
    """
    failed: list[Exception] = []
    put, get = anyio.create_memory_object_stream[T](1)

    async def read() -> None:
        async with put, aclosing(produce(group)) as batches:
            try:
                async for batch in batches:
                    await put.send(batch)
            except Exception as failure:  # noqa: BLE001  # raised below, after the batches read before it were processed.
                failed.append(failure)

    async with anyio.create_task_group() as group, get:
        group.start_soon(read)
        try:
            async for batch in get:
                await take(batch)
        except Exception as failure:  # noqa: BLE001  # raised below: a task group would wrap it.
            failed.insert(0, failure)
        # Nobody will ask for what is still being read ahead.
        group.cancel_scope.cancel()
    if failed:
        raise failed[0]


@dataclass(eq=False)
class _Coming(Generic[Found]):
    """A page that is being read."""

    page: Page[Found] | None = None
    error: EmnifyError | None = None
    over: anyio.Event = field(default_factory=anyio.Event)
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)


class _Seen:
    """Remember the ids of the last pages."""

    def __init__(self) -> None:
        self._pages: deque[frozenset[int]] = deque(maxlen=_REMEMBERED_PAGES)

    def known_ids(self, rows: Sequence[Sim | SimRow | Event]) -> set[int]:
        ids = {row.id for row in rows}
        return {row_id for page in self._pages for row_id in ids & page}

    def add(self, rows: Sequence[Sim | SimRow | Event]) -> None:
        self._pages.append(frozenset(row.id for row in rows))


def _last(page: Page[Found], number: int, *, more: bool) -> int:
    """Return the number of the last page; where no header tells, a page that adds nothing is the last."""
    if page.last_page is not None:
        return page.last_page
    return number + 1 if more else number
