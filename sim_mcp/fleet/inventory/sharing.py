"""What servers that share no disk keep of one fleet: whose turn it is to read it, the newest snapshot, own writes."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import NamedTuple, Protocol

from sim_mcp.fleet.inventory.database import SnapshotInfo
from sim_mcp.fleet.inventory.rows import Names, Row

TURN_S = 10.0
"""How long a turn lasts that is not renewed: then a server that was killed, frozen or cut off loses it."""


class OwnWrites(NamedTuple):
    """SIMs as they were read back after writes of our own, and the ids of those that are gone."""

    rows: list[Row]
    names: Names
    gone: list[int]


class WrittenSim(NamedTuple):
    """One of them as it is kept: the row and the names it needs as JSON, or None where it is gone."""

    sim: int
    row: str | None
    names: str | None


class KeptSnapshot(NamedTuple):
    """The newest snapshot that the servers keep; by the clock of what keeps it."""

    number: int
    written: int
    """The last of our own writes that is in it."""
    taken_at: datetime
    age_s: float
    """Since reading it ended."""
    took_s: float
    settled: bool
    unreadable: int


class Standing(NamedTuple):
    """How a fleet stands among the servers."""

    newest: KeptSnapshot | None
    outdated: bool
    """Whether a write of unknown effect came after reading the newest began."""
    written: int
    """The number of the last of our own writes."""
    writes: OwnWrites
    """Those since the one that was asked from."""


class SharedAwayError(Exception):
    """What the servers share cannot be reached."""


class TurnOverError(Exception):
    """Another server may read the fleet by now: what this one read is not to be published."""


class NotKeptError(Exception):
    """A snapshot is not kept, or not all of it."""


class ReadingTurn(Protocol):
    """The turn to read one fleet for all servers."""

    def renew(self) -> None:
        """Keep it for another ten seconds.

        Raises:
            TurnOverError: It ran out.
            SharedAwayError: That is not known.
        """

    def publish(self, copy: Iterable[bytes], info: SnapshotInfo, began: int, written: int) -> int:
        """Keep a snapshot as the newest, and end the turn; return its number.

        Args:
            copy: its file, in parts.
            info: how it was read.
            began: the last of our own writes when reading began.
            written: the last of them that is in it.

        Raises:
            TurnOverError: The turn ran out before all of it was kept.
            SharedAwayError: It cannot be kept.
        """

    def end(self) -> None:
        """Leave the turn to others; where they cannot be told, it runs out."""


class SharedFleet(Protocol):
    """What servers keep of one fleet; every method blocks."""

    def standing(self, after: int) -> Standing:
        """Return how the fleet stands, with our own writes after that one.

        Raises:
            SharedAwayError: It is not known.
        """

    def take_turn(self) -> ReadingTurn | None:
        """Return the turn to read the fleet, or None where another server has it.

        Raises:
            SharedAwayError: It is not known.
        """

    def fetched(self, number: int) -> AbstractContextManager[Iterator[bytes]]:
        """Yield the file of a snapshot, in parts.

        Raises:
            NotKeptError: It is no longer kept whole.
            SharedAwayError: It cannot be fetched.
        """

    def record(self, writes: OwnWrites | None) -> None:
        """Tell the others of writes of our own; None is one of which nothing more is known.

        Raises:
            SharedAwayError: They cannot be told.
        """


def dump_writes(writes: OwnWrites) -> list[WrittenSim]:
    """Return writes as they are kept."""
    names = json.dumps([[kind, number, text] for (kind, number), text in writes.names.items()])
    rows = [WrittenSim(row.id, json.dumps(row), names) for row in writes.rows]
    return rows + [WrittenSim(sim_id, None, None) for sim_id in writes.gone]


def load_writes(kept: Sequence[tuple[int, str | None, str | None]]) -> OwnWrites:
    """Return writes that were kept, in their order; of each SIM the last."""
    rows: dict[int, Row] = {}
    names: Names = {}
    gone: set[int] = set()
    for sim_id, row, row_names in kept:
        rows.pop(sim_id, None)
        gone.discard(sim_id)
        if row is None or row_names is None:
            gone.add(sim_id)
        else:
            rows[sim_id] = Row._make(json.loads(row))
            names |= {(kind, number): text for kind, number, text in json.loads(row_names)}
    return OwnWrites(list(rows.values()), names, sorted(gone))
