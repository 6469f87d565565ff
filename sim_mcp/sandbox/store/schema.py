"""The tables of a world. A change to them makes older world files unusable: increase SCHEMA_VERSION with it.

`story` holds the scenarios; it keeps the name that older files have.
"""

SCHEMA_VERSION = 4
TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE endpoint (
    id INTEGER PRIMARY KEY, org INTEGER NOT NULL, name TEXT NOT NULL, tags TEXT, imei TEXT,
    imei_lock INTEGER NOT NULL, status INTEGER NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL,
    ip INTEGER NOT NULL, kind INTEGER NOT NULL, home INTEGER NOT NULL);
CREATE TABLE sim (
    id INTEGER PRIMARY KEY, iccid TEXT NOT NULL, luhn INTEGER NOT NULL, eid TEXT, imsi TEXT NOT NULL,
    msisdn TEXT NOT NULL, model INTEGER NOT NULL, status INTEGER NOT NULL, produced INTEGER NOT NULL,
    activated INTEGER, since INTEGER NOT NULL, customer INTEGER, reseller INTEGER, issuer INTEGER NOT NULL,
    endpoint INTEGER, batch INTEGER);
CREATE TABLE batch (id INTEGER PRIMARY KEY, bic TEXT NOT NULL UNIQUE, bsn TEXT NOT NULL);
CREATE TABLE span (sim INTEGER NOT NULL, start INTEGER NOT NULL, stop INTEGER, device INTEGER NOT NULL,
    kind INTEGER NOT NULL, home INTEGER NOT NULL);
CREATE TABLE excursion (sim INTEGER, start INTEGER, stop INTEGER, operator INTEGER, factor REAL);
CREATE TABLE quota (endpoint INTEGER PRIMARY KEY, status INTEGER, volume REAL, assigned REAL, expiry INTEGER,
    changed INTEGER, threshold REAL DEFAULT 20, refill INTEGER DEFAULT 0);
CREATE TABLE sms_quota (endpoint INTEGER PRIMARY KEY, status INTEGER, volume REAL, assigned REAL, expiry INTEGER,
    changed INTEGER, threshold REAL DEFAULT 20, refill INTEGER DEFAULT 0);
CREATE TABLE limit_extension (id INTEGER PRIMARY KEY, endpoint INTEGER, volume REAL, created INTEGER, expires INTEGER);
CREATE TABLE blacklist (endpoint INTEGER, operator INTEGER, PRIMARY KEY (endpoint, operator)) WITHOUT ROWID;
CREATE TABLE sms (
    id INTEGER PRIMARY KEY, org INTEGER NOT NULL, endpoint INTEGER NOT NULL, sim INTEGER NOT NULL, at INTEGER NOT NULL,
    expiry INTEGER NOT NULL, status INTEGER NOT NULL, final INTEGER, kind INTEGER NOT NULL, source TEXT NOT NULL,
    source_type INTEGER NOT NULL, payload TEXT NOT NULL, udh TEXT NOT NULL, dcs INTEGER NOT NULL);
CREATE TABLE tag (id INTEGER PRIMARY KEY, org INTEGER NOT NULL, name TEXT NOT NULL, color INTEGER NOT NULL,
    UNIQUE (org, name));
CREATE TABLE state (endpoint INTEGER PRIMARY KEY, connectivity TEXT, fault TEXT);
CREATE TABLE event (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, type INTEGER NOT NULL, source INTEGER NOT NULL,
    severity INTEGER NOT NULL, alert INTEGER NOT NULL, org INTEGER NOT NULL, sim INTEGER, endpoint INTEGER,
    text TEXT NOT NULL, detail TEXT, user TEXT);
CREATE TABLE pending (sim INTEGER PRIMARY KEY, at INTEGER NOT NULL, status INTEGER NOT NULL);
CREATE TABLE operation (id TEXT PRIMARY KEY, org INTEGER NOT NULL, created INTEGER NOT NULL, action INTEGER NOT NULL,
    body TEXT NOT NULL);
CREATE TABLE story (key TEXT PRIMARY KEY, place INTEGER, about TEXT NOT NULL, sim INTEGER, bic TEXT) WITHOUT ROWID;
"""
INDEXES = """
CREATE INDEX sim_by_id ON sim (customer, id, status);
CREATE INDEX sim_by_iccid ON sim (customer, iccid, status, luhn);
CREATE INDEX sim_by_status ON sim (customer, status, id);
CREATE INDEX sim_by_production ON sim (customer, produced, id, status);
CREATE INDEX sim_by_model ON sim (customer, model, id, status);
CREATE INDEX sim_iccid ON sim (iccid);
CREATE INDEX sim_imsi ON sim (imsi);
CREATE INDEX sim_msisdn ON sim (msisdn);
CREATE INDEX sim_eid ON sim (eid) WHERE eid IS NOT NULL;
CREATE INDEX sim_endpoint ON sim (endpoint) WHERE endpoint IS NOT NULL;
CREATE INDEX sim_free ON sim (customer, id) WHERE endpoint IS NULL;
CREATE INDEX sim_batch ON sim (batch) WHERE batch IS NOT NULL;
CREATE INDEX sim_resold ON sim (reseller, id, status) WHERE reseller IS NOT NULL;
CREATE INDEX endpoint_org ON endpoint (org, id, status);
CREATE INDEX endpoint_name ON endpoint (org, name);
CREATE INDEX span_sim ON span (sim);
CREATE INDEX span_device ON span (device);
CREATE INDEX excursion_sim ON excursion (sim);
CREATE INDEX sms_endpoint ON sms (endpoint);
CREATE INDEX event_sim ON event (sim);
CREATE INDEX event_endpoint ON event (endpoint);
CREATE INDEX event_org ON event (org);
"""
SIM_COLUMNS = (
    "id iccid luhn eid imsi msisdn model status produced activated since customer reseller issuer endpoint batch"
)
ENDPOINT_COLUMNS = "id org name tags imei imei_lock status created updated ip kind home"
SPAN_COLUMNS = "start, stop, device, kind, home"
EVENT_COLUMNS = "id at type source severity alert org sim endpoint text detail user"
