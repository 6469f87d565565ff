"""Read every SIM of the workspace, page by page, as fast as the published limits allow."""

import time
from datetime import datetime, timedelta
from typing import Any

import anyio
from anyio.abc import TaskGroup

from sim_mcp.emnify import MAX_SIMS_PER_PAGE, EmnifyClient, EmnifyError, Page, iter_pages
from sim_mcp.fleet.inventory.database import SnapshotDatabase, SnapshotInfo
from sim_mcp.fleet.inventory.page_merge import PageMerge
from sim_mcp.fleet.inventory.rows import Names, Row, row_of_json
from sim_mcp.recorder import Recorder

_PAGES_AT_ONCE = 30
"""Enough for ten a second at three seconds each, and few enough to leave others some of the 40 requests under way."""

_PAGE_DEADLINE_S = 360.0
"""Longer than the window of five minutes that an address may have to wait for."""

_ASSUMED_PAGES_PER_SECOND = 9.8
"""The pace before any was measured."""


class Crawler:
    """Read the fleet into a database once; after a failure it can be run again, and continues where it stopped."""

    def __init__(self, client: EmnifyClient, database: SnapshotDatabase, in_thread: Recorder) -> None:
        self.database = database
        self._in_thread = in_thread
        self.began = time.time()
        self._client = client
        self._started = time.monotonic()
        self._taken_at: datetime | None = None
        self._merge: PageMerge | None = None
        self._per_page = MAX_SIMS_PER_PAGE
        self._unreadable = 0
        self._settled = True
        self._failure: EmnifyError | None = None
        self._rows_read = 0
        self._pages_read = 0

    @property
    def sims_read(self) -> int:
        """Return the number of SIMs read so far, pages read again included."""
        return self._rows_read

    @property
    def total(self) -> int | None:
        """Return the number of SIMs there are, once that is known."""
        return None if self._merge is None else self._merge.total

    @property
    def left_s(self) -> float | None:
        """Return the seconds it will still take at the pace so far, once that is known."""
        if self._merge is None:
            return None
        took = time.monotonic() - self._started
        is_measured = self._pages_read > _ASSUMED_PAGES_PER_SECOND and took
        pace = self._pages_read / took if is_measured else _ASSUMED_PAGES_PER_SECOND
        return max(1.0, len(self._merge.wanted()) / pace)

    async def run(self) -> SnapshotInfo:
        """Read all that is not read yet (GET /api/v1/sim).

        Raises:
            EmnifyError: emnify could not be asked; what was read is kept for the next run.
            sqlite3.Error: What was read cannot be held, not even in memory.
        """
        if self._merge is None:
            await self._read_first_page()
        if self._merge is not None:
            while wanted := self._merge.wanted():
                await self._read_pages(wanted)
            await self._in_thread(self.database.remove, self._merge.lost)
            self._settled = self._merge.settled
        return SnapshotInfo(
            taken_at=self._taken_at or self._client.now(),
            began=self.began,
            ended=time.time(),
            settled=self._settled,
            unreadable=self._unreadable,
        )

    async def _read_first_page(self) -> None:
        page = await self._client.list_raw_sims(deadline_s=_PAGE_DEADLINE_S)
        # Only now is emnify's clock known.
        self._taken_at = self._client.now() - timedelta(seconds=time.monotonic() - self._started)
        if page.total is None:
            await self._read_without_total(page)
            return
        # emnify cuts a size beyond its maximum to it.
        self._per_page = min(page.per_page, MAX_SIMS_PER_PAGE)
        self._merge = PageMerge(self._per_page)
        await self._add(1, page)

    async def _read_pages(self, numbers: list[int]) -> None:
        under_way = anyio.Semaphore(_PAGES_AT_ONCE)
        async with anyio.create_task_group() as group:
            for number in numbers:
                await under_way.acquire()
                sent = anyio.Event()
                group.start_soon(self._read_page, number, sent, under_way, group)
                # At most one of ours waits for its turn, so that another question comes right after it.
                await sent.wait()
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    async def _read_page(self, number: int, sent: anyio.Event, under_way: anyio.Semaphore, group: TaskGroup) -> None:
        try:
            page = await self._client.list_raw_sims(
                page=number, per_page=self._per_page, on_sent=sent.set, deadline_s=_PAGE_DEADLINE_S
            )
            await self._add(number, page)
        except EmnifyError as error:
            self._failure = self._failure or error
            group.cancel_scope.cancel()
        finally:
            sent.set()
            under_way.release()

    async def _read_without_total(self, first: Page[Any]) -> None:
        """Read page after page until they end: no header says how many SIMs there are."""

        async def read(number: int) -> Page[Any]:
            if number == 1:
                return first
            return await self._client.list_raw_sims(page=number, deadline_s=_PAGE_DEADLINE_S)

        pages = 0
        async for page in iter_pages(read):
            await self._store(page.items)
            pages += 1
        # Whether SIMs came or went between two pages cannot be known.
        self._settled = pages <= 1

    async def _add(self, number: int, page: Page[Any]) -> None:
        ids, unreadable = await self._store(page.items)
        if self._merge is not None:
            self._merge.add(number, ids, page.total or 0, unreadable=unreadable)

    async def _store(self, raw: list[Any]) -> tuple[list[int], int]:
        """Put SIMs into the database; return their ids, and the number of records without one."""
        names: Names = {}
        rows: list[Row] = [row for each in raw if (row := row_of_json(each, names)) is not None]
        await self._in_thread(self.database.put, rows, names)
        self._pages_read += 1
        self._rows_read += len(rows)
        self._unreadable += len(raw) - len(rows)
        return [row.id for row in rows], len(raw) - len(rows)
