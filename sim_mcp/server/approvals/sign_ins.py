"""Who is signed in on the approval pages: kept with the record, so that every server knows who is not any more."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sim_mcp.changes.record.storage import Record

_INSERT = "INSERT INTO sign_ins (id, issuer, subject, name, at, ends) VALUES (?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True)
class KeptSignIn:
    """One sign-in of one person; its id opens nothing without the key of the pages."""

    id: str
    issuer: str
    subject: str
    name: str
    at: str
    ends: str


class SignIns:
    """Keep sign-ins until they end or are ended. It blocks: call it off the event loop."""

    def __init__(self, record: Record, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._record = record
        self._now = now

    def begin(self, id_: str, issuer: str, subject: str, name: str, ends: datetime) -> None:
        """Keep a sign-in; those whose time is over are dropped.

        Raises:
            JournalError: The record cannot be written.
        """
        now = self._now().isoformat()
        with self._record.writing() as db:
            db.execute("DELETE FROM sign_ins WHERE ends <= ?", (now,))
            db.execute(_INSERT, (id_, issuer, subject, name, now, ends.astimezone(UTC).isoformat()))

    def is_on(self, id_: str) -> bool:
        """Tell whether a sign-in was neither ended nor is over.

        Raises:
            JournalError: The record cannot be read.
        """
        if not self._record.exists:
            return False
        with self._record.reading() as db:
            found = db.execute("SELECT 1 FROM sign_ins WHERE id = ? AND ends > ?", (id_, self._now().isoformat()))
            return found.fetchone() is not None

    def all(self) -> list[KeptSignIn]:
        """Return those that are on, the newest first.

        Raises:
            JournalError: The record cannot be read.
        """
        if not self._record.exists:
            return []
        with self._record.reading() as db:
            found = db.execute(
                "SELECT id, issuer, subject, name, at, ends FROM sign_ins WHERE ends > ? ORDER BY at DESC, id",
                (self._now().isoformat(),),
            )
            return [KeptSignIn(*row) for row in found]

    def end(self, id_: str) -> None:
        """End one sign-in.

        Raises:
            JournalError: The record cannot be written.
        """
        with self._record.writing() as db:
            db.execute("DELETE FROM sign_ins WHERE id = ?", (id_,))

    def end_all(self, subject: str | None = None) -> list[str]:
        """End those of a subject, or with None everybody's; return the names of whose they were.

        Raises:
            JournalError: The record cannot be read or written.
        """
        ended = [each for each in self.all() if subject in (None, each.subject, f"{each.issuer} {each.subject}")]
        if ended:
            with self._record.writing() as db:
                db.executemany("DELETE FROM sign_ins WHERE id = ?", [(each.id,) for each in ended])
        return [each.name for each in ended]
