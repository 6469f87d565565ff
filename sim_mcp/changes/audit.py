"""The record, told: who changed what, when, from what to what, how it was agreed, and what came of it."""

import json
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from sim_mcp.changes.journal import FILE, JournalError
from sim_mcp.changes.plan import Plan, Register

_ROWS = """
SELECT outcome.at, outcome.plan, outcome.item, outcome.body, planned.body, decided.body
FROM entries AS outcome
JOIN entries AS planned ON planned.plan = outcome.plan AND planned.kind = 'planned'
LEFT JOIN entries AS decided ON decided.plan = outcome.plan AND decided.kind = 'decided'
WHERE outcome.kind = 'outcome' AND outcome.at >= ?
ORDER BY outcome.n
"""


class AuditRow(NamedTuple):
    """One item of one change."""

    at: str
    principal: str
    client: str
    tool: str
    plan: str
    sim: str
    before: str
    after: str
    agreed: str
    outcome: str
    note: str
    request: str


def audit(directory: Path, since: datetime | None = None, sim: str | None = None) -> Iterator[AuditRow]:
    """Yield what was done, oldest first; `sim` keeps what has these digits in its ICCID.

    Raises:
        JournalError: The record is there but cannot be read.
    """
    file = directory / FILE
    if not file.is_file():
        return
    try:
        with sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True) as db:
            for at, plan_id, item, outcome, planned, decided in db.execute(
                _ROWS, (since.isoformat() if since else "",)
            ):
                row = _row(at, plan_id, item, json.loads(outcome), json.loads(planned), decided and json.loads(decided))
                if sim is None or sim in row.sim:
                    yield row
    except (sqlite3.Error, ValueError) as error:
        raise JournalError(f"The record at {file} cannot be read: {error}") from None


def _row(
    at: str,
    plan_id: str,
    item: int,
    outcome: dict[str, str],
    planned: dict[str, object],
    decided: dict[str, str] | None,
) -> AuditRow:
    plan = Plan.model_validate(planned["plan"])
    caller = planned["caller"]
    principal, client = caller if isinstance(caller, list) else ("?", "?")
    about = plan.items[item]
    name = plan.change.bic if isinstance(plan.change, Register) else about.iccid or f"id {about.sim_id}"
    return AuditRow(
        at=at,
        principal=principal,
        client=client,
        tool=plan.tool,
        plan=plan_id,
        sim=name,
        before=outcome["before"],
        after=outcome["after"],
        agreed=decided["how"] if decided else "nobody had to",
        outcome=outcome["kind"],
        note=outcome["note"],
        request=outcome.get("request") or "",
    )
