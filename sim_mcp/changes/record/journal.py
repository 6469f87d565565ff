"""The durable record: plans, decisions, intents and outcomes, written before and after, never changed.

That a plan is decided once, and each of its items sent once, is not a matter of good behaviour but of unique indexes:
whoever comes second, in this process or another, is told so by the database. What a limit allows within a time is
counted in the very transaction that records the intent.
"""

import json
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from sim_mcp.changes.outcome import Answer, Outcome
from sim_mcp.changes.plan import Plan
from sim_mcp.changes.record.entries import Caller, Intended, Progress, State, StoredPlan
from sim_mcp.changes.record.monotonic_clock import MonotonicClock
from sim_mcp.changes.record.place import Place, open_record
from sim_mcp.changes.record.quota import Quota
from sim_mcp.changes.record.rows import (
    UNREADABLE,
    caller_as_recorded,
    decider_as_recorded,
    parse_body,
    parse_caller,
    parse_decider,
    parse_moment,
    parse_plan,
    parse_progress,
    parse_text,
    workspace_of,
)
from sim_mcp.changes.record.storage import Database, Record, UnreadablePlanError
from sim_mcp.changes.record.thinning import thin_out
from sim_mcp.principal import Principal

PLANS_LIVE = timedelta(minutes=15)
AGREEMENT_LASTS = timedelta(hours=24)
"""How long what is left of a change that was begun may be finished without a new yes."""

IDLE_PLANS_KEPT = timedelta(days=30)
_APPEND = "INSERT INTO entries (at, kind, plan, item, digest, sims, body) VALUES (?, ?, ?, ?, ?, ?, ?)"
_APPEND_ONCE = f"{_APPEND} ON CONFLICT DO NOTHING"
_SENT_SINCE = """
SELECT plan, coalesce(sum(sims), 0), min(at) FROM entries WHERE kind = 'intent' AND at >= ? GROUP BY plan
"""
_PLANNED = "SELECT body FROM entries WHERE plan = ? AND kind = 'planned'"
_CLOCKS_DRIFT = timedelta(minutes=1)
"""What a machine's clock may be set back by without anybody noticing."""


@contextmanager
def _readable(plan_id: str) -> Iterator[None]:
    try:
        yield
    except UNREADABLE:
        raise UnreadablePlanError(
            f"Plan {plan_id} is on record and cannot be read by this version of the server: it is damaged, or a newer "
            "one wrote it. Nothing more is done of it; sim-mcp audit tells what was sent."
        ) from None


