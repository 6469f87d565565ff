-- The same record as version 2 kept it, with a place for the tokens that callers bring.
BEGIN TRANSACTION;
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
INSERT INTO "entries" VALUES(1,'2026-03-15T09:00:00+00:00','planned','ffd0b269',NULL,'32c095b44a27123f65add7b157aeb4ecef5e1220447b8287db9079e5973a91f5',NULL,'{"plan": {"tool": "set_sim_status", "change": {"kind": "status", "target": 2}, "selection": ""}, "caller": ["support", "Claude Desktop 1.4"], "expires": "2026-03-15T09:15:00+00:00", "to_do": 3}');
INSERT INTO "entries" VALUES(2,'2026-03-15T09:00:20+00:00','decided','ffd0b269',NULL,NULL,NULL,'{"approved": true, "how": "a person, on the approval page"}');
INSERT INTO "entries" VALUES(3,'2026-03-15T09:00:40+00:00','intent','ffd0b269',0,NULL,1,'{"what": "SIM 89883030000000000001 in device \"lift 1\""}');
INSERT INTO "entries" VALUES(4,'2026-03-15T09:01:00+00:00','intent','ffd0b269',1,NULL,1,'{"what": "SIM 89883030000000000002 in device \"lift 2\""}');
INSERT INTO "entries" VALUES(5,'2026-03-15T09:01:20+00:00','intent','ffd0b269',2,NULL,1,'{"what": "SIM 89883030000000000003 in device \"lift 3\""}');
INSERT INTO "entries" VALUES(6,'2026-03-15T09:01:40+00:00','outcome','ffd0b269',0,NULL,NULL,'{"kind": "changed", "before": "Activated", "after": "Suspended", "note": "read back: done", "request": "req-1", "subject": "SIM 89883030000000000001 in device \"lift 1\""}');
INSERT INTO "entries" VALUES(7,'2026-03-15T09:01:40+00:00','outcome','ffd0b269',1,NULL,NULL,'{"kind": "unknown", "before": "Activated", "after": "Activated", "note": "emnify did not answer in time, but it still reads Activated; it may follow late, so look before repeating", "request": null, "subject": "SIM 89883030000000000002 in device \"lift 2\""}');
INSERT INTO "entries" VALUES(8,'2026-03-15T09:01:40+00:00','planned','c146987b',NULL,'2a9d5a3c0dafb7da2ae811abb663700ca070c03f2f7720db82131e32f2ea3a74',NULL,'{"plan": {"tool": "set_sim_status", "change": {"kind": "status", "target": 2}, "selection": ""}, "caller": ["support", "Claude Desktop 1.4"], "expires": "2026-03-15T09:16:40+00:00", "to_do": 1}');
INSERT INTO "entries" VALUES(9,'2026-03-15T09:02:00+00:00','decided','c146987b',NULL,NULL,NULL,'{"approved": false, "how": "a person, on the approval page"}');
INSERT INTO "entries" VALUES(10,'2026-03-15T09:02:00+00:00','planned','49bc6300',NULL,'fe53c41fd34c1151056e980f7333fd594676281be2fb840769e7a1124db72a6e',NULL,'{"plan": {"tool": "set_sim_status", "change": {"kind": "status", "target": 2}, "selection": ""}, "caller": ["support", "Claude Desktop 1.4"], "expires": "2026-03-15T09:17:00+00:00", "to_do": 2}');
INSERT INTO "entries" VALUES(11,'2026-03-15T09:02:20+00:00','planned','152a4b39',NULL,'c13a412c4179a7b5677793863bdce2e41f01d9c0ea37f7125242c270b314089b',NULL,'{"plan": {"tool": "delete_sims", "change": {"kind": "delete"}, "selection": ""}, "caller": ["support", "Claude Desktop 1.4"], "expires": "2026-03-15T09:17:20+00:00", "to_do": 1}');
INSERT INTO "entries" VALUES(12,'2026-03-15T09:02:40+00:00','planned','e4e47273',NULL,'0371955ea4eeec8958a7b6d50a7c40844db1c69cd5b5104d7ff7a80225beb744',NULL,'{"plan": {"tool": "register_sim_batch", "change": {"kind": "register", "bic": "#31F 6E2S 6XTR 3NEY", "size": "25 SIMs", "target": 0}, "selection": ""}, "caller": ["support", "Claude Desktop 1.4"], "expires": "2026-03-15T09:17:40+00:00", "to_do": 1}');
INSERT INTO "entries" VALUES(13,'2026-03-15T09:03:00+00:00','decided','e4e47273',NULL,NULL,NULL,'{"approved": true, "how": "a person, by form"}');
INSERT INTO "entries" VALUES(14,'2026-03-15T09:03:20+00:00','intent','e4e47273',0,NULL,1,'{"what": "#31F"}');
INSERT INTO "entries" VALUES(15,'2026-03-15T09:03:40+00:00','outcome','e4e47273',0,NULL,NULL,'{"kind": "changed", "before": "not registered", "after": "registered as Issued", "note": "25 SIMs registered", "request": "req-9", "subject": "#31F"}');
CREATE TABLE items (
    plan TEXT NOT NULL,
    item INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (plan, item)
) WITHOUT ROWID;
INSERT INTO "items" VALUES('152a4b39',0,'{"sim_id": 31, "iccid": "89883030000000000031", "device": null, "organisation": null, "before": "Suspended", "after": "Deleted", "verdict": "change", "reason": "gone", "fingerprint": "[2]"}');
INSERT INTO "items" VALUES('49bc6300',0,'{"sim_id": 20, "iccid": "89883030000000000020", "device": "lift 20", "organisation": "Alpenwerk", "before": "Activated", "after": "Suspended", "verdict": "change", "reason": "loses network access", "fingerprint": "[1, 20, 3, null, 5]"}');
INSERT INTO "items" VALUES('49bc6300',1,'{"sim_id": 21, "iccid": "89883030000000000021", "device": "lift 21", "organisation": "Alpenwerk", "before": "Activated", "after": "Suspended", "verdict": "change", "reason": "loses network access", "fingerprint": "[1, 21, 3, null, 5]"}');
INSERT INTO "items" VALUES('c146987b',0,'{"sim_id": 10, "iccid": "89883030000000000010", "device": "lift 10", "organisation": "Alpenwerk", "before": "Activated", "after": "Suspended", "verdict": "change", "reason": "loses network access", "fingerprint": "[1, 10, 3, null, 5]"}');
INSERT INTO "items" VALUES('e4e47273',0,'{"sim_id": 0, "iccid": null, "device": null, "organisation": null, "before": "not registered", "after": "registered as Issued", "verdict": "change", "reason": "25 SIMs", "fingerprint": ""}');
INSERT INTO "items" VALUES('ffd0b269',0,'{"sim_id": 1, "iccid": "89883030000000000001", "device": "lift 1", "organisation": "Alpenwerk", "before": "Activated", "after": "Suspended", "verdict": "change", "reason": "loses network access", "fingerprint": "[1, 1, 3, null, 5]"}');
INSERT INTO "items" VALUES('ffd0b269',1,'{"sim_id": 2, "iccid": "89883030000000000002", "device": "lift 2", "organisation": "Alpenwerk", "before": "Activated", "after": "Suspended", "verdict": "change", "reason": "loses network access", "fingerprint": "[1, 2, 3, null, 5]"}');
INSERT INTO "items" VALUES('ffd0b269',2,'{"sim_id": 3, "iccid": "89883030000000000003", "device": "lift 3", "organisation": "Alpenwerk", "before": "Activated", "after": "Suspended", "verdict": "change", "reason": "loses network access", "fingerprint": "[1, 3, 3, null, 5]"}');
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
COMMIT;
