"""Exports: files in the making, which go on when a call has to answer before they are done."""

import math
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

import anyio
from anyio.abc import TaskGroup

from sim_mcp.emnify import in_background
from sim_mcp.exports.files import ExportFile, ExportRefusedError, Written, preview_of, read_back
from sim_mcp.exports.formats import Cell, Format
from sim_mcp.exports.paging import take_each
from sim_mcp.exports.rows import COLUMNS, PREVIEW_COLUMNS
from sim_mcp.exports.sources import Batch, Selection
from sim_mcp.sanitize import quoted

Source = Callable[[Selection, TaskGroup], AsyncGenerator[Batch]]
"""Where the rows of a selection come from; what is read ahead ends with the task group."""

WAITS_S = 45.0
"""How long one call waits; many clients give up on a call after 60 s, and the next call goes on."""

MOST_AT_ONCE = 3
"""Exports in the making: they share what emnify allows, and the questions asked meanwhile need some of it."""

_PREVIEWED = 3
_TELL_EVERY_S = 1.0
_KEPT_S = 3600.0
"""How long a finished export waits for the call that picks it up; after that, the same call makes a new one."""


@dataclass(frozen=True)
class Order:
    """Say what is to be written; who asks in the same words while it is made, or fetches it late, gets the same."""

    words: str
    selection: Selection
    format: Format
    name: str


@dataclass(eq=False)
class Export:
    """An export in the making, or what became of it."""

    order: Order
    file: ExportFile
    began: datetime
    started_at: float
    rows: int = 0
    sims: int = 0
    of: int | None = None
    unreadable: int = 0
    gone: int = 0
    preview: list[dict[str, Cell]] = field(default_factory=list)
    written: Written | None = None
    failure: Exception | None = None
    over: anyio.Event = field(default_factory=anyio.Event)
    over_at: float = math.inf
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    waiting: int = 0

    def left_s(self, now: float) -> float | None:
        """Return the seconds it will still take at the pace so far, where that can be told."""
        if self.of is None or not self.sims:
            return None
        return (now - self.started_at) / self.sims * max(0, self.of - self.sims)


class ExportService:
    """Make files in the background, and hand each to whoever asks for it."""

    def __init__(
        self,
        source: Source,
        now: Callable[[], datetime],
        directory: Path | None,
        background: TaskGroup,
        *,
        waits_s: float = WAITS_S,
    ) -> None:
        self._source, self.now, self._waits_s = source, now, waits_s
        self._directory, self._background = directory, background
        self._exports: dict[str, Export] = {}
        self._written: dict[str, Path] = {}

    async def export(self, order: Order, tell: Callable[[Export], Awaitable[None]]) -> Export:
        """Begin an export, or go on waiting for the same one; return it once it is over or the call's time is.

        A caller who goes away ends the export, unless another waits for it too.

        Raises:
            ExportRefusedError: No file can be written; nothing was asked.
        """
        export = self._found(order) or self._begun(order)
        export.waiting += 1
        told = -1
        try:
            with anyio.move_on_after(self._waits_s):
                while not export.over.is_set():
                    if export.sims > told:
                        told = export.sims
                        await tell(export)
                    with anyio.move_on_after(_TELL_EVERY_S):
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

    def text_of(self, name: str) -> str:
        """Return the text of a file this desk wrote; no other file of the directory is anybody's business.

        Raises:
            ExportRefusedError: There is no such file, or it is too large to be handed out this way.
        """
        if name not in self._written:
            raise ExportRefusedError(f"No export called {quoted(name)} was written since this server started.")
        return read_back(self._written[name])

    def _forget(self, export: Export) -> None:
        if self._exports.get(export.order.words) is export:
            del self._exports[export.order.words]

    def _found(self, order: Order) -> Export | None:
        long_ago = anyio.current_time() - _KEPT_S
        self._exports = {words: export for words, export in self._exports.items() if export.over_at > long_ago}
        found = self._exports.get(order.words)
        return None if found is None or found.scope.cancel_called else found

    def _begun(self, order: Order) -> Export:
        if self._directory is None:
            raise ExportRefusedError(
                "No directory for exports is set, so nothing was written. The operator has to set SIM_MCP_EXPORT_DIR "
                "to a directory and restart the server."
            )
        running = [export for export in self._exports.values() if not export.over.is_set()]
        if len(running) >= MOST_AT_ONCE:
            names = ", ".join(quoted(export.order.name) for export in running)
            raise ExportRefusedError(
                f"{len(running)} exports are in the making: {names}. Wait until one is done. Nothing was written."
            )
        file = ExportFile(self._directory, order.name, order.format, COLUMNS[order.selection.what])
        export = Export(order, file, self.now(), anyio.current_time())
        self._exports[order.words] = export
        self._background.start_soon(self._make, export)
        return export

    async def _make(self, export: Export) -> None:
        """Make the file; whatever ends this, a file that is not whole is gone after it."""
        try:
            with export.scope:
                # Others ask questions meanwhile.
                with in_background():
                    await take_each(partial(self._source, export.order.selection), partial(_add, export))
                if export.rows:
                    export.written = await anyio.to_thread.run_sync(export.file.publish)
                    self._written[export.written.path.name] = export.written.path
        except Exception as failure:  # noqa: BLE001  # whoever picks the export up hears of it, and nobody else's is lost.
            export.failure = failure
        finally:
            export.file.discard()
            export.over_at = anyio.current_time()
            export.over.set()


async def _add(export: Export, batch: Batch) -> None:
    # Not given up on halfway: a thread that still wrote while the file is taken away would leave one behind.
    await anyio.to_thread.run_sync(export.file.add, batch.rows)
    telling = PREVIEW_COLUMNS[export.order.selection.what]
    missing = _PREVIEWED - len(export.preview)
    export.preview += [preview_of(row, telling) for row in batch.rows[:missing]]
    export.rows += len(batch.rows)
    export.sims, export.of = export.sims + batch.sims, batch.of
    export.unreadable, export.gone = export.unreadable + batch.unreadable, export.gone + batch.gone
