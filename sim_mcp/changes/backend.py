"""What every step of a change works with."""

from dataclasses import dataclass

from sim_mcp.changes.record.journal import Journal
from sim_mcp.emnify import EmnifyClient
from sim_mcp.fleet.inventory.inventory import Inventory
from sim_mcp.observing import NOBODY, Observer
from sim_mcp.recorder import Recorder


@dataclass(frozen=True)
class Backend:
    """The client of emnify, the journal, what calls the journal off the event loop, and the inventory to correct."""

    client: EmnifyClient
    journal: Journal
    record: Recorder
    inventory: Inventory | None = None
    observer: Observer = NOBODY