class Journal:
    """Keep the record in one place; several processes may share it. It blocks: call it off the event loop."""

    def __init__(
        self,
        place: Place | Record,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        elapsed_s: Callable[[], float] = time.monotonic,
        *,
        workspace: str | None = "",
        earlier: bool = False,
    ) -> None:
        """Keep the record of one workspace, or with None look at that of all.

        With `earlier`, what was planned before workspaces were named is of this one.
        """
        self._workspace = workspace
        self._held = {workspace, ""} if earlier else {workspace}
        self.record: Record = open_record(place)
        self._clock = MonotonicClock(now, elapsed_s)

    def through(self, record: Record) -> "Journal":
        """Return this journal, written through another way to the same record."""
        other = copy(self)
        other.record = record
        return other

    def check_writable(self) -> None:
        """Check that the journal can be written.

        Raises:
            JournalError: It cannot, so nothing may be changed.
        """
        with self.record.writing():
            pass

    def keep(self, plan: Plan, caller: Caller) -> StoredPlan:
        """Keep a plan; the same one asked for again, while it waits, is the same plan still.

        Raises:
            JournalError: The record cannot be written.
        """
        with self.record.writing() as db:
            for (plan_id,) in db.execute(
                "SELECT plan FROM entries WHERE digest = ? ORDER BY n DESC LIMIT 5", (plan.digest,)
            ).fetchall():
                with suppress(*UNREADABLE):
                    found = self._plan(db, plan_id)
                    if found is not None and found.state == "waiting" and found.caller.owner == caller.owner:
                        return found
            thin_out(db, before=self.now(db) - IDLE_PLANS_KEPT)
            plan_id, expires = secrets.token_hex(4), self.now(db) + PLANS_LIVE
            body = {
                "plan": plan.model_dump(mode="json", exclude={"items"}),
                "summary": plan.summary,
                "to_do": len(plan.to_do),
                "caller": caller_as_recorded(caller),
                "scopes": sorted(caller.scopes),
                "expires": expires.isoformat(),
                "clock": self._clock.machine().isoformat(),
            }
            self._append(db, "planned", plan_id, body, digest=plan.digest)
            db.executemany(
                "INSERT INTO items (plan, item, body) VALUES (?, ?, ?)",
                [(plan_id, number, item.model_dump_json()) for number, item in enumerate(plan.items)],
            )
        return StoredPlan(plan_id, plan, caller, expires, "waiting", None)

    def plan(self, plan_id: str) -> StoredPlan | None:
        """Return a plan and how it stands, or None where there is none of that id.

        Raises:
            UnreadablePlanError: It is damaged, or a newer version wrote it.
            JournalError: The record cannot be read.
        """
        with self.record.reading() as db, _readable(plan_id):
            return self._plan(db, plan_id)

    def decide(self, plan_id: str, *, approved: bool, how: str, by: Principal | None = None) -> bool:
        """Record the one decision on a plan; return False if it was decided before or has expired.

        Raises:
            UnreadablePlanError: It is damaged, or a newer version wrote it.
            JournalError: The record cannot be written.
        """
        with self.record.writing() as db, _readable(plan_id):
            found = self._plan(db, plan_id)
            if found is None or found.state != "waiting":
                return False
            clock = self._clock.machine().isoformat()
            who = {} if by is None else {"by": decider_as_recorded(by)}
            self._append(db, "decided", plan_id, {"approved": approved, "how": how, "clock": clock, **who})
        return True

    def intend(self, plan_id: str, item: int, what: str, *, sims: int = 1, quotas: Iterable[Quota]) -> Intended:
        """Record, before it is sent, that an item of so many SIMs is about to be, within what may be in a time.

        Raises:
            JournalError: The record cannot be written, or is not where it was, so nothing must be sent.
        """
        with self.record.writing() as db:
            if db.execute(
                "SELECT 1 FROM entries WHERE plan = ? AND item = ? AND kind = 'intent'", (plan_id, item)
            ).fetchone():
                return "before"
            if any(self._sent(db, quota) + sims > quota.sims for quota in quotas):
                return "over the limit"
            self._append(db, "intent", plan_id, {"what": what}, item=item, sims=sims)
        return "now"

    def answered(self, plan_id: str, answers: Mapping[int, Answer]) -> None:
        """Record emnify's answer to each item that was sent; an earlier answer stays.

        Raises:
            JournalError: The record cannot be written.
        """
        self._append_once(plan_id, "answer", {item: asdict(answer) for item, answer in answers.items()})

    def settle(self, plan_id: str, outcomes: Mapping[int, Outcome]) -> None:
        """Record what became of items; what was recorded first stays.

        Raises:
            JournalError: The record cannot be written.
        """
        self._append_once(plan_id, "outcome", {item: asdict(outcome) for item, outcome in outcomes.items()})

    def read_again(self, plan_id: str, outcomes: Mapping[int, Outcome]) -> None:
        """Record, beside the first word, what items in doubt read later.

        Raises:
            JournalError: The record cannot be written.
        """
        with self.record.writing() as db:
            for item, outcome in outcomes.items():
                self._append(db, "reading", plan_id, asdict(outcome), item=item)

    def progress(self, plan_id: str) -> Progress:
        """Return what is on record about the items of a plan; a later reading replaces an outcome.

        Raises:
            JournalError: The record cannot be read.
        """
        with self.record.reading() as db:
            rows = db.execute(
                "SELECT kind, item, body FROM entries WHERE plan = ? AND item IS NOT NULL ORDER BY n", (plan_id,)
            ).fetchall()
        return parse_progress(rows)

    def sent(self, quota: Quota) -> int:
        """Count the SIMs that were sent of late by the plans that count towards a quota.

        Raises:
            JournalError: The record cannot be read.
        """
        with self.record.reading() as db:
            return self._sent(db, quota)

    def first_used_up(self, quotas: Iterable[Quota], sims: int) -> tuple[Quota, datetime | None] | None:
        """Return the first quota that has no room for so many SIMs more, and when some of it is free again.

        Raises:
            JournalError: The record cannot be read.
        """
        with self.record.reading() as db:
            for quota in quotas:
                if self._sent(db, quota) + sims > quota.sims:
                    return quota, self._frees_up_at(db, quota)
        return None

    def _plan(self, db: Database, plan_id: str) -> StoredPlan | None:
        rows = db.execute(
            "SELECT kind, at, body FROM entries WHERE plan = ? AND kind IN ('planned', 'decided')", (plan_id,)
        ).fetchall()
        found = {kind: {**parse_body(body), "at": at} for kind, at, body in rows}
        if "planned" not in found or not self.holds(found["planned"]):
            return None
        planned, decided = found["planned"], found.get("decided")
        rows = db.execute("SELECT item, body FROM items WHERE plan = ? ORDER BY item", (plan_id,)).fetchall()
        return StoredPlan(
            id=plan_id,
            plan=parse_plan(planned, rows, agreed=bool(decided and decided["approved"])),
            caller=parse_caller(planned),
            expires_at=parse_moment(planned["expires"]),
            state=self.state(db, plan_id, planned, decided),
            agreed=parse_text(decided["how"]) if decided else None,
            decided_by=parse_decider(decided) if decided else None,
        )

    def holds(self, planned: dict[str, Any]) -> bool:
        """Tell from the row of a plan whether it is of the workspace whose record this is.

        Raises:
            ValueError: The row is damaged.
        """
        return self._workspace is None or workspace_of(planned) in self._held

    def state(self, db: Database, plan_id: str, planned: dict[str, Any], decided: dict[str, Any] | None) -> State:
        """Tell how a plan stands, from what was recorded as it was made and decided."""
        if decided is None:
            return "waiting" if self._is_younger(db, planned, PLANS_LIVE) else "expired"
        if decided["approved"] is not True:
            return "rejected"
        # Only what was sent, or was about to be, is begun: a SIM that was so already is no work.
        begun = db.execute("SELECT 1 FROM entries WHERE plan = ? AND kind = 'intent' LIMIT 1", (plan_id,)).fetchone()
        if begun is None:
            return "approved" if self._is_younger(db, decided, PLANS_LIVE) else "expired"
        return "approved" if self._is_younger(db, decided, AGREEMENT_LASTS) else "lapsed"

    def _is_younger(self, db: Database, entry: dict[str, Any], age: timedelta) -> bool:
        """Tell whether an entry is younger by the record's time and by the machine's, which may have been set back."""
        written, machine = parse_moment(entry.get("clock", entry["at"])), self._clock.machine()
        age_by_record = self.now(db) - parse_moment(entry["at"])
        return age_by_record < age and -_CLOCKS_DRIFT <= machine - written < age

    def now(self, db: Database) -> datetime:
        """Return the record's time, which never goes back."""
        for (last,) in db.execute("SELECT at FROM entries ORDER BY n DESC LIMIT 100"):
            with suppress(ValueError):
                return self._clock.now(parse_moment(last))
        return self._clock.now()

    def _sent(self, db: Database, quota: Quota) -> int:
        return sum(sims for sims, _ in self._sent_of_late(db, quota))

    def _frees_up_at(self, db: Database, quota: Quota) -> datetime | None:
        first = min((at for _, at in self._sent_of_late(db, quota)), default=None)
        with suppress(ValueError):
            return parse_moment(first) + timedelta(hours=quota.hours)
        return None

    def _sent_of_late(self, db: Database, quota: Quota) -> Iterator[tuple[int, str]]:
        """Yield for each plan that counts how many SIMs of it were sent of late, and when the first of them was."""
        since = (self.now(db) - timedelta(hours=quota.hours)).isoformat()
        for plan_id, sims, first in db.execute(_SENT_SINCE, (since,)).fetchall():
            counts = True  # where it cannot be told, it does.
            with suppress(*UNREADABLE):
                counts = self._counts(db, plan_id, quota)
            if counts:
                yield int(sims), first

    def _counts(self, db: Database, plan_id: str, quota: Quota) -> bool:
        if plan_id not in quota.told:
            (raw,) = db.execute(_PLANNED, (plan_id,)).fetchone()
            planned = parse_body(raw)
            counts = self.holds(planned)
            if counts and quota.counts is not None:
                counts = quota.counts(Plan.model_validate({**planned["plan"], "items": []}), parse_caller(planned))
            quota.told[plan_id] = counts
        return quota.told[plan_id]

    def _append_once(self, plan_id: str, kind: str, bodies: Mapping[int, dict[str, Any]]) -> None:
        with self.record.writing() as db:
            for item, body in bodies.items():
                self._append(db, kind, plan_id, body, item=item, once=True)

    def _append(
        self,
        db: Database,
        kind: str,
        plan_id: str,
        body: dict[str, Any],
        *,
        item: int | None = None,
        digest: str | None = None,
        sims: int | None = None,
        once: bool = False,
    ) -> None:
        db.execute(
            _APPEND_ONCE if once else _APPEND,
            (self.now(db).isoformat(), kind, plan_id, item, digest, sims, json.dumps(body, ensure_ascii=False)),
        )
