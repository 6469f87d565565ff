"""What lookup asks the inventory, and how long it waits for an answer."""

from pathlib import Path

import pytest

from sim_mcp.emnify import EmnifyClient, UpstreamError
from sim_mcp.fleet.inventory.fleet_search import WAIT_S, FleetSearch
from sim_mcp.fleet.inventory.inventory import Inventory, StillReadingError
from sim_mcp.fleet.inventory.snapshot import Snapshot
from sim_mcp.fleet.lookup.neighbours import near_typed
from tests.support import Fleet


class Unread(Inventory):
    """An inventory of a fleet that takes long to read, or cannot be read."""

    def __init__(self, client: EmnifyClient, error: Exception) -> None:
        super().__init__(client, None)
        self._error = error
        self.waits: list[float | None] = []

    async def snapshot(self, *, fresh: bool = False, progress: object = None, wait_s: float | None = None) -> Snapshot:
        assert not fresh
        assert progress is None
        self.waits.append(wait_s)
        raise self._error


@pytest.mark.parametrize("error", [StillReadingError("wait"), UpstreamError("503")])
async def test_a_fleet_that_is_not_known_now_answers_nothing_and_is_waited_for_once(
    client: EmnifyClient, error: Exception
) -> None:
    inventory = Unread(client, error)
    fleet = FleetSearch(inventory)
    assert await fleet.named("Pump 3") is None
    assert await fleet.holding("Pump 3", 5) is None
    assert inventory.waits == [WAIT_S, 0.0 if isinstance(error, StillReadingError) else WAIT_S]
    assert await fleet.holding("423663999900095", 5) is None
    assert await fleet.near(near_typed("423663999900095")[0], 5) is None
    assert len(inventory.waits) == 2


async def test_a_whole_number_is_no_reason_to_read_the_fleet_and_a_word_is(
    known: Fleet, client: EmnifyClient, tmp_path: Path
) -> None:
    story = known.scenarios["healthy"]
    async with Inventory(client, tmp_path) as inventory:
        fleet = FleetSearch(inventory)
        before = len(await known.requests())
        assert await inventory.held() is None
        assert await fleet.near(frozenset({story["imsi"]}), 5) is None
        assert await fleet.holding(story["imsi"], 5) is None
        assert len(await known.requests()) == before
        found = await fleet.named(story["device_name"])
        assert found is not None
        assert story["sim_id"] in found
        read = len(await known.requests())
        assert read > before
        assert await fleet.near(frozenset({story["imsi"]}), 5) == [story["sim_id"]]
        assert await fleet.holding(story["imsi"], 5) == [(story["sim_id"], "IMSI")]
        assert await inventory.held() is not None
        assert len(await known.requests()) == read
