-- The worker takes events in this order: without the order in the index a long inbox is sorted for every few of them.
DROP INDEX stripe_events_work;
CREATE INDEX stripe_events_work ON stripe_events (status, next_attempt_at, created_at, id);

-- Where an organization's days and months begin; NULL is UTC.
ALTER TABLE organizations ADD COLUMN time_zone TEXT;

-- Beside the tier, from the same decision: the plan of the newest subscription, and the period that is paid now.
ALTER TABLE organizations ADD COLUMN subscribed_plan TEXT;
ALTER TABLE organizations ADD COLUMN paid_from BIGINT;
ALTER TABLE organizations ADD COLUMN paid_until BIGINT;
UPDATE organizations SET
    paid_from = (SELECT MAX(period_start) FROM subscriptions s WHERE s.organization_id = organizations.id
                 AND s.status IN ('active', 'trialing', 'past_due')),
    paid_until = (SELECT MAX(period_end) FROM subscriptions s WHERE s.organization_id = organizations.id
                  AND s.status IN ('active', 'trialing', 'past_due'));

-- What was counted of a meter since its last reset. Whoever changes it, or the meter's credits, holds this row.
CREATE TABLE usage_counters (
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    meter TEXT NOT NULL,
    window_start BIGINT NOT NULL,
    -- What the plan included when something was last counted; 0 for no limit.
    included BIGINT NOT NULL,
    used BIGINT NOT NULL,
    from_credits BIGINT NOT NULL,
    reserved BIGINT NOT NULL,
    carried BIGINT NOT NULL,
    -- The highest warning given in this window, in percent.
    warned BIGINT NOT NULL,
    PRIMARY KEY (organization_id, meter)
);

-- The ledger: every use, kept for good. Less than nothing is what was given back. Ids are in the order of their time,
-- so that one index serves pages of lines and spans of time.
CREATE TABLE usage_entries (
    id TEXT NOT NULL,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    meter TEXT NOT NULL,
    amount BIGINT NOT NULL,
    from_credits BIGINT NOT NULL,
    window_start BIGINT NOT NULL,
    at BIGINT NOT NULL,
    -- A person or an API key.
    actor TEXT NOT NULL,
    reservation_id TEXT,
    PRIMARY KEY (organization_id, id)
);

CREATE TABLE reservations (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    meter TEXT NOT NULL,
    amount BIGINT NOT NULL,
    -- Where it was taken from, as JSON.
    taken TEXT NOT NULL,
    window_start BIGINT NOT NULL,
    -- open, confirmed, released, expired
    status TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX reservations_open ON reservations (status, expires_at);
CREATE INDEX reservations_by_meter ON reservations (organization_id, meter, status);

-- What is had on top of a plan: a feature, or so much of a meter.
CREATE TABLE grants (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    feature TEXT,
    meter TEXT,
    amount BIGINT NOT NULL,
    remaining BIGINT NOT NULL,
    -- operator, pack
    source TEXT NOT NULL,
    -- What it was given for, once: the payment.
    reference TEXT UNIQUE,
    reason TEXT NOT NULL,
    actor TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT
);
CREATE INDEX grants_by_organization ON grants (organization_id, meter);

-- The first answer to a request that carried an idempotency key.
CREATE TABLE idempotent_answers (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    -- Of the request: another one with the same key is a mistake.
    fingerprint TEXT NOT NULL,
    answer TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (scope, key)
);
CREATE INDEX idempotent_answers_by_age ON idempotent_answers (at);

-- The key itself is shown once and stored only as its SHA-256.
CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    -- NULL for a key of the whole installation.
    organization_id TEXT REFERENCES organizations (id),
    name TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    -- The last characters, by which people tell keys apart.
    hint TEXT NOT NULL,
    -- read, write
    access TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX api_keys_by_organization ON api_keys (organization_id);

-- A warning that a meter is nearly used up, once for each window.
CREATE TABLE usage_warnings (
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    meter TEXT NOT NULL,
    window_start BIGINT NOT NULL,
    percent BIGINT NOT NULL,
    at BIGINT NOT NULL,
    -- 1 once mails about it are in the outbox.
    told BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (organization_id, meter, window_start, percent)
);
CREATE INDEX usage_warnings_new ON usage_warnings (told, at);

-- The outbox: mails are written with what they tell about, and sent afterwards, again where that failed.
CREATE TABLE mails (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    -- waiting, sent, dead
    status TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    last_error TEXT,
    next_attempt_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX mails_work ON mails (status, next_attempt_at, id);


-- A pack of credits that is being bought: what it holds is kept as it was sold. The id is the idempotency key at
-- Stripe and the reference of the grant, so that a pack is opened once and credited once.
CREATE TABLE purchases (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    user_id TEXT NOT NULL REFERENCES users (id),
    pack TEXT NOT NULL,
    meter TEXT NOT NULL,
    quantity BIGINT NOT NULL,
    valid_days BIGINT,
    -- open, complete, given_up
    status TEXT NOT NULL,
    session_id TEXT,
    url TEXT,
    created_at BIGINT NOT NULL,
    -- Until when the same click is given the same session.
    expires_at BIGINT NOT NULL
);
CREATE INDEX purchases_open ON purchases (organization_id, status);
