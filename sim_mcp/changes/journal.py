"""The durable record: plans, decisions, intents and outcomes, written before and after, never changed.

One table, only ever appended to. That a plan is decided once, and each of its items sent once, is not a matter of
good behaviour but of unique indexes: whoever comes second, in this process or another, is told so by SQLite.
"""

import json
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from sim_mcp.changes.plan import Plan

PLANS_LIVE = timedelta(minutes=15)
FILE = "journal.sqlite3"
_HOUR = timedelta(hours=1)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('planned', 'decided', 'intent', 'outcome')),
    plan TEXT NOT NULL,
    item INTEGER,
    digest TEXT,
    body TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS planned_once ON entries (plan) WHERE kind = 'planned';
CREATE UNIQUE INDEX IF NOT EXISTS decided_once ON entries (plan) WHERE kind = 'decided';
CREATE UNIQUE INDEX IF NOT EXISTS sent_once ON entries (plan, item) WHERE kind = 'intent';
CREATE UNIQUE INDEX IF NOT EXISTS settled_once ON entries (plan, item) WHERE kind = 'outcome';
CREATE INDEX IF NOT EXISTS by_digest ON entries (digest) WHERE digest IS NOT NULL;
CREATE INDEX IF NOT EXISTS intents_by_time ON entries (at) WHERE kind = 'intent';
CREATE TRIGGER IF NOT EXISTS never_changed BEFORE UPDATE ON entries
    BEGIN SELECT RAISE(ABORT, 'the record is only ever appended to'); END;
CREATE TRIGGER IF NOT EXISTS never_deleted BEFORE DELETE ON entries
    BEGIN SELECT RAISE(ABORT, 'the record is only ever appended to'); END;
"""

State = Literal["waiting", "approved", "rejected", "expired"]
OutcomeKind = Literal["changed", "already", "refused", "moved", "failed", "unknown"]


class JournalError(Exception):
    """The record cannot be kept, so nothing may be changed; the message says why and what to do."""


@dataclass(frozen=True)
class Caller:
    """Who asks: whose server it is, and through which client."""

    principal: str
    client: str


@dataclass(frozen=True)
class Outcome:
    """Tell what became of one item of a plan."""

    kind: OutcomeKind
    before: str
    after: str
    note: str
    request: str | None = None
    """emnify's id of the request that was sent, by which its support can find it."""


@dataclass(frozen=True)
class StoredPlan:
    """A plan as the record has it."""

    id: str
    plan: Plan
    caller: Caller
    expires_at: datetime
    state: State
    agreed: str | None

    def __post_init__(self) -> None:
        if self.expires_at.tzinfo is None:
            raise ValueError("a moment without a zone")


