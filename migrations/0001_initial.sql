-- One text for SQLite and PostgreSQL: TEXT ids, BIGINT for seconds, minor units, counts and yes/no (0/1).

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    trial_used_at BIGINT,
    created_at BIGINT NOT NULL,
    -- An account is the provider's (issuer, subject), never an e-mail address.
    UNIQUE (issuer, subject)
);

CREATE TABLE organizations (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    -- What every page, limit and API answer is taken from. Written by the one sync only.
    subscription_tier TEXT NOT NULL,
    tier_reason TEXT NOT NULL,
    -- When time alone changes the tier (the end of a grace or of a paid period); NULL while nothing is due.
    tier_review_at BIGINT,
    stripe_customer_id TEXT UNIQUE,
    trial_used_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX organizations_due ON organizations (tier_review_at);

CREATE TABLE memberships (
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    user_id TEXT NOT NULL REFERENCES users (id),
    role TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (organization_id, user_id)
);
CREATE INDEX memberships_by_user ON memberships (user_id);

-- The id that the cookie carries is stored only as its SHA-256.
CREATE TABLE sessions (
    id_hash TEXT PRIMARY KEY,
    data TEXT NOT NULL,
    user_id TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE subscriptions (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    customer_id TEXT NOT NULL,
    status TEXT NOT NULL,
    price_id TEXT NOT NULL,
    quantity BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    period_start BIGINT NOT NULL,
    period_end BIGINT NOT NULL,
    cancel_at_period_end BIGINT NOT NULL,
    cancel_at BIGINT,
    canceled_at BIGINT,
    ended_at BIGINT,
    trial_start BIGINT,
    trial_end BIGINT,
    past_due_at BIGINT,
    livemode BIGINT NOT NULL,
    -- When the call that this row was read by was started: an older reading never replaces a newer one.
    read_at_ms BIGINT NOT NULL
);
CREATE INDEX subscriptions_by_organization ON subscriptions (organization_id);

-- The intent is written before Stripe is called; its id is the idempotency key, so a retry finds the same session.
CREATE TABLE checkouts (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    user_id TEXT NOT NULL REFERENCES users (id),
    plan TEXT NOT NULL,
    period TEXT NOT NULL,
    quantity BIGINT NOT NULL,
    trial_days BIGINT NOT NULL,
    status TEXT NOT NULL,
    session_id TEXT UNIQUE,
    url TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX checkouts_open ON checkouts (organization_id, status);

-- The inbox: what Stripe sent, byte for byte, kept for good.
CREATE TABLE stripe_events (
    id TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    livemode BIGINT NOT NULL,
    payload TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    -- pending, applied, ignored, dead
    status TEXT NOT NULL,
    decision TEXT,
    attempts BIGINT NOT NULL,
    last_error TEXT,
    next_attempt_at BIGINT NOT NULL,
    applied_at BIGINT
);
CREATE INDEX stripe_events_work ON stripe_events (status, next_attempt_at);

-- The time line of an organization: what happened, who did it, what it changed and why.
CREATE TABLE audit_entries (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX audit_entries_by_organization ON audit_entries (organization_id, at);
