"""Reading the record takes time in proportion to what is read, however large one change was."""

import json
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from sim_mcp.changes.outcome import Outcome
from sim_mcp.changes.record.audit import audit
from sim_mcp.changes.record.history import changes
from sim_mcp.changes.record.journal import Journal
from sim_mcp.changes.record.place import Place
from sim_mcp.changes.record.record_file import FILE
from tests.changes.test_record import CALLER, plan_of

FEW, MANY = 1000, 3000
QUESTIONS: dict[str, Callable[[Path], object]] = {
    "audit": lambda place: list(audit(place)),
    "audit of a SIM": lambda place: list(audit(place, sim="777")),
    "changes": lambda place: changes(Journal(place)),
    "changes of a SIM": lambda place: changes(Journal(place), sim="777"),
    "plan and progress": lambda place: [
        (Journal(place).plan(change.plan), Journal(place).progress(change.plan)) for change in changes(Journal(place))
    ],
}


def a_change_of(sims: int, place: Path) -> Path:
    """Put a change of so many SIMs on record, sent and settled."""
    place.mkdir()
    journal = Journal(place)
    plan = journal.keep(plan_of(sims), CALLER)
    journal.decide(plan.id, approved=True, how="a form")
    with closing(sqlite3.connect(place / FILE)) as db, db:
        # As Journal.intend would, which takes a transaction for each.
        db.execute(
            "INSERT INTO entries (at, kind, plan, item, sims, body) SELECT ?, 'intent', plan, item, 1, '{}' FROM items",
            (datetime.now(UTC).isoformat(),),
        )
    journal.settle(plan.id, dict.fromkeys(range(sims), Outcome("changed", "Issued", "Deleted", "")))
    return place


def work(question: Callable[[Path], object], place: Path) -> int:
    """Count the calls that are made and the characters that are parsed: the same on every machine, however busy."""
    done, parse = 0, json.loads

    def parsing(text: str, **options: Any) -> Any:
        nonlocal done
        done += len(text)
        return parse(text, **options)

    def called(_frame: FrameType, _event: str, _argument: object) -> None:
        nonlocal done
        done += 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json, "loads", parsing)
        before = sys.getprofile()
        sys.setprofile(called)
        try:
            question(place)
        finally:
            sys.setprofile(before)
    return done


@pytest.mark.parametrize("question", QUESTIONS)
def test_three_times_as_much_takes_about_three_times_the_work(tmp_path: Path, question: str) -> None:
    few, many = a_change_of(FEW, tmp_path / "few"), a_change_of(MANY, tmp_path / "many")
    assert len(list(audit(many))) == MANY + 1
    # Where the whole plan is parsed for each row, it is nine times.
    assert work(QUESTIONS[question], many) < 4 * work(QUESTIONS[question], few)


def test_since_means_the_same_moment_in_every_zone(place: Place) -> None:
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    journal = Journal(place, now=lambda: noon)
    journal.decide(journal.keep(plan_of(1), CALLER).id, approved=True, how="form")
    ahead = timezone(timedelta(hours=5))
    for since in (noon, noon.astimezone(ahead), noon.astimezone(UTC).replace(tzinfo=None)):
        assert [row.event for row in audit(place, since)] == ["decided"]
    assert list(audit(place, (noon + timedelta(seconds=1)).astimezone(timezone(-timedelta(hours=5))))) == []
