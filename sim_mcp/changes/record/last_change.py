"""The last change that was sent for one SIM, with what it was before: where undoing begins."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sim_mcp.changes.record.journal import Journal
from sim_mcp.changes.record.rows import UNREADABLE, parse_body, parse_moment, parse_outcome, parse_text

_SENT = """
SELECT intent.plan, intent.item, intent.at, item.body, planned.body
FROM entries AS intent JOIN items AS item ON item.plan = intent.plan AND item.item = intent.item
JOIN entries AS planned ON planned.plan = intent.plan AND planned.kind = 'planned'
WHERE intent.kind = 'intent' AND instr(item.body, ?) > 0
ORDER BY intent.n DESC
"""
_LATER = """
SELECT body FROM entries WHERE plan = ? AND item = ? AND kind IN ('outcome', 'reading') ORDER BY n DESC
"""
_WAIT_S = 0.1
"""It is told beside other facts: who only reads does not wait for a process that holds the record."""


@dataclass(frozen=True)
class LastChange:
    """What was sent for a SIM, when, in which plan, and what came of it."""

    plan: str
    at: datetime
    before: str
    after: str
    outcome: str | None
    """An outcome's kind, or None where it is not known."""


def last_change(journal: Journal, sim_id: int, iccid: str | None) -> LastChange | None:
    """Return the newest change that was sent for a SIM from this workspace, or None.

    What cannot be read hides no older one.

    Raises:
        JournalError: The record cannot be read.
    """
    if not journal.record.exists:
        return None
    with journal.record.reading(wait_s=_WAIT_S) as db:
        for plan, item, at, body, made in db.execute(_SENT, (f'"sim_id":{sim_id},',)):
            with suppress(*UNREADABLE):
                planned = parse_body(body)
                if not journal.holds(parse_body(made)):
                    continue
                if planned["sim_id"] != sim_id or not str(planned["iccid"] or "").startswith(iccid or ""):
                    continue
                later = [raw for (raw,) in db.execute(_LATER, (plan, item))]
                before, after, outcome = _read_outcome(planned, later)
                return LastChange(parse_text(plan), parse_moment(at), before, after, outcome)
    return None


def _read_outcome(planned: dict[str, Any], later: list[Any]) -> tuple[str, str, str | None]:
    """Return the state before and after, and the kind of outcome: by the newest entry that can be read."""
    for raw in later:
        with suppress(*UNREADABLE):
            outcome = parse_outcome(parse_body(raw))
            known = None if outcome.kind == "unknown" else outcome.kind
            return outcome.before, outcome.after if known else parse_text(planned["after"]), known
    return parse_text(planned["before"]), parse_text(planned["after"]), None
