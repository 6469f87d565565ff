"""What reading the record costs: the whole of one large change, read row by row, within one run.

Run with `uv run python benchmarks/audit.py [SIMS …]`. The aim is a second for 3,000 changed SIMs of one plan.
"""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.common import Row, run_for_sizes, times
from sim_mcp.changes.item import PlannedItem
from sim_mcp.changes.kinds.status import SetStatus
from sim_mcp.changes.outcome import Outcome
from sim_mcp.changes.plan import Plan
from sim_mcp.changes.record.audit import audit
from sim_mcp.changes.record.entries import Caller
from sim_mcp.changes.record.history import changes
from sim_mcp.changes.record.journal import Journal
from sim_mcp.changes.record.record_file import FILE
from sim_mcp.emnify import SimStatus

SIZES = (3000,)
AIM_S = 1.0
REPEATS = 5


def recorded(directory: Path, sims: int) -> Journal:
    """Put a change of so many SIMs on record: agreed to, sent, and settled."""
    items = tuple(
        PlannedItem(
            sim_id=number,
            iccid=f"8988303{number:012}",
            device=f"meter {number}",
            before="Activated",
            after="Suspended",
            verdict="change",
            reason="service stops",
            fingerprint="[]",
        )
        for number in range(1, sims + 1)
    )
    plan = Plan(tool="set_sim_status", change=SetStatus(target=SimStatus.SUSPENDED), items=items)
    journal = Journal(directory)
    stored = journal.keep(plan, Caller("this machine", "a benchmark"))
    journal.decide(stored.id, approved=True, how="a form")
    with closing(sqlite3.connect(directory / FILE)) as db, db:
        # As Journal.intend would, which takes a transaction for each.
        db.execute(
            "INSERT INTO entries (at, kind, plan, item, sims, body) SELECT ?, 'intent', plan, item, 1, '{}' FROM items",
            (datetime.now(UTC).isoformat(),),
        )
    outcome = Outcome("changed", "Activated", "Suspended", "service stopped", "a-request-id")
    journal.settle(stored.id, dict.fromkeys(range(sims), outcome))
    return journal


def seconds(question: Callable[[], object]) -> float:
    """Return the least of a few times an answer takes."""
    found = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        question()
        found.append(time.perf_counter() - began)
    return min(found)


async def measure_all(sizes: list[int]) -> list[Row]:
    """Measure one size after another."""
    rows = []
    for sims in sizes:
        with TemporaryDirectory() as place:
            journal = recorded(Path(place), sims)
            rows_kept = list(audit(Path(place)))
            outcomes = [row for row in rows_kept if row.outcome == "changed"]
            assert len(outcomes) == sims, f"{len(outcomes)} outcomes of {sims}"
            (change,) = changes(journal)
            assert change.counts == {"changed": sims}, change.counts
            whole = seconds(lambda place=place: list(audit(Path(place))))  # type: ignore[misc]  # a default.
            listed = seconds(lambda journal=journal: changes(journal))  # type: ignore[misc]  # a default.
        rows += [
            Row(f"Audit of {sims:,} changed SIMs of one plan", "", f"{AIM_S:.0f} s", times(whole / AIM_S)),
            Row(f"Change of {sims:,} SIMs in list_changes", "", f"{AIM_S:.0f} s", times(listed / AIM_S)),
        ]
    return rows


if __name__ == "__main__":
    run_for_sizes("Reading the record", measure_all, SIZES, __doc__)
