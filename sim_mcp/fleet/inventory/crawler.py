"""Read every SIM of the workspace, page by page, as fast as the published limits allow."""

import time
from datetime import datetime, timedelta
from typing import Any

import anyio
from anyio.abc import TaskGroup

from sim_mcp.emnify import EmnifyClient, EmnifyError, Page
from sim_mcp.fleet.inventory.database import Facts, SnapshotDatabase
from sim_mcp.fleet.inventory.page_merge import PageMerge
from sim_mcp.fleet.inventory.rows import Names, Row, row_of_json
from sim_mcp.recorder import Recorder

LARGEST_PAGE = 2500
_AT_ONCE = 30
"""Pages under way: enough for ten a second at three seconds each, and few enough to leave others some of the forty."""

_PAGE_TAKES_S = 360.0
"""Longer than the window of five minutes in which an address may be told to wait."""

_PACE = 9.8
"""Pages a second, before any was measured."""


class Fetch:
    """One reading of the fleet into a store; after a failure it can be run again and goes on where it stopped."""

    def __init__(self, client: EmnifyClient, store: SnapshotDatabase, record: Recorder) -> None:
        self.store = store
        self._record = record
        self.began = time.time()
        self._client = client
        self._started = time.monotonic()
        self._taken_at: datetime | None = None
        self._merge: PageMerge | None = None
        self._per_page = LARGEST_PAGE
        self._unreadable = 0
        self._settled = True
        self._failed: EmnifyError | None = None
        self._rows = 0
        self._pages_read = 0

    @property
    def read(self) -> int:
        """Return how many SIMs were read so far."""
        return self._rows

    @property
    def total(self) -> int | None:
        """Return how many SIMs there are, once that is known."""
        return None if self._merge is None else self._merge.total

    @property
    def left_s(self) -> float | None:
        """Return in how many seconds it will be done, at the pace so far."""
        if self._merge is None:
            return None
        took = time.monotonic() - self._started
        pace = self._pages_read / took if self._pages_read > _PACE and took else _PACE
        return max(1.0, len(self._merge.wanted()) / pace)

    async def run(self) -> Facts:
        """Read all that is not read yet.

        Raises:
            EmnifyError: emnify could not be asked; what was read is kept for the next run.
            sqlite3.Error: What was read cannot be held, not even in memory.
        """
        if self._merge is None:
            await self._first()
        if self._merge is not None:
            while wanted := self._merge.wanted():
                await self._read(wanted)
            await self._record(self.store.remove, self._merge.lost)
            self._settled = self._merge.settled
        return Facts(
            taken_at=self._taken_at or self._client.now(),
            began=self.began,
            ended=time.time(),
            settled=self._settled,
            unreadable=self._unreadable,
        )

    async def _first(self) -> None:
        page = await self._client.list_raw_sims(per_page=self._per_page, deadline_s=_PAGE_TAKES_S)
        # Only now is emnify's clock known.
        self._taken_at = self._client.now() - timedelta(seconds=time.monotonic() - self._started)
        if page.total is None:
            await self._without_totals(page)
            return
        # A size beyond emnify's largest is cut to it.
        self._per_page = min(page.per_page, LARGEST_PAGE)
        self._merge = PageMerge(self._per_page)
        await self._take(1, page)

    async def _read(self, numbers: list[int]) -> None:
        under_way = anyio.Semaphore(_AT_ONCE)
        async with anyio.create_task_group() as pages:
            for number in numbers:
                await under_way.acquire()
                sent = anyio.Event()
                pages.start_soon(self._page, number, sent, under_way, pages)
                # One of ours at most waits for its turn: another question comes right after it, not after them all.
                await sent.wait()
        if self._failed is not None:
            failed, self._failed = self._failed, None
            raise failed

    async def _page(self, number: int, sent: anyio.Event, under_way: anyio.Semaphore, pages: TaskGroup) -> None:
        try:
            page = await self._client.list_raw_sims(
                page=number, per_page=self._per_page, on_sent=sent.set, deadline_s=_PAGE_TAKES_S
            )
            await self._take(number, page)
        except EmnifyError as error:
            self._failed = self._failed or error
            pages.cancel_scope.cancel()
        finally:
            sent.set()
            under_way.release()

    async def _take(self, number: int, page: Page[Any]) -> None:
        ids, unreadable = await self._put(page.items)
        if self._merge is not None:
            self._merge.add(number, ids, page.total or 0, unreadable=unreadable)
        self._pages_read += 1

    async def _put(self, raw: list[Any]) -> tuple[list[int], int]:
        names: Names = {}
        rows: list[Row] = [row for each in raw if (row := row_of_json(each, names)) is not None]
        await self._record(self.store.put, rows, names)
        self._rows += len(rows)
        self._unreadable += len(raw) - len(rows)
        return [row.id for row in rows], len(raw) - len(rows)

    async def _without_totals(self, page: Page[Any]) -> None:
        """Read on until a page is empty or repeats the one before: no header tells how many there are."""
        number, before = 1, None
        while page.items and page.items != before:
            await self._put(page.items)
            self._pages_read += 1
            number, before = number + 1, page.items
            page = await self._client.list_raw_sims(page=number, per_page=self._per_page, deadline_s=_PAGE_TAKES_S)
        # Whether something came or went meanwhile cannot be told.
        self._settled = number <= 2  # noqa: PLR2004  # one page is read at one moment.
