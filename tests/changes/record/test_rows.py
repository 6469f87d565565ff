"""A row that is damaged, or that a newer version wrote, is told as such, hides no other, and has nothing sent twice."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from sim_mcp.changes.outcome import Outcome
from sim_mcp.changes.plan import Plan
from sim_mcp.changes.record.audit import audit
from sim_mcp.changes.record.entries import Caller
from sim_mcp.changes.record.history import changes
from sim_mcp.changes.record.journal import Journal
from sim_mcp.changes.record.quota import Quota
from sim_mcp.changes.record.record_file import FILE
from sim_mcp.changes.record.storage import UnreadablePlanError
from sim_mcp.server.app import build_server
from sim_mcp.settings import Confirm
from tests.changes.test_record import CALLER, plan_of
from tests.processes.test_commands import run_on
from tests.support import Fleet, structured, text_of

RECORDS = Path(__file__).with_name("records")
NO_OBJECTS = ("", "{", "no JSON", "null", "[]", '"text"', "7", "[" * 100_000, b"\xff\xfe", '{"a": "\\ud800"}', "{}")
OUTCOME = {"kind": "changed", "before": "Issued", "after": "Deleted", "note": "", "request": None}
ODD: tuple[Any, ...] = (7, None, {}, ["x"], "teleported")
DECISION = {"approved": True, "how": "a form"}


@contextmanager
def tampering(directory: Path) -> Iterator[sqlite3.Connection]:
    """Open the record as a failing disk or another version might write it: without its own safeguards."""
    with closing(sqlite3.connect(directory / FILE)) as db:
        for (trigger,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {trigger}")
        yield db
        db.commit()


def carried_out(journal: Journal, plan: Plan, caller: Caller = CALLER, settled: int | None = None) -> str:
    """Put a change of a plan on record: all of it sent, and so many items of it settled."""
    plan_id = journal.keep(plan, caller).id
    journal.decide(plan_id, approved=True, how="a form")
    for number, item in enumerate(plan.items):
        journal.intend(plan_id, number, item.identity, quotas=[Quota(10_000)])
    outcome = Outcome("changed", "Issued", "Deleted", "")
    journal.settle(plan_id, dict.fromkeys(range(len(plan.items) if settled is None else settled), outcome))
    return plan_id


PLANNED: dict[str, tuple[Any, ...]] = {
    "plan": (None, {"tool": "twin_sims", "change": {"kind": "twin"}, "selection": ""}, {"tool": 7, "change": []}),
    "caller": ("somebody", [1, 2], None),
    "expires": ("soon",),
    "clock": (7,),
    "to_do": ("many", 99),
    "summary": ({},),
}


def of_each_kind() -> Iterator[tuple[str, str, Any]]:
    """Every way to damage a row: which, in which column, with what."""
    for kind in ("planned", "decided", "intent", "answer", "outcome", "reading", "items"):
        yield from ((kind, "body", body) for body in NO_OBJECTS)
    for kind in ("planned", "decided", "outcome"):
        yield from ((kind, "at", at) for at in ("yesterday", "", b"\xff"))
    for field in OUTCOME:
        yield from (("outcome", "body", json.dumps({**OUTCOME, field: bad})) for bad in ODD)
    for field in DECISION:
        yield from (("decided", "body", json.dumps({**DECISION, field: bad})) for bad in ODD)
    for field, each in PLANNED.items():
        yield from (("planned", f"$.{field}", bad) for bad in each)
    for field in ("iccid", "before", "verdict"):
        yield from (("items", f"$.{field}", bad) for bad in ODD)


def damage(directory: Path, plan_id: str, kind: str, column: str, bad: Any) -> None:
    with tampering(directory) as db:
        if column.startswith("$"):
            column, bad = f"body = json_set(body, '{column}', json(?))", json.dumps(bad)
        else:
            column = f"{column} = CAST(? AS TEXT)"
        if kind == "items":
            db.execute(f"UPDATE items SET {column} WHERE plan = ? AND item = 0", (bad, plan_id))  # noqa: S608  # a test's own.
        else:
            db.execute(f"UPDATE entries SET {column} WHERE plan = ? AND kind = ?", (bad, plan_id, kind))  # noqa: S608  # as above.


def a_record_of_three(directory: Path) -> list[str]:
    journal = Journal(directory)
    plans = [carried_out(journal, plan_of(number)) for number in (2, 3, 4)]
    journal.read_again(plans[1], {0: Outcome("changed", "Issued", "Deleted", "read again")})
    with tampering(directory) as db:
        db.execute(
            "INSERT INTO entries (at, kind, plan, item, body) VALUES (?, 'answer', ?, 0, ?)",
            (datetime.now(UTC).isoformat(), plans[1], '{"request": "r", "doubt": null}'),
        )
    return plans


@pytest.mark.parametrize(("kind", "column", "bad"), [*of_each_kind()], ids=lambda value: str(value)[:40])
def test_a_damaged_row_hides_no_other(tmp_path: Path, kind: str, column: str, bad: Any) -> None:
    first, second, third = a_record_of_three(tmp_path)
    whole = [row for row in audit(tmp_path) if row.plan != second]
    damage(tmp_path, second, kind, column, bad)
    # As after a restart: a running server knows the last row it wrote, and stops where that was touched.
    journal = Journal(tmp_path)

    told = list(audit(tmp_path))
    assert [row for row in told if row.plan != second] == whole
    # What is left of the damaged change is told too: each row of it, whatever can be read of it.
    assert len([row for row in told if row.plan == second]) == 5
    assert all(isinstance(value, str) for row in told for value in row)
    json.dumps([row._asdict() for row in told], ensure_ascii=False).encode()
    by_sim = {row.plan for row in audit(tmp_path, sim="3")}
    assert by_sim >= {third}

    listed = {change.plan: change for change in changes(journal)}
    assert {first, third} <= set(listed)
    assert listed[third].counts == {"changed": 4}
    assert [change.plan for change in changes(journal, sim="4")] == [third]

    assert journal.keep(plan_of(2), CALLER).id != first
    fourth = journal.keep(plan_of(5), CALLER)
    assert journal.decide(fourth.id, approved=True, how="a form")
    assert journal.intend(fourth.id, 0, "x", quotas=[Quota(10_000)]) == "now"
    assert journal.plan(first)
    journal.sent(Quota(1))
    journal.first_used_up([Quota(1)], 1)
    # Nothing that was sent is ever taken for not sent.
    assert set(journal.progress(second).sent) == {0, 1, 2}
    assert journal.intend(second, 0, "x", quotas=[Quota(10_000)]) == "before"


@pytest.mark.parametrize("bad", ["{", "null", json.dumps({**OUTCOME, "kind": "teleported"})])
def test_an_outcome_that_cannot_be_read_is_a_doubt_and_never_open_to_be_sent(tmp_path: Path, bad: str) -> None:
    journal = Journal(tmp_path)
    plan_id = carried_out(journal, plan_of(3))
    damage(tmp_path, plan_id, "outcome", "body", bad)
    journal = Journal(tmp_path)
    assert {outcome.kind for outcome in journal.progress(plan_id).settled.values()} == {"unknown"}
    (change,) = changes(journal)
    assert (change.standing, change.in_doubt, change.left) == ("open", 3, 0)


def test_what_waits_for_a_yes_has_nothing_left_to_send(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.keep(plan_of(3), CALLER)
    (change,) = changes(journal)
    assert (change.standing, change.left, change.in_doubt, change.counts) == ("waiting", 0, 0, {})


def test_the_audit_of_a_sim_is_about_the_changes_of_that_sim_alone(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    both, one = carried_out(journal, plan_of(5)), carried_out(journal, plan_of(2))
    told = {sim: [(row.plan, row.sim) for row in audit(tmp_path, sim=sim) if row.sim.isdigit()] for sim in ("2", "4")}
    assert set(told["2"]) == {(both, "2"), (one, "2")}
    assert set(told["4"]) == {(both, "4")}


@pytest.mark.parametrize("lost", ["planned", "every item", "one item", "one that needed nothing", "the last item"])
def test_a_plan_of_which_rows_are_missing_is_told_and_not_gone_on_with(tmp_path: Path, lost: str) -> None:
    """What was sent is known by its place: without one item, the next would be taken for it, and sent twice."""
    journal = Journal(tmp_path)
    other = carried_out(journal, plan_of(2))
    first, *rest = plan_of(3).items
    plan = plan_of(3).model_copy(update={"items": (first.model_copy(update={"verdict": "already"}), *rest)})
    plan_id = carried_out(journal, plan, settled=1)
    with tampering(tmp_path) as db:
        if lost == "planned":
            db.execute("DELETE FROM entries WHERE plan = ? AND kind = 'planned'", (plan_id,))
        else:
            places = {"every item": [0, 1, 2], "one item": [1], "one that needed nothing": [0], "the last item": [2]}
            db.executemany("DELETE FROM items WHERE plan = ? AND item = ?", [(plan_id, each) for each in places[lost]])
    told = [row for row in audit(tmp_path) if row.plan == plan_id]
    assert [row.event for row in told] == ["decided", "sent", "sent", "outcome"]
    assert {row.agreed for row in told} == {"a form"}
    assert other in {change.plan for change in changes(journal)}
    if lost == "planned":
        assert journal.plan(plan_id) is None
    else:
        with pytest.raises(UnreadablePlanError, match=f"Plan {plan_id} is on record and cannot be read"):
            journal.plan(plan_id)


@pytest.mark.parametrize("bad", [*NO_OBJECTS, '{"plan": "text"}', '{"plan": {"items": [7]}}', '{"plan": {"items": 7}}'])
def test_a_damaged_row_of_an_earlier_version_hides_no_other(tmp_path: Path, bad: Any) -> None:
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        db.executescript((RECORDS / "version_0.sql").read_text(encoding="utf-8"))
    (first,) = {row.plan for row in audit(copy_of(tmp_path)) if row.sim.endswith("0002")}
    damage(tmp_path, first, "planned", "body", bad)
    told = [row for row in audit(tmp_path) if row.plan != first]
    assert [(row.event, row.outcome) for row in told] == [
        ("decided", "rejected"),
        ("decided", "approved"),
        ("outcome", "changed"),
    ]
    assert len(changes(Journal(tmp_path))) == 4


def copy_of(directory: Path) -> Path:
    other = directory / "copy"
    other.mkdir()
    shutil.copy(directory / FILE, other)
    return other


async def test_a_server_goes_on_beside_a_damaged_change_and_the_commands_tell_it(fleet: Fleet) -> None:
    stories = ("healthy", "went_silent", "euicc", "wrong_apn")
    first, second, third, fourth = (fleet.scenarios[story]["iccid"] for story in stories)
    async with Client(build_server(fleet.settings(confirm=Confirm.HOST))) as client:

        async def suspend(sim: str) -> Any:
            return structured(await client.call_tool("set_sim_status", {"sims": [sim], "status": "suspended"}))

        good, bad, last = [(await suspend(sim))["plan"] for sim in (first, second, third)]
        damage(fleet.state_dir, bad, "items", "body", "{")
        damage(fleet.state_dir, bad, "outcome", "body", json.dumps({**OUTCOME, "kind": "teleported"}))
        assert (await suspend(fourth))["state"] == "done"
        rows = {row["plan"]: row for row in structured(await client.call_tool("list_changes", {}))["changes"]}
        assert rows[good]["state"] == rows[last]["state"] == "done"
        assert rows[bad]["in_doubt"] == 1
        refused = await client.call_tool("continue_change", {"plan": bad})
        assert refused.is_error
        assert "cannot be read by this version" in text_of(refused)
        assert len(await fleet.writes()) == 4
    for options in ((), ("--json",), ("--csv",), ("--sim", second)):
        done = await run_on(fleet, "audit", *options)
        assert done.returncode == 0, done.stderr
    assert (await run_on(fleet, "audit", "--json")).stdout.count('"outcome": "changed"') == 3
