"""Changes on record, one by one: which wait, which are open, which are done, and which left a doubt."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from sim_mcp.changes.kinds import label_recorded
from sim_mcp.changes.record.entries import Caller, State
from sim_mcp.changes.record.journal import AGREEMENT_LASTS, Journal
from sim_mcp.changes.record.rows import (
    UNREADABLE,
    parse_body,
    parse_caller,
    parse_moment,
    parse_outcome,
    parse_outcome_or_doubt,
    parse_text,
    workspace_of,
)
from sim_mcp.changes.record.sim_matcher import match_sim
from sim_mcp.changes.record.storage import Database

Standing = Literal["waiting", "open", "done", "rejected", "expired"]
"""Waiting for a yes; agreed to, and not finished or in doubt; finished; refused by a person; not agreed to in time."""

OPEN_FOR = timedelta(days=30)
"""How long a change that nobody finishes counts as open."""

_PLANNED = """
SELECT planned.plan, planned.at, planned.body, decided.at, decided.body,
    (SELECT count(*) FROM items WHERE items.plan = planned.plan)
FROM entries AS planned
LEFT JOIN entries AS decided ON decided.plan = planned.plan AND decided.kind = 'decided'
WHERE planned.kind = 'planned' AND planned.at >= ? AND planned.at < ?
ORDER BY planned.n DESC
"""
_ITEMS = """
SELECT kind, item, body FROM entries
WHERE plan = ? AND item IS NOT NULL AND kind IN ('intent', 'outcome', 'reading') ORDER BY n
"""
_STEPS = """
SELECT before, after, count(*) FROM (
    SELECT CASE WHEN json_valid(body) THEN json_extract(body, '$.verdict') END AS verdict,
        CASE WHEN json_valid(body) THEN json_extract(body, '$.before') END AS before,
        CASE WHEN json_valid(body) THEN json_extract(body, '$.after') END AS after
    FROM items WHERE plan = ?
) AS steps
WHERE verdict = 'change' GROUP BY before, after ORDER BY 3 DESC LIMIT 5
"""
_EVER = "9999"
_TOLD_BY_SIM = 3
"""Of the newest changes each SIM is told, so that they can be undone; of older ones only how many did which step."""


@dataclass(frozen=True)
class SimChange:
    """What a change did to one SIM that was asked about."""

    sim: str
    before: str
    after: str
    outcome: str


@dataclass(frozen=True)
class Change:
    """One change as the record has it."""

    plan: str
    at: datetime
    tool: str
    summary: str
    caller: Caller
    workspace: str
    """What the operator calls it, where there are several."""
    standing: Standing
    agreed: str | None
    counts: dict[str, int]
    left: int
    """SIMs that were agreed to and not sent."""
    in_doubt: int
    """SIMs that were sent, and not seen to be as wanted."""
    sims: tuple[SimChange, ...] = ()
    steps: tuple[tuple[str, str, int], ...] = ()
    """From which state to which, for how many SIMs; told where details are wanted and `sims` is empty."""


def changes(
    journal: Journal,
    *,
    sim: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    details: bool = False,
) -> list[Change]:
    """Return the changes that were planned within a time, newest first, of one SIM if it is given.

    With `details`, each also tells what its SIMs were before.

    A plan that cannot be read, or that a newer version wrote, hides no other.

    Raises:
        JournalError: The record cannot be read.
    """
    if not journal.record.exists:
        return []
    fits = match_sim(sim) if sim is not None else None
    with journal.record.reading() as db:
        within = start.isoformat() if start else "", end.isoformat() if end else _EVER
        return list(_read(journal, db, fits, *within, details=details))


def _read(
    journal: Journal,
    db: Database,
    fits: Callable[[dict[str, Any], str], bool] | None,
    start: str,
    end: str,
    *,
    details: bool,
) -> Iterator[Change]:
    found = 0
    for plan_id, at, planned, decided_at, decided, items in db.execute(_PLANNED, (start, end)).fetchall():
        try:
            body = {**parse_body(planned), "at": at}
            if not journal.holds(body):
                continue
            change = _change(journal, db, plan_id, body, _decision(decided_at, decided), items)
            wanted = fits or (_any if details and found < _TOLD_BY_SIM else None)
            sims = _sims(db, plan_id, body, wanted) if wanted is not None else []
            steps = _steps(db, plan_id) if details and not sims else ()
        except UNREADABLE:
            continue
        if fits is None or sims:
            found += 1
            yield replace(change, sims=tuple(sims), steps=steps)


def _any(item: dict[str, Any], batch: str) -> bool:
    del batch
    return item.get("verdict") == "change"


def _steps(db: Database, plan_id: str) -> tuple[tuple[str, str, int], ...]:
    return tuple((str(before), str(after), count) for before, after, count in db.execute(_STEPS, (plan_id,)))


def _decision(at: Any, raw: Any) -> dict[str, Any] | None:
    """Read a decision; of one that cannot be read, what was sent tells how it was."""
    if raw is None:
        return None
    with suppress(*UNREADABLE):
        body = parse_body(raw)
        clock = parse_moment(body.get("clock", at)).isoformat()
        decision = {"approved": body["approved"] is True, "how": parse_text(body["how"])}
        return {**decision, "at": parse_moment(at).isoformat(), "clock": clock}
    return {}


def _change(
    journal: Journal,
    db: Database,
    plan_id: str,
    planned: dict[str, Any],
    decided: dict[str, Any] | None,
    items: int,
) -> Change:
    sent: set[int] = set()
    words: dict[int, str] = {}
    batched: dict[int, int] = {}
    for kind, item, body in db.execute(_ITEMS, (plan_id,)):
        if kind == "intent":
            sent.add(item)
            continue
        with suppress(*UNREADABLE):
            outcome = parse_outcome_or_doubt(body) if kind == "outcome" else parse_outcome(parse_body(body))
            words[item] = outcome.kind
            batched[item] = outcome.sims or batched.get(item, 1)
    interrupted = len(sent - set(words))
    in_doubt = interrupted + sum(word == "unknown" for word in words.values())
    to_do = planned.get("to_do", items)
    if decided == {}:
        decided = {"approved": bool(sent or words), "how": "?", "at": planned["at"]}
    approved = bool(decided and decided["approved"])
    left = max(0, items - len(words) - interrupted) if approved else 0
    state = journal.state(db, plan_id, planned, decided)
    at = parse_moment(planned["at"])
    age = journal.now(db) - at
    open_doubt = bool(interrupted or (in_doubt and age < AGREEMENT_LASTS))
    standing = _standing(state, to_do, left, approved=approved, in_doubt=open_doubt)
    return Change(
        plan=plan_id,
        at=at,
        tool=parse_text(planned["plan"]["tool"]),
        summary=parse_text(planned.get("summary") or planned["plan"]["tool"]),
        caller=parse_caller(planned),
        workspace=workspace_of(planned),
        standing="done" if standing == "open" and age >= OPEN_FOR else standing,
        agreed=decided["how"] if decided else None,
        counts=_count(words, batched),
        left=left,
        in_doubt=in_doubt,
    )


def _count(words: Mapping[int, str], sims: Mapping[int, int]) -> dict[str, int]:
    counted = Counter[str]()
    for item, word in words.items():
        counted[word] += sims[item]
    return dict(counted)


def _standing(state: State, to_do: int, left: int, *, approved: bool, in_doubt: bool) -> Standing:
    if state == "waiting":
        return "waiting" if to_do else "done"
    if in_doubt or (left and state in ("approved", "lapsed")):
        return "open"
    if state == "rejected":
        return "rejected"
    lapsed = state == "expired" and to_do and (left or not approved)
    return "expired" if lapsed else "done"


def _sims(
    db: Database, plan_id: str, planned: dict[str, Any], fits: Callable[[dict[str, Any], str], bool]
) -> list[SimChange]:
    batch = label_recorded(planned["plan"]["change"])
    meant: dict[int, dict[str, Any]] = {}
    for number, body in db.execute("SELECT item, body FROM items WHERE plan = ?", (plan_id,)):
        with suppress(*UNREADABLE):
            item = parse_body(body)
            if fits(item, batch):
                meant[number] = item
    words: dict[int, tuple[str | None, str]] = {}
    for kind, number, body in db.execute(_ITEMS, (plan_id,)) if meant else ():
        if number not in meant:
            continue
        if kind == "intent":
            words[number] = None, "sent"
        elif kind == "outcome":
            outcome = parse_outcome_or_doubt(body)
            words[number] = outcome.after, outcome.kind
        else:
            with suppress(*UNREADABLE):
                outcome = parse_outcome(parse_body(body))
                words[number] = outcome.after, outcome.kind
    return [_sim_change(item, batch, *words.get(number, (None, "not sent"))) for number, item in meant.items()]


def _sim_change(item: dict[str, Any], batch: str, after: str | None, word: str) -> SimChange:
    name = batch or item.get("iccid") or f"id {item.get('sim_id', '?')}"
    return SimChange(str(name), str(item.get("before", "?")), after or str(item.get("after", "?")), word)
