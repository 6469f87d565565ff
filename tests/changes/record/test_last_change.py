"""The last change that was sent for a SIM, with what it was before; a damaged row hides no older one."""

from pathlib import Path

import pytest

from sim_mcp.changes.outcome import Outcome
from sim_mcp.changes.record.journal import Journal
from sim_mcp.changes.record.last_change import last_change
from sim_mcp.changes.record.place import Place
from sim_mcp.changes.record.quota import Quota
from sim_mcp.changes.record.record_file import FILE
from sim_mcp.changes.record.storage import JournalError
from tests.changes.record.test_rows import NO_OBJECTS, tampering
from tests.changes.test_record import CALLER, plan_of


def sent(journal: Journal, number: int, *, settled: str | None = "changed", **changed: object) -> str:
    """Record a change of so many SIMs that was agreed to and sent; return the plan's id."""
    plan = journal.keep(plan_of(number).model_copy(update=changed), CALLER)
    journal.decide(plan.id, approved=True, how="a form")
    for item in range(number):
        assert journal.intend(plan.id, item, "x", quotas=[Quota(1000)]) == "now"
    if settled:
        doubt, done = Outcome("unknown", "Issued", "Issued", ""), Outcome("changed", "Issued", "Deleted", "")
        journal.settle(plan.id, dict.fromkeys(range(number), doubt if settled == "unknown" else done))
    return plan.id


def test_without_a_record_or_anything_sent_there_is_none(place: Place) -> None:
    journal = Journal(place)
    assert last_change(journal, 1, "1") is None
    journal.keep(plan_of(), CALLER)
    assert last_change(journal, 1, "1") is None


def test_the_newest_that_was_sent_is_told_with_its_outcome(place: Place) -> None:
    journal = Journal(place)
    first, second = sent(journal, 2), sent(journal, 1)
    for sim, plan in ((1, second), (2, first)):
        found = last_change(journal, sim, str(sim))
        assert found is not None
        assert (found.plan, found.before, found.after, found.outcome) == (plan, "Issued", "Deleted", "changed")
    assert last_change(journal, 3, "3") is None
    # Another workspace may have another SIM of that id.
    assert last_change(journal, 2, "8988303000000000129") is None


def test_what_another_workspace_sent_is_not_told(place: Place) -> None:
    """Two organisations may have SIMs of the same id, and of no ICCID."""
    acme, borg = Journal(place, workspace="acme"), Journal(place, workspace="borg")
    mine = sent(acme, 1, workspace_name="acme")
    sent(borg, 1, workspace_name="borg")
    found = last_change(acme, 1, None)
    assert found is not None
    assert found.plan == mine
    assert last_change(Journal(place), 1, None) is None
    # One workspace may hold what was planned before there were names.
    before = sent(Journal(place), 1)
    found = last_change(Journal(place, workspace="acme", earlier=True), 1, None)
    assert found is not None
    assert found.plan == before
    assert last_change(acme, 1, None) == last_change(Journal(place, workspace="acme"), 1, None)


@pytest.mark.parametrize("settled", [None, "unknown"])
def test_a_doubt_is_told_as_one_with_what_was_wanted(place: Place, settled: str | None) -> None:
    journal = Journal(place)
    sent(journal, 1, settled=settled)
    found = last_change(journal, 1, "1")
    assert found is not None
    assert (found.before, found.after, found.outcome) == ("Issued", "Deleted", None)


@pytest.mark.parametrize("damage", NO_OBJECTS, ids=lambda damage: repr(damage)[:20])
def test_a_damaged_row_hides_no_older_change_and_a_damaged_outcome_is_a_doubt(
    tmp_path: Path, damage: str | bytes
) -> None:
    journal = Journal(tmp_path)
    first, second = sent(journal, 2), sent(journal, 1)
    with tampering(tmp_path) as db, db:
        db.execute("UPDATE entries SET body = ? WHERE plan = ? AND kind = 'outcome'", (damage, second))
    found = last_change(journal, 1, "1")
    assert found is not None
    assert (found.plan, found.outcome) == (second, None)
    with tampering(tmp_path) as db, db:
        db.execute("UPDATE items SET body = ? WHERE plan = ?", (damage, second))
    found = last_change(journal, 1, "1")
    assert found is not None
    assert (found.plan, found.outcome) == (first, "changed")


def test_a_record_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    sent(journal, 1)
    (tmp_path / FILE).write_bytes(b"damaged")
    with pytest.raises(JournalError):
        last_change(journal, 1, "1")
