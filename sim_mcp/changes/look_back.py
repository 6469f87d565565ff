"""Changes that were begun before: found again, told, and what is in doubt about them read again."""

import logging
from datetime import UTC, datetime

import anyio

from sim_mcp.changes.record.entries import Caller
from sim_mcp.changes.record.history import OPEN_FOR, Change, changes
from sim_mcp.changes.record.journal import Journal
from sim_mcp.changes.record.record_file import JournalError, UnreadablePlanError
from sim_mcp.changes.settling import Settling
from sim_mcp.changes.turn import turn
from sim_mcp.emnify import EmnifyClient, EmnifyError
from sim_mcp.fleet.inventory.inventory import Inventory
from sim_mcp.recorder import Recorder

log = logging.getLogger(__name__)

_WAITS_S = 2.0
"""How long looking into doubts waits for a run that is at it: that settles them by itself."""


class LookBack:
    """Look at what is on record, and send nothing but questions."""

    def __init__(
        self, client: EmnifyClient, journal: Journal, record: Recorder, inventory: Inventory | None = None
    ) -> None:
        self._client = client
        self._journal = journal
        self._record = record
        self._inventory = inventory

    async def recent(self) -> list[Change]:
        """Return the changes that may still be open, newest first.

        Raises:
            JournalError: The record cannot be read.
        """
        return await self._record(changes, self._journal, start=datetime.now(UTC) - OPEN_FOR)

    async def unfinished(self, caller: Caller) -> list[Change]:
        """Return what waits or is open of one caller, newest first.

        Raises:
            JournalError: The record cannot be read.
        """
        return [
            change
            for change in await self.recent()
            if change.caller == caller and change.standing in ("waiting", "open")
        ]

    async def into_doubts(self) -> list[Change]:
        """Read again what was sent and is not known to have happened, and return what is open.

        Raises:
            JournalError: The record cannot be read or written.
        """
        found = [change for change in await self.recent() if change.standing == "open"]
        if not any(change.in_doubt for change in found):
            return found
        # A run that is at it now would be taken for one that died.
        async with turn(self._journal.file.directory, anyio.current_time() + _WAITS_S) as mine:
            for change in found if mine else ():
                try:
                    stored = await self._record(self._journal.plan, change.plan) if change.in_doubt else None
                except UnreadablePlanError as error:
                    log.warning("%s", error)
                    continue
                if stored is not None:
                    await Settling(self._client, self._journal, self._record, stored, self._inventory).look_again()
        return found

    async def at_start(self) -> None:
        """Say in the log which changes are not finished, after reading again what was left in doubt."""
        try:
            for change in await self.into_doubts():
                log.warning(
                    "Change %s is not finished: %d SIMs to go, %d in doubt. list_changes and sim-mcp audit tell more.",
                    change.plan,
                    change.left,
                    change.in_doubt,
                )
        except (JournalError, EmnifyError) as error:
            log.warning("What was changed before cannot be looked into now: %s", error)
