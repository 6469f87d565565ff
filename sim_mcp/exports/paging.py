"""A collection that changes while it is read: each row once, and none lost because rows before it went away."""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import TypeVar

import anyio

from sim_mcp.emnify import EmnifyError, Event, Page, Sim
from sim_mcp.exports.sims import SimRow

AHEAD = 5
"""Pages asked for together: as many as emnify's limits let through at once."""

_STEPS_BACK = 5
"""Times in a row that a page is gone back from before it is taken as it is, for a count that is never right."""

_REMEMBERED = 3 * AHEAD
"""Pages whose ids are kept: rows move by a few places, not across the fleet, and memory has to stay flat."""


T = TypeVar("T")
Found = TypeVar("Found", Sim, SimRow, Event)


async def every_row(read: Callable[[int], Awaitable[Page[Found]]]) -> AsyncIterator[tuple[list[Found], Page[Found]]]:
    """Yield what is new on each page, and the page, in order, several pages being read together.

    A total that fell tells that rows went away and those behind them moved to pages already read. Then the page before
    is read again, until one overlaps what is known, which proves that nothing is missing in between. Rows that come
    while others go hide each other in the total (emnify docs: collections; there is no way to ask for what follows an
    id), so within one such moment a row may be missed.

    Raises:
        EmnifyError: emnify could not be asked.
    """
    seen, number, last, total, stuck = _Seen(), 1, 1, None, 0
    while number <= last:
        for page in await at_once([_reading(read, at) for at in range(number, min(number + AHEAD, last + 1))]):
            fell = total is not None and page.total is not None and page.total < total
            total = page.total if page.total is not None else total
            known = seen.among(page.items)
            if fell and number > 1 and stuck < _STEPS_BACK and not known:
                number, stuck = number - 1, stuck + 1
                break
            fresh = [row for row in page.items if row.id not in known]
            seen.note(fresh)
            last = _last(page, number, more=bool(fresh))
            number, stuck = number + 1, 0 if fresh else stuck
            yield fresh, page


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


async def take_each(batches: AsyncGenerator[T], take: Callable[[T], Awaitable[None]]) -> None:
    """Take one batch after another, the next being read meanwhile: emnify and the disk need not wait for each other.

    Raises:
        Exception: What ended it first, in order of the batches: reading, or taking.
    """
    failed: list[Exception] = []
    put, get = anyio.create_memory_object_stream[T](1)

    async def read() -> None:
        async with put, aclosing(batches):
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
            group.cancel_scope.cancel()
    if failed:
        raise failed[0]


class _Seen:
    """Know the ids of the pages read last."""

    def __init__(self) -> None:
        self._pages: deque[frozenset[int]] = deque(maxlen=_REMEMBERED)

    def among(self, rows: Sequence[Sim | SimRow | Event]) -> set[int]:
        ids = {row.id for row in rows}
        return {row_id for page in self._pages for row_id in ids & page}

    def note(self, rows: Sequence[Sim | SimRow | Event]) -> None:
        self._pages.append(frozenset(row.id for row in rows))


def _reading(read: Callable[[int], Awaitable[Page[Found]]], number: int) -> Callable[[], Awaitable[Page[Found]]]:
    async def job() -> Page[Found]:
        return await read(number)

    return job


def _last(page: Page[Found], number: int, *, more: bool) -> int:
    """Return the number of the last page, as far as it is told; else a page that adds nothing is it."""
    if page.pages is not None:
        return page.pages
    if page.total is not None:
        return -(-page.total // page.per_page)
    return number + 1 if more else number
