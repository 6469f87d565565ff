"""The audit: who agreed to what, what was sent, what came of it, and what was read later."""

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import datetime
from typing import Any, NamedTuple

from sim_mcp.changes.kinds import label_recorded
from sim_mcp.changes.record.place import Place, open_record
from sim_mcp.changes.record.rows import UNREADABLE, parse_body, parse_caller, parse_text, workspace_of
from sim_mcp.changes.record.sim_matcher import match_sim
from sim_mcp.changes.record.storage import Database
from sim_mcp.formatting import as_utc, format_quantity

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
    identity: str = ""
    """Issuer and subject of who asked, if they signed in: shown names may change, and be those of several."""
    workspace: str = ""
    """What the operator calls it, where there are several."""


class _Plan(NamedTuple):
    """What a plan says about each of its rows."""

    principal: str
    client: str
    tool: str
    summary: str
    sims: int | None
    batch: str
    agreed: str
    owner: tuple[str, ...] = ()
    identity: str = ""
    workspace: str = ""


def audit(
    place: Place,
    since: datetime | None = None,
    sim: str | None = None,
    sees: Callable[[str, tuple[str, ...]], bool] | None = None,
) -> Iterator[AuditRow]:
    """Yield what happened, oldest first; `sim` keeps what is about a SIM, spelled in any way a tool understands.

    `sees` keeps what it says yes to, by workspace and owner.

    A row that cannot be read, or that a newer version wrote, is reported as such and hides no other.

    Raises:
        JournalError: The record is there but cannot be read.
    """
    record = open_record(place)
    if not record.exists:
        return
    fits = match_sim(sim) if sim is not None else None
    with closing(record), record.reading() as db:
        plans = _plans(db)
        wanted = _items_that(db, plans, fits) if fits is not None else None
        about = {plan_id for plan_id, _ in wanted} if wanted is not None else set()
        for number, at, kind, plan_id, item, body, planned, answer in db.execute(
            _ROWS, (as_utc(since).isoformat() if since else "",)
        ):
            if wanted is not None and (plan_id not in about if item is None else (plan_id, item) not in wanted):
                continue
            plan, about_item = plans.get(plan_id, _UNREADABLE_PLAN), _if_readable(planned)
            if sees is not None and not sees(plan.workspace, plan.owner):
                continue
            try:
                row = _row(at, plan_id, plan, _fields(kind, body, about_item, _if_readable(answer), plan))
            except UNREADABLE:
                note = f"row {number} ({kind}) cannot be read by this version"
                fields = {"event": "unreadable", "sim": _name(plan, about_item), "outcome": "unreadable", "note": note}
                row = _row(at, plan_id, plan, fields)
            yield row


_UNREADABLE_PLAN = _Plan("?", "?", "?", "a plan that cannot be read", None, "", "?", workspace="?")


def _plans(db: Database) -> dict[str, _Plan]:
    planned: dict[str, dict[str, Any]] = {}
    agreed: dict[str, str] = {}
    for plan_id, kind, body in db.execute(_PLANS):
        try:
            if kind == "planned":
                planned[plan_id] = parse_body(body)
            else:
                agreed[plan_id] = "?"
                agreed[plan_id] = parse_text(parse_body(body)["how"])
        except UNREADABLE:
            continue
    found: dict[str, _Plan] = {}
    for plan_id in {**planned, **agreed}:
        try:
            found[plan_id] = _plan(planned[plan_id], agreed.get(plan_id, "nobody had to"))
        except UNREADABLE:
            found[plan_id] = _UNREADABLE_PLAN._replace(agreed=agreed.get(plan_id, "?"))
    return found


def _plan(body: dict[str, Any], agreed: str) -> _Plan:
    plan, caller, tool = body["plan"], parse_caller(body), parse_text(body["plan"]["tool"])
    batch, sims = parse_text(label_recorded(plan["change"])), body.get("to_do")
    summary = parse_text(body.get("summary", tool))
    to_do = None if sims is None else int(sims)
    return _Plan(
        caller.principal,
        caller.client,
        tool,
        summary,
        to_do,
        batch,
        agreed,
        caller.owner,
        caller.identity,
        workspace_of(body),
    )


def _items_that(
    db: Database, plans: dict[str, _Plan], fits: Callable[[dict[str, Any], str], bool]
) -> set[tuple[str, int]]:
    found: set[tuple[str, int]] = set()
    for plan_id, item, body in db.execute("SELECT plan, item, body FROM items"):
        plan = plans.get(plan_id)
        with suppress(*UNREADABLE):
            if fits(parse_body(body), plan.batch if plan else ""):
                found.add((plan_id, item))
    return found


def _if_readable(raw: Any) -> dict[str, Any]:
    with suppress(*UNREADABLE):
        return parse_body(raw)
    return {}


def _name(plan: _Plan, item: dict[str, Any]) -> str:
    return plan.batch or str(item.get("iccid") or (f"id {item['sim_id']}" if "sim_id" in item else "?"))


def _fields(kind: str, raw: Any, item: dict[str, Any], answer: dict[str, Any], plan: _Plan) -> dict[str, str]:
    name = _name(plan, item)
    if kind == "intent":
        # That it is there says all: something was sent.
        return {
            "event": "sent",
            "sim": name,
            "before": item.get("before", "?"),
            "after": f"{item.get('after', '?')}?",
            "outcome": "sent",
            "note": _answered(answer),
            "request": answer.get("request") or "",
        }
    body = parse_body(raw)
    if kind == "decided":
        sims = plan.batch or ("" if plan.sims is None else format_quantity(plan.sims, "SIM"))
        decision = "approved" if body["approved"] is True else "rejected"
        return {"event": "decided", "sim": sims, "outcome": decision, "note": plan.summary}
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


def _row(at: Any, plan_id: Any, plan: _Plan, fields: dict[str, str]) -> AuditRow:
    nothing = dict.fromkeys(("event", "sim", "before", "after", "outcome", "note", "request"), "")
    return AuditRow(
        at=at if isinstance(at, str) else "?",
        principal=plan.principal,
        client=plan.client,
        tool=plan.tool,
        plan=plan_id if isinstance(plan_id, str) else "?",
        agreed=plan.agreed,
        identity=plan.identity,
        workspace=plan.workspace,
        **{**nothing, **{name: parse_text(value) for name, value in fields.items()}},
    )
