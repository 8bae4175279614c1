-- A subscription's whole life: what is scheduled, what waits for a payment, and what is known of its place in time.
ALTER TABLE subscriptions ADD COLUMN item_id TEXT NOT NULL DEFAULT '';
ALTER TABLE subscriptions ADD COLUMN schedule_id TEXT;
ALTER TABLE subscriptions ADD COLUMN next_price_id TEXT;
ALTER TABLE subscriptions ADD COLUMN next_quantity BIGINT;
ALTER TABLE subscriptions ADD COLUMN next_at BIGINT;
ALTER TABLE subscriptions ADD COLUMN pending_price_id TEXT;
ALTER TABLE subscriptions ADD COLUMN pending_quantity BIGINT;
ALTER TABLE subscriptions ADD COLUMN pending_expires_at BIGINT;
-- An event from before `older_before` is older than the row, one from after `newer_after` is newer, both on Stripe's
-- clock. Rows that were there before these columns know nothing, so that everything is asked for.
ALTER TABLE subscriptions ADD COLUMN older_before BIGINT NOT NULL DEFAULT 0;
ALTER TABLE subscriptions ADD COLUMN newer_after BIGINT NOT NULL DEFAULT 9223372036854775807;

-- Goes up with every change that a page could show: a page that is open elsewhere asks whether it is still current.
ALTER TABLE organizations ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
-- What the organization pays with, as JSON, as far as it may be shown.
ALTER TABLE organizations ADD COLUMN payment_method TEXT;

-- Whose an event is, once that is known: the time line takes it from here.
ALTER TABLE stripe_events ADD COLUMN organization_id TEXT;
ALTER TABLE stripe_events ADD COLUMN created_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX stripe_events_by_organization ON stripe_events (organization_id, created_at);

CREATE TABLE invoices (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    customer_id TEXT NOT NULL,
    subscription_id TEXT,
    number TEXT,
    status TEXT NOT NULL,
    currency TEXT NOT NULL,
    total BIGINT NOT NULL,
    remaining BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    next_attempt_at BIGINT,
    created_at BIGINT NOT NULL,
    hosted_url TEXT,
    pdf_url TEXT
);
CREATE INDEX invoices_by_organization ON invoices (organization_id, created_at);

CREATE TABLE disputes (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    charge_id TEXT NOT NULL,
    status TEXT NOT NULL,
    opened_at BIGINT NOT NULL
);
CREATE INDEX disputes_by_organization ON disputes (organization_id);

-- The intent of a change that charges at once, written before Stripe is called; its id is the idempotency key.
CREATE TABLE plan_changes (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    subscription_id TEXT NOT NULL,
    price_id TEXT NOT NULL,
    quantity BIGINT NOT NULL,
    -- The moment for which the preview was shown: the same click twice is the same change.
    proration_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (subscription_id, price_id, quantity, proration_at)
);

-- How far the reconciliation has come, so that one that was stopped goes on where it was.
CREATE TABLE reconciliations (
    task TEXT PRIMARY KEY,
    position TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);
