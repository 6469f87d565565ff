"""The record, told: who agreed to what, what was sent, what came of it, and what it read later."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from sim_mcp.changes.record_file import RecordFile
from sim_mcp.changes.spelling import means

NOT_KNOWN_YET = "sent, outcome not known yet"

_PLANS = "SELECT plan, kind, body FROM entries WHERE kind IN ('planned', 'decided')"
_ROWS = """
SELECT entry.n, entry.at, entry.kind, entry.plan, entry.item, entry.body, item.body, answer.body
FROM entries AS entry
LEFT JOIN items AS item ON item.plan = entry.plan AND item.item = entry.item
LEFT JOIN entries AS answer ON answer.plan = entry.plan AND answer.item = entry.item AND answer.kind = 'answer'
WHERE entry.at >= ? AND entry.kind NOT IN ('planned', 'answer') AND NOT (entry.kind = 'intent' AND EXISTS (
    SELECT 1 FROM entries AS outcome
    WHERE outcome.plan = entry.plan AND outcome.item = entry.item AND outcome.kind = 'outcome'
))
ORDER BY entry.n
"""


class AuditRow(NamedTuple):
    """One thing that happened to one SIM, one batch, or one plan as a whole."""

    at: str
    principal: str
    client: str
    tool: str
    plan: str
    event: str
    """decided, sent, outcome, read again, or unreadable."""
    sim: str
    before: str
    after: str
    agreed: str
    outcome: str
    note: str
    request: str


class _Plan(NamedTuple):
    """What a plan says about each of its rows."""

    principal: str
    client: str
    tool: str
    summary: str
    sims: int | None
    batch: str
    agreed: str


def audit(directory: Path, since: datetime | None = None, sim: str | None = None) -> Iterator[AuditRow]:
    """Yield what happened, oldest first; `sim` keeps what is about a SIM, spelled in any way a tool understands.

    A row that cannot be read, or that a newer version wrote, is told as such and hides no other.

    Raises:
        JournalError: The record is there but cannot be read.
    """
    file = RecordFile(directory)
    if not file.exists:
        return
    fits = means(sim) if sim is not None else None
    with file.reading() as db:
        plans = _plans(db)
        wanted = _items_that(db, plans, fits) if fits is not None else None
        about = {plan_id for plan_id, _ in wanted} if wanted is not None else set()
        for number, at, kind, plan_id, item, body, planned, answer in db.execute(
            _ROWS, (since.isoformat() if since else "",)
        ):
            if wanted is not None and (plan_id not in about if item is None else (plan_id, item) not in wanted):
                continue
            plan = plans.get(plan_id, _UNREADABLE_PLAN)
            try:
                about_item = json.loads(planned) if planned is not None else {}
                told = _told(kind, json.loads(body), about_item, json.loads(answer) if answer else {}, plan)
                yield _row(at, plan_id, plan, told)
            except (ValueError, KeyError, TypeError, AttributeError):
                note = f"row {number} ({kind}) cannot be read by this version"
                yield _row(at, plan_id, plan, {"event": "unreadable", "outcome": "unreadable", "note": note})


_UNREADABLE_PLAN = _Plan("?", "?", "?", "a plan that cannot be read", None, "", "?")


def _plans(db: sqlite3.Connection) -> dict[str, _Plan]:
    planned: dict[str, dict[str, Any]] = {}
    agreed: dict[str, str] = {}
    for plan_id, kind, body in db.execute(_PLANS):
        try:
            if kind == "planned":
                planned[plan_id] = json.loads(body)
            else:
                agreed[plan_id] = json.loads(body)["how"]
        except (ValueError, KeyError, TypeError):
            continue
    found: dict[str, _Plan] = {}
    for plan_id, body in planned.items():
        try:
            found[plan_id] = _plan(body, agreed.get(plan_id, "nobody had to"))
        except (KeyError, TypeError, ValueError, AttributeError):
            continue
    return found


def _plan(body: dict[str, Any], agreed: str) -> _Plan:
    plan, (principal, client) = body["plan"], body["caller"]
    batch = plan["change"].get("bic", "")
    return _Plan(principal, client, plan["tool"], body.get("summary", plan["tool"]), body.get("to_do"), batch, agreed)


def _items_that(
    db: sqlite3.Connection, plans: dict[str, _Plan], fits: Callable[[dict[str, Any], str], bool]
) -> set[tuple[str, int]]:
    found: set[tuple[str, int]] = set()
    for plan_id, item, body in db.execute("SELECT plan, item, body FROM items"):
        plan = plans.get(plan_id)
        try:
            if fits(json.loads(body), plan.batch if plan else ""):
                found.add((plan_id, item))
        except (ValueError, AttributeError):
            continue
    return found


def _told(kind: str, body: dict[str, Any], item: dict[str, Any], answer: dict[str, Any], plan: _Plan) -> dict[str, str]:
    if kind == "decided":
        sims = plan.batch or (f"{plan.sims:,} SIM{'' if plan.sims == 1 else 's'}" if plan.sims is not None else "")
        decision = "approved" if body["approved"] else "rejected"
        return {"event": "decided", "sim": sims, "outcome": decision, "note": plan.summary}
    name = plan.batch or item.get("iccid") or (f"id {item['sim_id']}" if "sim_id" in item else "?")
    if kind == "intent":
        return {
            "event": "sent",
            "sim": name,
            "before": item.get("before", "?"),
            "after": f"{item.get('after', '?')}?",
            "outcome": "sent",
            "note": _answered(answer),
            "request": answer.get("request") or "",
        }
    events = {"outcome": "outcome", "reading": "read again"}
    return {
        "event": events[kind],
        "sim": name,
        "before": body["before"],
        "after": body["after"],
        "outcome": body["kind"],
        "note": body["note"],
        "request": body.get("request") or "",
    }


def _answered(answer: dict[str, Any]) -> str:
    if not answer:
        return NOT_KNOWN_YET
    return f"{NOT_KNOWN_YET}: {answer.get('doubt') or 'emnify accepted it, and it was not read back'}"


def _row(at: str, plan_id: str, plan: _Plan, told: dict[str, str]) -> AuditRow:
    nothing = dict.fromkeys(("event", "sim", "before", "after", "outcome", "note", "request"), "")
    return AuditRow(
        at=at,
        principal=plan.principal,
        client=plan.client,
        tool=plan.tool,
        plan=plan_id,
        agreed=plan.agreed,
        **{**nothing, **told},
    )
