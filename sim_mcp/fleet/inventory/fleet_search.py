"""The inventory as `lookup` asks for it: what emnify's own search cannot find, found in the newest snapshot."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import TypeVar

import anyio.to_thread

from sim_mcp.emnify import EmnifyError
from sim_mcp.emnify.identifiers import typed_number
from sim_mcp.fleet.inventory.inventory import Inventory, InventoryError, StillReadingError
from sim_mcp.fleet.inventory.snapshot import Snapshot
from sim_mcp.fleet.lookup.whole_fleet import Holder

T = TypeVar("T")

WAIT_S = 10.0
"""How long one name waits for the fleet to be read; it is read on in the background, and the next call has it."""


class FleetSearch:
    """Search the whole fleet (`lookup.whole_fleet.WholeFleet`); an object for one call, which waits once for it."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._has_waited = False

    async def named(self, name: str) -> Sequence[int] | None:
        """Return the SIMs in devices of that name, whatever is invisible in it."""
        return await self._ask(lambda snapshot: snapshot.named(name), read=True)

    async def holding(self, text: str, most: int) -> Sequence[Holder] | None:
        """Return the first SIMs that hold a number, part of one, or all words of a text in any order."""

        def search(snapshot: Snapshot) -> list[Holder]:
            found = snapshot.search(text, limit=most)
            return [Holder(match.sim.id, match.field) for match in found.matches]

        # A whole number that emnify does not find is mistyped: no reason to read the fleet.
        return await self._ask(search, read=typed_number(text) is None)

    async def near(self, numbers: frozenset[str], most: int) -> Sequence[int] | None:
        """Return the first SIMs that have one of these numbers."""
        return await self._ask(lambda snapshot: [sim.id for sim in snapshot.near(numbers, limit=most)], read=False)

    async def _ask(self, question: Callable[[Snapshot], T], *, read: bool) -> T | None:
        try:
            snapshot = await self._snapshot(read=read)
        except (EmnifyError, InventoryError, sqlite3.Error):
            # What was asked for is answered without it.
            return None
        return None if snapshot is None else await anyio.to_thread.run_sync(question, snapshot)

    async def _snapshot(self, *, read: bool) -> Snapshot | None:
        if not read:
            return await self._inventory.held()
        try:
            return await self._inventory.snapshot(wait_s=0.0 if self._has_waited else WAIT_S)
        except StillReadingError:
            self._has_waited = True
            return None