class Journal:
    """Keep the record in one directory; several processes may share it."""

    def __init__(self, directory: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Open the record, making it if the directory is there.

        Raises:
            JournalError: The directory is missing or cannot be written to.
        """
        self._now = now
        self.directory = directory
        self._path = directory / FILE
        with self._speaking_plainly():
            if not directory.is_dir():
                raise JournalError(
                    f"There is no directory {directory} to keep the record of changes in, so nothing can be changed. "
                    "The operator has to make it, or set SIM_MCP_STATE_DIR to one that exists."
                )
            self._db = sqlite3.connect(self._path, isolation_level=None, timeout=10, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the record."""
        self._db.close()

    def keep(self, plan: Plan, caller: Caller) -> StoredPlan:
        """Keep a plan; the same one asked for again, while it waits, is the same plan still.

        Raises:
            JournalError: The record cannot be written.
        """
        expires = self._now() + PLANS_LIVE
        body = {
            "plan": plan.model_dump(mode="json"),
            "caller": [caller.principal, caller.client],
            "expires": expires.isoformat(),
        }
        with self._transaction():
            for (plan_id,) in self._db.execute(
                "SELECT plan FROM entries WHERE digest = ? ORDER BY n DESC LIMIT 5", (plan.digest,)
            ).fetchall():
                found = self.plan(plan_id)
                if found is not None and found.state == "waiting" and found.caller == caller:
                    return found
            plan_id = secrets.token_hex(4)
            self._append("planned", plan_id, body, digest=plan.digest)
        return StoredPlan(plan_id, plan, caller, expires, "waiting", None)

    def plan(self, plan_id: str) -> StoredPlan | None:
        """Return a plan and how it stands, or None where there is none of that id."""
        rows = self._db.execute(
            "SELECT kind, body, at FROM entries WHERE plan = ? AND kind IN ('planned', 'decided')", (plan_id,)
        ).fetchall()
        found = {kind: json.loads(body) | {"at": at} for kind, body, at in rows}
        if "planned" not in found:
            return None
        planned, decided = found["planned"], found.get("decided")
        expires = datetime.fromisoformat(planned["expires"])
        state: State = "expired" if self._now() >= expires else "waiting"
        if decided is not None:
            state = "approved" if decided["approved"] else "rejected"
            if state == "approved" and self._lapsed(plan_id, datetime.fromisoformat(decided["at"])):
                state = "expired"
        return StoredPlan(
            id=plan_id,
            plan=Plan.model_validate(planned["plan"]),
            caller=Caller(*planned["caller"]),
            expires_at=expires,
            state=state,
            agreed=decided["how"] if decided else None,
        )

    def _lapsed(self, plan_id: str, approved_at: datetime) -> bool:
        """Tell whether nobody acted on an approval while it was fresh; a change once begun may always be finished."""
        if self._now() < approved_at + PLANS_LIVE:
            return False
        begun = "SELECT 1 FROM entries WHERE plan = ? AND kind IN ('intent', 'outcome') LIMIT 1"
        return self._db.execute(begun, (plan_id,)).fetchone() is None

    def decide(self, plan_id: str, *, approved: bool, how: str) -> bool:
        """Record the one decision on a plan; return False if it was decided before or has expired.

        Raises:
            JournalError: The record cannot be written.
        """
        with self._transaction():
            found = self.plan(plan_id)
            if found is None or found.state != "waiting":
                return False
            self._append("decided", plan_id, {"approved": approved, "how": how})
        return True

    def intend(self, plan_id: str, item: int, what: str) -> bool:
        """Record, before it is sent, that an item is about to be; return False if that was so before.

        Raises:
            JournalError: The record cannot be written, so nothing must be sent.
        """
        try:
            with self._transaction():
                self._append("intent", plan_id, {"what": what}, item=item)
        except sqlite3.IntegrityError:
            return False
        return True

    def settle(self, plan_id: str, item: int, outcome: Outcome, subject: str) -> None:
        """Record what became of an item; what was recorded first stays.

        Raises:
            JournalError: The record cannot be written.
        """
        body = {**outcome.__dict__, "subject": subject}
        try:
            with self._transaction():
                self._append("outcome", plan_id, body, item=item)
        except sqlite3.IntegrityError:
            return

    def progress(self, plan_id: str) -> tuple[set[int], dict[int, Outcome]]:
        """Return which items of a plan were sent, and what became of those that are settled."""
        sent: set[int] = set()
        settled: dict[int, Outcome] = {}
        for kind, item, body in self._db.execute(
            "SELECT kind, item, body FROM entries WHERE plan = ? AND kind IN ('intent', 'outcome')", (plan_id,)
        ):
            if kind == "intent":
                sent.add(item)
            else:
                told = json.loads(body)
                settled[item] = Outcome(told["kind"], told["before"], told["after"], told["note"], told.get("request"))
        return sent, settled

    def sent_within_the_hour(self) -> int:
        """Count the items that were sent during the last hour, by every plan."""
        since = (self._now() - _HOUR).isoformat()
        row = self._db.execute("SELECT count(*) FROM entries WHERE kind = 'intent' AND at >= ?", (since,)).fetchone()
        return int(row[0])

    def _append(
        self, kind: str, plan_id: str, body: dict[str, Any], *, item: int | None = None, digest: str | None = None
    ) -> None:
        self._db.execute(
            "INSERT INTO entries (at, kind, plan, item, digest, body) VALUES (?, ?, ?, ?, ?, ?)",
            (self._now().isoformat(), kind, plan_id, item, digest, json.dumps(body, ensure_ascii=False)),
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._speaking_plainly():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @contextmanager
    def _speaking_plainly(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError:
            raise
        except (sqlite3.Error, OSError) as error:
            raise JournalError(
                f"The record of changes at {self._path} cannot be written ({error}), so nothing more may be changed. "
                "The operator should look at the disk and at SIM_MCP_STATE_DIR."
            ) from None
