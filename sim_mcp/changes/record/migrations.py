"""What the record of changes looked like in each version, and how one becomes the next."""

import json
import sqlite3
from collections.abc import Callable
from typing import NamedTuple

_ONE_TABLE = """
CREATE TABLE IF NOT EXISTS entries (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('planned', 'decided', 'intent', 'outcome')),
    plan TEXT NOT NULL,
    item INTEGER,
    digest TEXT,
    body TEXT NOT NULL
);
"""

_ITEMS_APART = """
DROP TRIGGER IF EXISTS never_changed;
DROP TRIGGER IF EXISTS never_deleted;
ALTER TABLE entries RENAME TO entries_before;
CREATE TABLE entries (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('planned', 'decided', 'intent', 'answer', 'outcome', 'reading')),
    plan TEXT NOT NULL,
    item INTEGER,
    digest TEXT,
    sims INTEGER,
    body TEXT NOT NULL
);
INSERT INTO entries (n, at, kind, plan, item, digest, sims, body)
    SELECT n, at, kind, plan, item, digest, CASE kind WHEN 'intent' THEN 1 END, body FROM entries_before;
DROP TABLE entries_before;
CREATE TABLE items (
    plan TEXT NOT NULL,
    item INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (plan, item)
) WITHOUT ROWID;
"""

_ONLY_EVER_APPENDED = """
CREATE UNIQUE INDEX planned_once ON entries (plan) WHERE kind = 'planned';
CREATE UNIQUE INDEX decided_once ON entries (plan) WHERE kind = 'decided';
CREATE UNIQUE INDEX sent_once ON entries (plan, item) WHERE kind = 'intent';
CREATE UNIQUE INDEX answered_once ON entries (plan, item) WHERE kind = 'answer';
CREATE UNIQUE INDEX settled_once ON entries (plan, item) WHERE kind = 'outcome';
CREATE INDEX read_again ON entries (plan, item) WHERE kind = 'reading';
CREATE INDEX by_digest ON entries (digest) WHERE digest IS NOT NULL;
CREATE INDEX intents_by_time ON entries (at, sims) WHERE kind = 'intent';
CREATE INDEX plans_by_time ON entries (at) WHERE kind = 'planned';
CREATE TRIGGER never_changed BEFORE UPDATE ON entries
    BEGIN SELECT RAISE(ABORT, 'the record is only ever appended to'); END;
CREATE TRIGGER never_deleted BEFORE DELETE ON entries
    BEGIN SELECT RAISE(ABORT, 'the record is only ever appended to'); END;
CREATE TRIGGER items_never_changed BEFORE UPDATE ON items
    BEGIN SELECT RAISE(ABORT, 'the record is only ever appended to'); END;
CREATE TRIGGER agreed_items_never_deleted BEFORE DELETE ON items
    WHEN EXISTS (
        SELECT 1 FROM entries WHERE plan = OLD.plan
        AND (kind IN ('intent', 'outcome')
             OR kind = 'decided' AND CASE WHEN json_valid(body) THEN json_extract(body, '$.approved') ELSE 1 END)
    )
    BEGIN SELECT RAISE(ABORT, 'what was agreed to stays in the record'); END;
"""

_OWN_TOKENS = """
CREATE TABLE own_tokens (
    workspace TEXT NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    sealed_with TEXT NOT NULL,
    sealed TEXT NOT NULL,
    organisation INTEGER,
    entered TEXT NOT NULL,
    used TEXT,
    PRIMARY KEY (workspace, issuer, subject)
) WITHOUT ROWID;
"""


class Migration(NamedTuple):
    """One step from a version of the record to the next."""

    name: str
    apply: Callable[[sqlite3.Connection], None]


def _keep_items_of_plans_apart(db: sqlite3.Connection) -> None:
    """Take the SIMs out of the plans: a record of thousands is read row by row, and thinned out plan by plan."""
    _each(db, _ONE_TABLE)
    _each(db, _ITEMS_APART)
    for number, plan_id, body in db.execute("SELECT n, plan, body FROM entries WHERE kind = 'planned'").fetchall():
        try:
            whole = json.loads(body)
            items = whole["plan"].pop("items")
            whole["to_do"] = sum(item["verdict"] == "change" for item in items)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue  # what cannot be read stays as it is, and hides nothing else.
        db.executemany(
            "INSERT INTO items (plan, item, body) VALUES (?, ?, ?)",
            [(plan_id, place, json.dumps(item, ensure_ascii=False)) for place, item in enumerate(items)],
        )
        db.execute("UPDATE entries SET body = ? WHERE n = ?", (json.dumps(whole, ensure_ascii=False), number))
    _each(db, _ONLY_EVER_APPENDED)


def _keep_own_tokens(db: sqlite3.Connection) -> None:
    _each(db, _OWN_TOKENS)


_SIGN_INS = """
CREATE TABLE sign_ins (
    id TEXT PRIMARY KEY,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    name TEXT NOT NULL,
    at TEXT NOT NULL,
    ends TEXT NOT NULL
) WITHOUT ROWID;
"""


def _keep_sign_ins(db: sqlite3.Connection) -> None:
    _each(db, _SIGN_INS)


MIGRATIONS = (
    Migration("keep the items of plans apart", _keep_items_of_plans_apart),
    Migration("keep the tokens that callers bring, sealed", _keep_own_tokens),
    Migration("keep who is signed in on the pages", _keep_sign_ins),
)
"""From version 0, which a new record begins as too."""
VERSION = len(MIGRATIONS)


def migrate(db: sqlite3.Connection, version: int) -> None:
    """Bring a record of an earlier version to this one, within the transaction that is open.

    Raises:
        sqlite3.Error: It cannot be written, or is not what its version says.
    """
    for migration in MIGRATIONS[version:]:
        migration.apply(db)
    db.execute(f"PRAGMA user_version = {VERSION}")


def _each(db: sqlite3.Connection, script: str) -> None:
    # Not executescript, which would commit the transaction that all steps share.
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            db.execute(statement)
            statement = ""
