"""What one server read of a fleet for all, as a migration."""

FLEETS = """
CREATE TABLE fleets (
    workspace text COLLATE "C" PRIMARY KEY,
    turn bigint NOT NULL DEFAULT 0,
    until timestamptz,
    holder text NOT NULL DEFAULT '',
    written bigint NOT NULL DEFAULT 0,
    outdated bigint NOT NULL DEFAULT 0,
    snapshot bigint,
    parts integer,
    snapshot_began bigint,
    snapshot_written bigint,
    taken_at timestamptz,
    ended timestamptz,
    took_s double precision,
    settled boolean,
    unreadable bigint
);
COMMENT ON COLUMN fleets.until IS 'when the turn to read the fleet is lost; without one, nobody reads it';
COMMENT ON COLUMN fleets.written IS 'the number of the last write of our own; outdated: of the last of unknown effect';
CREATE UNLOGGED TABLE fleet_copies (
    workspace text COLLATE "C" NOT NULL,
    snapshot bigint NOT NULL,
    part integer NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (workspace, snapshot, part)
);
COMMENT ON TABLE fleet_copies IS 'not in the log, nor in copies made by it: what a crash takes is read again';
ALTER TABLE fleet_copies ALTER bytes SET STORAGE EXTERNAL;
CREATE TABLE fleet_writes (
    workspace text COLLATE "C" NOT NULL,
    n bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    sim bigint NOT NULL,
    row text,
    names text,
    PRIMARY KEY (workspace, n)
);
CREATE TABLE usage (
    workspace text COLLATE "C" NOT NULL,
    period text COLLATE "C" NOT NULL,
    sim bigint NOT NULL,
    data_mb double precision NOT NULL,
    sms double precision NOT NULL,
    costs text NOT NULL,
    read_at double precision NOT NULL,
    final boolean NOT NULL,
    PRIMARY KEY (workspace, period, sim)
);
CREATE TABLE usage_claims (
    workspace text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    sim bigint NOT NULL,
    owner text COLLATE "C" NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (workspace, kind, sim)
);
CREATE INDEX usage_claims_by_owner ON usage_claims (owner);
"""
