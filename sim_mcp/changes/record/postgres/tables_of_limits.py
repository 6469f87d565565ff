"""What servers share emnify's limits by, as migrations."""

PACES = """
CREATE TABLE paces (
    scope text COLLATE "C" PRIMARY KEY,
    next_at double precision NOT NULL DEFAULT 0
);
CREATE TABLE pace_seconds (
    scope text COLLATE "C" NOT NULL,
    second bigint NOT NULL,
    sent integer NOT NULL,
    PRIMARY KEY (scope, second)
);
CREATE TABLE senders (
    name text COLLATE "C" PRIMARY KEY,
    seen double precision NOT NULL
);

CREATE FUNCTION reserve_pace(
    sender text, longest double precision,
    scopes text[], intervals double precision[], most integer[], windows integer[],
    OUT granted boolean, OUT wait double precision, OUT together bigint
) LANGUAGE plpgsql AS $$
DECLARE
    now_s double precision;
    at_s double precision;
    sent_in_window bigint;
    opens bigint;
BEGIN
    -- What is lost when the machine dies is half a second of pacing.
    PERFORM set_config('synchronous_commit', 'off', true);
    INSERT INTO paces (scope) SELECT unnest(scopes) ORDER BY 1 ON CONFLICT DO NOTHING;
    PERFORM 1 FROM paces WHERE scope = ANY (scopes) ORDER BY scope FOR UPDATE;
    now_s := extract(epoch FROM clock_timestamp());
    SELECT greatest(now_s, max(next_at)) INTO at_s FROM paces WHERE scope = ANY (scopes);
    FOR i IN 1 .. cardinality(scopes) LOOP
        CONTINUE WHEN most[i] = 0;
        SELECT coalesce(sum(sent), 0) INTO sent_in_window FROM pace_seconds
        WHERE scope = scopes[i] AND second >= floor(at_s)::bigint - windows[i];
        CONTINUE WHEN sent_in_window < most[i];
        SELECT second INTO opens FROM (
            SELECT second, sum(sent) OVER (ORDER BY second) AS leaving FROM pace_seconds
            WHERE scope = scopes[i] AND second >= floor(at_s)::bigint - windows[i]
        ) AS past WHERE sent_in_window - leaving < most[i] ORDER BY second LIMIT 1;
        at_s := greatest(at_s, opens + windows[i] + 1);
    END LOOP;
    wait := at_s - now_s;
    granted := wait <= longest;
    IF granted THEN
        FOR i IN 1 .. cardinality(scopes) LOOP
            IF intervals[i] > 0 THEN
                UPDATE paces SET next_at = at_s + intervals[i] WHERE scope = scopes[i];
            END IF;
            IF most[i] > 0 THEN
                INSERT INTO pace_seconds AS past (scope, second, sent) VALUES (scopes[i], floor(at_s)::bigint, 1)
                ON CONFLICT (scope, second) DO UPDATE SET sent = past.sent + 1;
                IF random() < 0.01 THEN
                    DELETE FROM pace_seconds WHERE scope = scopes[i] AND second < floor(now_s)::bigint - windows[i] - 1;
                END IF;
            END IF;
        END LOOP;
    END IF;
    INSERT INTO senders (name, seen) VALUES (sender, now_s)
    ON CONFLICT (name) DO UPDATE SET seen = EXCLUDED.seen WHERE senders.seen < EXCLUDED.seen - 5;
    SELECT count(*) INTO together FROM senders WHERE seen > now_s - 60;
END $$;

CREATE FUNCTION pause_pace(paused text, seconds double precision) RETURNS void LANGUAGE sql AS $$
    INSERT INTO paces (scope, next_at) VALUES (paused, extract(epoch FROM clock_timestamp()) + seconds)
    ON CONFLICT (scope) DO UPDATE SET next_at = greatest(paces.next_at, EXCLUDED.next_at)
$$;
"""

