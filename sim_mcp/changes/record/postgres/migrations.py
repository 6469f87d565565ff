"""What the record in PostgreSQL looked like in each version, and how one becomes the next."""

from typing import NamedTuple

import psycopg

from sim_mcp.changes.record.postgres.tables_of_fleets import FLEETS
from sim_mcp.changes.record.postgres.tables_of_limits import PACES, RANKS


class Migration(NamedTuple):
    """One step from a version of the record to the next."""

    name: str
    script: str


_THE_RECORD = """
CREATE TABLE record (
    here boolean PRIMARY KEY DEFAULT true CHECK (here),
    id uuid NOT NULL DEFAULT gen_random_uuid()
);
COMMENT ON TABLE record IS 'one row, which who writes holds: one transaction after the other';
INSERT INTO record DEFAULT VALUES;

CREATE FUNCTION json_valid(body text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    PERFORM body::json;
    RETURN true;
EXCEPTION WHEN OTHERS THEN
    RETURN false;
END $$;
CREATE FUNCTION json_extract(body text, path text) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN body::json ->> substr(path, 3);
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END $$;
CREATE FUNCTION instr(body text, part text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    'SELECT strpos(body, part)';

CREATE TABLE entries (
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at text COLLATE "C" NOT NULL,
    kind text NOT NULL CHECK (kind IN ('planned', 'decided', 'intent', 'answer', 'outcome', 'reading')),
    plan text COLLATE "C" NOT NULL,
    item integer,
    digest text COLLATE "C",
    sims integer,
    body text NOT NULL
);
CREATE TABLE items (
    plan text COLLATE "C" NOT NULL,
    item integer NOT NULL,
    body text NOT NULL,
    sim text COLLATE "C" GENERATED ALWAYS AS (json_extract(body, '$.sim_id')) STORED,
    PRIMARY KEY (plan, item)
);
CREATE INDEX items_by_sim ON items (sim);
CREATE UNIQUE INDEX planned_once ON entries (plan) WHERE kind = 'planned';
CREATE UNIQUE INDEX decided_once ON entries (plan) WHERE kind = 'decided';
CREATE UNIQUE INDEX sent_once ON entries (plan, item) WHERE kind = 'intent';
CREATE UNIQUE INDEX answered_once ON entries (plan, item) WHERE kind = 'answer';
CREATE UNIQUE INDEX settled_once ON entries (plan, item) WHERE kind = 'outcome';
CREATE INDEX read_again ON entries (plan, item) WHERE kind = 'reading';
CREATE INDEX by_digest ON entries (digest) WHERE digest IS NOT NULL;
CREATE INDEX intents_by_time ON entries (at, sims) WHERE kind = 'intent';
CREATE INDEX plans_by_time ON entries (at) WHERE kind = 'planned';

CREATE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the record is only ever appended to' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE ON entries FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON entries EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER items_never_changed BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER items_never_emptied BEFORE TRUNCATE ON items EXECUTE FUNCTION refuse_rewriting();

CREATE FUNCTION keep_what_was_agreed_to() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM entries WHERE plan = OLD.plan
        AND (kind IN ('intent', 'outcome')
             OR kind = 'decided' AND json_extract(body, '$.approved') IS DISTINCT FROM 'false')
    ) THEN
        RAISE EXCEPTION 'what was agreed to stays in the record' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER agreed_items_never_deleted BEFORE DELETE ON items
    FOR EACH ROW EXECUTE FUNCTION keep_what_was_agreed_to();
"""

_TURNS = """
CREATE TABLE turns (
    plan text COLLATE "C" PRIMARY KEY,
    number bigint NOT NULL,
    until timestamptz,
    holder text NOT NULL
);
COMMENT ON COLUMN turns.until IS 'when the turn is lost; without one, it was given back';
CREATE INDEX turns_held ON turns (until) WHERE until IS NOT NULL;

CREATE FUNCTION tell_decision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('sim_mcp_decided', NEW.plan);
    RETURN NULL;
END $$;
CREATE TRIGGER told_when_decided AFTER INSERT ON entries
    FOR EACH ROW WHEN (NEW.kind = 'decided') EXECUTE FUNCTION tell_decision();
"""

_WRITES = """
CREATE FUNCTION tell_write() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify(
        'sim_mcp_written', coalesce((SELECT sim FROM items WHERE plan = NEW.plan AND item = NEW.item), '')
    );
    RETURN NULL;
END $$;
CREATE TRIGGER told_when_written AFTER INSERT ON entries
    FOR EACH ROW WHEN (NEW.kind IN ('intent', 'answer')) EXECUTE FUNCTION tell_write();
"""

