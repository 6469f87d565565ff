"""The whole fleet, read once and kept: fetched page by page, shared, reused while fresh, corrected by own writes."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from sim_mcp.emnify import EmnifyClient, Sim
from sim_mcp.fleet.snapshot import Snapshot

FRESH_S = 300.0
"""How long a snapshot is used again without asking emnify."""

WAIT_S = 44.0
"""How long one call waits for a fetch; hosts give up on a call after 60 s, and the next call picks it up."""

Progress = Callable[[int, int, str], Awaitable[None]]


class StillReadingError(Exception):
    """The fleet is still being read, in the background; the message says how far it is and when to call again."""


class Inventory:
    """Keep a snapshot of every SIM of the workspace. An async context: fetches live no longer than it does."""

    def __init__(self, client: EmnifyClient, directory: Path) -> None:
        self._client = client
        self._directory = directory

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    async def snapshot(
        self, *, fresh: bool = False, progress: Progress | None = None, wait_s: float = WAIT_S
    ) -> Snapshot:
        """Return the fleet as it is, or was within the last five minutes; `fresh` insists on reading it now.

        Raises:
            StillReadingError: There was not time enough; the fetch goes on in the background.
            EmnifyError: emnify could not be asked, and there is no former snapshot to answer from.
        """
        raise NotImplementedError

    def correct(self, sims: Mapping[int, Sim | None]) -> None:
        """Take in SIMs as read back after a write of our own; None is one that is gone."""
        raise NotImplementedError

    def outdate(self) -> None:
        """Have the next call read anew, after a write whose effect is not known SIM by SIM."""
        raise NotImplementedError
