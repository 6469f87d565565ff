"""What every step of a change works with."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from sim_mcp.changes.record.entries import Caller
from sim_mcp.changes.record.journal import Journal
from sim_mcp.changes.record.storage import JournalError, Record
from sim_mcp.emnify import EmnifyClient
from sim_mcp.fleet.inventory.inventory import Inventory
from sim_mcp.observing import NOBODY, Observer
from sim_mcp.recorder import Recorder
from sim_mcp.settings import Settings


@dataclass(frozen=True)
class Backend:
    """The client of emnify, the journal, what calls the journal off the event loop, and the inventory to correct."""

    client: EmnifyClient
    journal: Journal
    record: Recorder
    inventory: Inventory | None = None
    observer: Observer = NOBODY
    token_owner: tuple[str, ...] | None = None
    """Whose own token the client has, by issuer and subject; None where the token is the operator's."""

    def may_ask_for(self, caller: Caller) -> bool:
        """Tell whether emnify may be asked about a caller's plan: with the caller's own token, or the operator's."""
        return self.token_owner is None or caller.owner == self.token_owner

    @asynccontextmanager
    async def turn(self, plan_id: str, until: float, *, only_looks: bool = False) -> AsyncIterator["Backend | None"]:
        """Wait for the turn to work on a plan until a moment of the loop's clock; yield what to work with, or None.

        Who `only_looks` leaves a plan that was abandoned to those who go on with it.

        Raises:
            JournalError: The record cannot be written.
        """
        async with self.journal.record.turn(plan_id, until, only_looks=only_looks) as record:
            yield replace(self, journal=self.journal.through(record)) if record is not None else None


def open_journal(settings: Settings, record: Record | None = None) -> Journal:
    """Return the journal where the operator wants it, in the record that is shared with other workspaces, if it is.

    Raises:
        JournalError: There is no place for it.
    """
    try:
        place = record or settings.record_place()
        return Journal(place, workspace=settings.workspace, earlier=settings.holds_earlier)
    except OSError as error:
        raise JournalError(
            f"There is no place to keep the record of changes in ({error}), so nothing can be changed. "
            "The operator has to set SIM_MCP_STATE_DIR to a directory that exists."
        ) from None