RANKS = """
ALTER TABLE pace_seconds
    ADD COLUMN rank text COLLATE "C" NOT NULL DEFAULT 'single',
    ADD COLUMN asked_by text COLLATE "C" NOT NULL DEFAULT '',
    DROP CONSTRAINT pace_seconds_pkey,
    ADD PRIMARY KEY (scope, second, rank, asked_by);
DROP FUNCTION reserve_pace;

CREATE FUNCTION pace_opens(of_scope text, since bigint, of_rank text, of_one text, excess bigint)
RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT second FROM (
        SELECT second, sum(sum(sent)) OVER (ORDER BY second) AS leaving FROM pace_seconds
        WHERE scope = of_scope AND second >= since
            AND (of_rank IS NULL OR rank = of_rank) AND (of_one IS NULL OR asked_by = of_one)
        GROUP BY second
    ) AS past WHERE leaving >= excess ORDER BY second LIMIT 1
$$;

CREATE FUNCTION reserve_slot(
    sender text, longest double precision, for_rank text, one text,
    fill double precision, own double precision, at_least double precision, more double precision,
    unshared double precision,
    scopes text[], intervals double precision[], most integer[], windows integer[],
    OUT granted boolean, OUT wait double precision, OUT together bigint, OUT asked double precision
) LANGUAGE plpgsql AS $$
DECLARE
    now_s double precision;
    at_s double precision;
    since bigint;
    taken bigint;
    by_rank bigint;
    by_one bigint;
    in_front bigint;
    people bigint;
    room bigint;
    opens bigint;
BEGIN
    -- What is lost when the machine dies is half a second of pacing.
    PERFORM set_config('synchronous_commit', 'off', true);
    INSERT INTO paces (scope) SELECT unnest(scopes) ORDER BY 1 ON CONFLICT DO NOTHING;
    PERFORM 1 FROM paces WHERE scope = ANY (scopes) ORDER BY scope FOR UPDATE;
    now_s := extract(epoch FROM clock_timestamp());
    asked := 0;
    SELECT greatest(now_s, max(next_at)) INTO at_s FROM paces WHERE scope = ANY (scopes);
    FOR i IN 1 .. cardinality(scopes) LOOP
        CONTINUE WHEN most[i] = 0;
        since := floor(at_s)::bigint - windows[i];
        SELECT coalesce(sum(sent), 0), coalesce(sum(sent) FILTER (WHERE rank = for_rank), 0),
            coalesce(sum(sent) FILTER (WHERE rank <> 'background'), 0),
            coalesce(sum(sent) FILTER (WHERE asked_by = one), 0),
            count(DISTINCT asked_by) FILTER (WHERE asked_by NOT IN ('', one)) + 1
        INTO taken, by_rank, in_front, by_one, people
        FROM pace_seconds WHERE scope = scopes[i] AND second >= since;
        asked := greatest(asked, in_front::double precision / most[i]);
        -- Room is left for what is more important than this, and from the background for as much again as was asked.
        room := greatest(1, round(most[i] * CASE WHEN for_rank = 'background'
            THEN greatest(at_least, fill - more * in_front / most[i]) ELSE fill END));
        IF taken >= room THEN
            opens := pace_opens(scopes[i], since, NULL, NULL, taken - room + 1);
            at_s := greatest(at_s, opens + windows[i] + 1);
        END IF;
        room := greatest(1, round(most[i] * own));
        IF by_rank >= room THEN
            opens := pace_opens(scopes[i], since, for_rank, NULL, by_rank - room + 1);
            at_s := greatest(at_s, opens + windows[i] + 1);
        END IF;
        room := greatest(1, most[i] / (people + 1));
        IF one <> '' AND by_one >= room AND taken >= most[i] * unshared THEN
            opens := least(
                pace_opens(scopes[i], since, NULL, one, by_one - room + 1),
                pace_opens(scopes[i], since, NULL, NULL, taken - round(most[i] * unshared)::bigint + 1)
            );
            at_s := greatest(at_s, opens + windows[i] + 1);
        END IF;
    END LOOP;
    wait := at_s - now_s;
    granted := wait <= longest;
    IF granted THEN
        FOR i IN 1 .. cardinality(scopes) LOOP
            IF intervals[i] > 0 THEN
                UPDATE paces SET next_at = at_s + intervals[i] WHERE scope = scopes[i];
            END IF;
            IF most[i] > 0 THEN
                INSERT INTO pace_seconds AS past (scope, second, rank, asked_by, sent)
                VALUES (scopes[i], floor(at_s)::bigint, for_rank, one, 1)
                ON CONFLICT (scope, second, rank, asked_by) DO UPDATE SET sent = past.sent + 1;
                IF random() < 0.01 THEN
                    DELETE FROM pace_seconds WHERE scope = scopes[i] AND second < floor(now_s)::bigint - windows[i] - 1;
                END IF;
            END IF;
        END LOOP;
    END IF;
    INSERT INTO senders (name, seen) VALUES (sender, now_s)
    ON CONFLICT (name) DO UPDATE SET seen = EXCLUDED.seen WHERE senders.seen < EXCLUDED.seen - 5;
    SELECT count(*) INTO together FROM senders WHERE seen > now_s - 60;
END $$;
"""
