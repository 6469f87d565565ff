"""Exports in the background, which continue when a call has to answer before they are done."""

import math
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

import anyio
from anyio.abc import TaskGroup

from sim_mcp.emnify import in_background
from sim_mcp.exports.files import ExportFile, ExportNotFoundError, ExportRefusedError, Written, read_back
from sim_mcp.exports.formats import SUFFIXES, Cell, Format
from sim_mcp.exports.paging import consume
from sim_mcp.exports.rows import COLUMNS
from sim_mcp.exports.sources import Batch, Selection
from sim_mcp.sanitize import quoted

Source = Callable[[Selection, TaskGroup], AsyncGenerator[Batch]]
"""Yields the rows of a selection in batches; what it reads ahead ends with the task group."""

WAITS_S = 45.0
"""How long one call waits; many clients give up on a call after 60 s, and the next call continues."""

MAX_AT_ONCE = 3
"""Exports under way: they share emnify's rate limits, and questions asked meanwhile need some of them."""

_REPORT_EVERY_S = 1.0
_KEPT_S = 3600.0
"""How long a finished export waits for the call that picks it up; after that, the same call begins a new one."""


@dataclass(frozen=True)
class Order:
    """What to export. The same `words` (the call) pick up an export that is under way or was finished recently."""

    words: str
    selection: Selection
    format: Format
    name: str | None = None
    """What the file is to be called; None is what it holds, and as of when."""

    def name_at(self, as_of: datetime) -> str:
        """Return the name of the file, by the moment its rows are of."""
        return self.name or f"{self.selection.what}-{as_of:%Y%m%dT%H%M%SZ}.{SUFFIXES[self.format]}"


@dataclass(eq=False)
class Export:
    """An export under way, or its outcome."""

    order: Order
    file: ExportFile
    started_at: float
    as_of: datetime | None = None
    """Emnify's time when the first rows were read: before its first answer, only this machine's would be known."""
    rows: int = 0
    sims: int = 0
    of: int | None = None
    unreadable: int = 0
    gone: int = 0
    preview: dict[str, Cell] = field(default_factory=dict)
    """The first row, with every column."""
    written: Written | None = None
    failure: Exception | None = None
    over: anyio.Event = field(default_factory=anyio.Event)
    over_at: float = math.inf
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    waiting: int = 0

    def left_s(self, now: float) -> float | None:
        """Return the seconds it will still take at the pace so far, where the total is known."""
        if self.of is None or not self.sims:
            return None
        return (now - self.started_at) / self.sims * max(0, self.of - self.sims)


class ExportService:
    """Write files in the background, and hand each to whoever asks for it."""

    def __init__(
        self,
        source: Source,
        now: Callable[[], datetime],
        directory: Path | None,
        background: TaskGroup,
        *,
        waits_s: float = WAITS_S,
        workspace: str = "",
    ) -> None:
        """Write to a directory.

        Args:
            source: yields the rows.
            now: emnify's time.
            directory: where files go; None where there are no exports.
            background: what writes them.
            waits_s: how long one call waits.
            workspace: what the names of files begin with, where there are several.
        """
        self._prefix = f"{workspace}." if workspace else ""
        self._source, self.now, self._waits_s = source, now, waits_s
        self._directory, self._background = directory, background
        self._exports: dict[str, Export] = {}
        self._written: dict[str, Path] = {}

    async def export(self, order: Order, report: Callable[[Export], Awaitable[None]]) -> Export:
        """Begin an export, or wait for the same one; return it once it is over, or after WAITS_S.

        Cancelling the only call that waits for it ends the export.

        Args:
            order: what to export.
            report: called with the export once a second at most, also where it waits for its turn.

        Raises:
            ExportRefusedError: No file can be written; emnify was not asked.
        """
        export = self._find(order) or self._begin(order)
        export.waiting += 1
        try:
            with anyio.move_on_after(self._waits_s):
                while not export.over.is_set():
                    await report(export)
                    with anyio.move_on_after(_REPORT_EVERY_S):
                        await export.over.wait()
        except anyio.get_cancelled_exc_class():
            if export.waiting == 1:
                export.scope.cancel()
            raise
        finally:
            export.waiting -= 1
        if export.over.is_set():
            self._forget(export)
        return export

    def read_text(self, name: str) -> str:
        """Return the text of a file that this service wrote; other files of the directory are never read.

        Raises:
            ExportNotFoundError: There is no such file.
            ExportRefusedError: It is too large.
        """
        if name not in self._written:
            raise ExportNotFoundError(f"No export called {quoted(name)} was written since this server started.")
        return read_back(self._written[name])

    def _forget(self, export: Export) -> None:
        if self._exports.get(export.order.words) is export:
            del self._exports[export.order.words]

    def _find(self, order: Order) -> Export | None:
        oldest = anyio.current_time() - _KEPT_S
        self._exports = {words: export for words, export in self._exports.items() if export.over_at > oldest}
        found = self._exports.get(order.words)
        return None if found is None or found.scope.cancel_called else found

    def _begin(self, order: Order) -> Export:
        if self._directory is None:
            raise ExportRefusedError(
                "No directory for exports is set, so nothing was written. The operator has to set SIM_MCP_EXPORT_DIR "
                "to a directory and restart the server."
            )
        running = [export for export in self._exports.values() if not export.over.is_set()]
        if len(running) >= MAX_AT_ONCE:
            names = ", ".join(quoted(export.order.name or export.order.words) for export in running)
            raise ExportRefusedError(
                f"{len(running)} exports are in the making: {names}. Wait until one is done. Nothing was written."
            )
        columns = COLUMNS[order.selection.what]
        file = ExportFile(self._directory, self._prefix + order.name_at(self.now()), order.format, columns)
        export = Export(order, file, anyio.current_time())
        self._exports[order.words] = export
        self._background.start_soon(self._run, export)
        return export

    async def _run(self, export: Export) -> None:
        """Write the file; whatever ends this, no partial file is left."""
        try:
            with export.scope:
                # Questions asked meanwhile go first.
                with in_background():
                    await consume(partial(self._source, export.order.selection), partial(self._add, export))
                if export.as_of is None:
                    export.as_of = self.now()
                if export.rows:
                    name = self._prefix + export.order.name_at(export.as_of)
                    export.written = await anyio.to_thread.run_sync(export.file.publish, name)
                    self._written[export.written.path.name] = export.written.path
        except Exception as failure:  # noqa: BLE001  # whoever picks the export up gets it, and other exports go on.
            export.failure = failure
        finally:
            export.file.discard()
            export.over_at = anyio.current_time()
            export.over.set()

    async def _add(self, export: Export, batch: Batch) -> None:
        if export.as_of is None:
            export.as_of = self.now()
        # Not cancellable: a thread that still wrote while the file is removed would leave one behind.
        await anyio.to_thread.run_sync(export.file.add, batch.rows)
        if not export.preview and batch.rows:
            export.preview = {column: batch.rows[0].get(column) for column in COLUMNS[export.order.selection.what]}
        export.rows += len(batch.rows)
        export.sims, export.of = export.sims + batch.sims, batch.of
        export.unreadable, export.gone = export.unreadable + batch.unreadable, export.gone + batch.gone
