"""The record comes first, in a database as in a file."""

from contextlib import closing

import psycopg
import pytest

from sim_mcp.changes.outcome import Outcome
from sim_mcp.changes.record.journal import Journal
from sim_mcp.changes.record.place import Place, open_record
from sim_mcp.changes.record.quota import Quota
from tests.changes.test_record import (  # noqa: F401  # each runs here too, with a database.
    CALLER,
    crowded,
    plan_of,
    test_a_client_can_read_the_record_as_a_resource,
    test_a_plan_is_decided_once_and_each_item_sent_and_settled_once,
    test_a_plan_lapses_and_cannot_be_decided_then,
    test_an_approval_nobody_acted_on_lapses_but_a_change_once_begun_may_be_finished,
    test_each_item_is_on_record_as_intended_before_it_is_as_done,
    test_limits_per_change_and_per_hour_are_kept,
    test_the_audit_tells_who_what_when_how_and_what_came_of_it,
    test_the_operators_rules_decide_by_tool_status_and_count,
)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET body = '{}'",
        "DELETE FROM entries",
        "TRUNCATE entries",
        "UPDATE items SET body = '{}'",
        "TRUNCATE items",
    ],
)
def test_the_record_cannot_be_rewritten(place: Place, statement: str) -> None:
    journal = Journal(place)
    journal.keep(plan_of(), CALLER)
    refused = pytest.raises(psycopg.IntegrityError, match="only ever appended")
    with closing(open_record(place)) as record, refused, record.writing() as db:
        db.execute(statement)


def test_the_database_itself_refuses_what_may_be_there_once(place: Place) -> None:
    journal = Journal(place)
    plan = journal.keep(plan_of(), CALLER)
    journal.decide(plan.id, approved=True, how="form")
    journal.intend(plan.id, 0, "x", quotas=[Quota(9)])
    journal.settle(plan.id, {0: Outcome("changed", "a", "b", "first")})
    columns = "at, kind, plan, item, body"
    insert = f"INSERT INTO entries ({columns}) SELECT {columns} FROM entries WHERE kind = ?"  # noqa: S608  # our own.
    with closing(open_record(place)) as record:
        for kind in ("planned", "decided", "intent", "outcome"):
            with pytest.raises(psycopg.errors.UniqueViolation), record.writing() as db:
                db.execute(insert, (kind,))
        with pytest.raises(psycopg.IntegrityError, match="agreed to stays"), record.writing() as db:
            db.execute("DELETE FROM items")