_OWN_TOKENS = """
CREATE TABLE own_tokens (
    workspace text COLLATE "C" NOT NULL,
    issuer text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    sealed_with text COLLATE "C" NOT NULL,
    sealed text NOT NULL,
    organisation bigint,
    entered text COLLATE "C" NOT NULL,
    used text COLLATE "C",
    PRIMARY KEY (workspace, issuer, subject)
);
COMMENT ON TABLE own_tokens IS 'the tokens that callers bring, sealed: they open with a key that is not in here';
"""

_PEOPLE = """
CREATE TABLE sign_ins (
    id text COLLATE "C" PRIMARY KEY,
    issuer text NOT NULL,
    subject text NOT NULL,
    name text NOT NULL,
    at text COLLATE "C" NOT NULL,
    ends text COLLATE "C" NOT NULL
);

CREATE FUNCTION tell_plan() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('sim_mcp_planned', NEW.plan);
    RETURN NULL;
END $$;
CREATE TRIGGER told_when_planned AFTER INSERT ON entries
    FOR EACH ROW WHEN (NEW.kind = 'planned') EXECUTE FUNCTION tell_plan();

CREATE TABLE calls (
    caller text COLLATE "C" PRIMARY KEY,
    free_at double precision NOT NULL
);
COMMENT ON COLUMN calls.caller IS 'a hash: whose calls these are, is nobody''s business here';

CREATE FUNCTION take_call(
    sender text, who text, per_minute integer, OUT wait double precision, OUT together bigint
) LANGUAGE plpgsql AS $$
DECLARE
    now_s double precision;
    free double precision;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    INSERT INTO calls (caller, free_at) VALUES (who, 0) ON CONFLICT DO NOTHING;
    SELECT free_at INTO free FROM calls WHERE caller = who FOR UPDATE;
    now_s := extract(epoch FROM clock_timestamp());
    free := greatest(coalesce(free, 0), now_s) + 60.0 / per_minute;
    wait := greatest(0, free - now_s - 60);
    IF wait < 1e-6 THEN
        wait := 0;
        UPDATE calls SET free_at = free WHERE caller = who;
    END IF;
    IF random() < 0.01 THEN
        DELETE FROM calls WHERE caller IN (
            SELECT caller FROM calls WHERE free_at < now_s AND caller <> who FOR UPDATE SKIP LOCKED
        );
    END IF;
    INSERT INTO senders (name, seen) VALUES (sender, now_s)
    ON CONFLICT (name) DO UPDATE SET seen = EXCLUDED.seen WHERE senders.seen < EXCLUDED.seen - 5;
    SELECT count(*) INTO together FROM senders WHERE seen > now_s - 60;
END $$;
"""

MIGRATIONS = (
    Migration("keep plans, decisions, intents, answers and outcomes", _THE_RECORD),
    Migration("take turns at plans, and tell decisions", _TURNS),
    Migration("share emnify's limits", PACES),
    Migration("tell which SIM is written to", _WRITES),
    Migration("keep what one server read of a fleet for all", FLEETS),
    Migration("keep the tokens that callers bring, sealed", _OWN_TOKENS),
    Migration("keep who is signed in on the pages, tell plans, count calls", _PEOPLE),
    Migration("leave room in emnify's limits for what matters more", RANKS),
)
"""From version 0, which an empty database is at."""
VERSION = len(MIGRATIONS)

_ONE_AT_A_TIME = 7_460_267_001
"""A number for `pg_advisory_xact_lock`: two that migrate at once do so one after the other."""


def version_of(db: psycopg.Connection) -> int:
    """Return the version of the record in a database; 0: there is none.

    Raises:
        psycopg.Error: It cannot be read.
    """
    if db.execute("SELECT to_regclass('migrations')").fetchone() == (None,):
        return 0
    row = db.execute("SELECT coalesce(max(n), 0) FROM migrations").fetchone()
    return int(row[0]) if row is not None else 0


def migrate(db: psycopg.Connection) -> list[str]:
    """Bring the record to this version in one transaction; return the names of the steps that took.

    Raises:
        psycopg.Error: It cannot be written.
    """
    with db.transaction():
        db.execute("SELECT pg_advisory_xact_lock(%s)", (_ONE_AT_A_TIME,))
        db.execute(
            "CREATE TABLE IF NOT EXISTS migrations "
            "(n integer PRIMARY KEY, name text NOT NULL, at timestamptz NOT NULL DEFAULT now())"
        )
        steps = MIGRATIONS[version_of(db) :]
        for number, step in enumerate(steps, VERSION - len(steps) + 1):
            db.execute(step.script.encode())
            db.execute("INSERT INTO migrations (n, name) VALUES (%s, %s)", (number, step.name))
    return [step.name for step in steps]
