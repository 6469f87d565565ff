"""What the record of changes is kept in: transactions, and the turn to work on a plan."""

from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

WAITS_S = 10.0
"""How long others may hold the record before a transaction gives up."""


class JournalError(Exception):
    """The record cannot be kept, so nothing may be changed; the message says why and what to do."""


class UnreadablePlanError(JournalError):
    """A plan is on record and cannot be read, so nothing more is done of it."""


class TurnLostError(JournalError):
    """The turn to work on a plan is over, and another server may have it; nothing was written."""


What = Literal["planned", "decided", "written"]


class News(NamedTuple):
    """What a server did that the others want to know of."""

    what: What
    of: str
    """The plan that was made or decided; the id of the SIM that is written to, empty where it may be any."""


class Rows(Protocol):
    """What a statement found, row by row."""

    def fetchone(self) -> Any:
        """Return the next row, or None."""

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""

    def __iter__(self) -> Iterator[Any]:
        """Yield the rows that are left."""


class Database(Protocol):
    """One transaction on the record: SQL that every storage understands, with a `?` for each value."""

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> Rows:
        """Carry out a statement."""

    def executemany(self, statement: str, values: Iterable[Sequence[Any]], /) -> object:
        """Carry out a statement for each row of values."""


class Record(Protocol):
    """A place the record is kept in; several processes may share it. It blocks but for waiting for a turn."""

    @property
    def exists(self) -> bool:
        """Tell whether there is a record at all."""

    def reading(self, *, wait_s: float = WAITS_S) -> AbstractContextManager[Database]:
        """Open the record for reading, as one moment of it, after up to `wait_s` where it is held.

        Raises:
            JournalError: It is not there, or cannot be read.
        """

    def writing(self) -> AbstractContextManager[Database]:
        """Open a transaction that is kept whole or not at all.

        Raises:
            JournalError: It cannot be written, is not the record seen before, or is of another version.
        """

    def turn(
        self, plan_id: str, until: float, *, only_looks: bool = False
    ) -> AbstractAsyncContextManager["Record | None"]:
        """Wait for the turn to work on a plan until a moment of the event loop's clock.

        It yields the record to write to while the turn lasts, or None: what is under way in one process is not taken
        for interrupted in another. Who `only_looks` leaves a plan that was abandoned to those who go on with it.

        Raises:
            JournalError: The record cannot be written.
        """

    def close(self) -> None:
        """Let go of what is held open; the next transaction opens it again."""


@runtime_checkable
class SharedRecord(Record, Protocol):
    """A record that servers on several machines share."""

    def abandoned(self) -> list[str]:
        """Return the plans whose turn ran out before it was given back, the oldest first.

        Raises:
            JournalError: The record cannot be read.
        """

    def news(self) -> AsyncGenerator[News]:
        """Yield what any server does, as it does it; some may be missed."""
