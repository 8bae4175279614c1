-- The automatic top-ups that are on, as JSON by meter: whoever counts a use reads them with the plan. NULL is none.
ALTER TABLE organizations ADD COLUMN top_ups TEXT;

-- What was agreed to: which pack is bought by itself, when, and for how much in a calendar month.
CREATE TABLE top_up_settings (
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    meter TEXT NOT NULL,
    pack TEXT NOT NULL,
    -- A pack is due when less than this is left.
    threshold BIGINT NOT NULL,
    -- How much a pack adds.
    adds BIGINT NOT NULL,
    -- The most that is spent in a calendar month, minor units.
    monthly_cap BIGINT NOT NULL,
    currency TEXT NOT NULL,
    enabled BIGINT NOT NULL,
    -- Who agreed that it is charged without asking, and when.
    agreed_by TEXT NOT NULL REFERENCES users (id),
    agreed_at BIGINT NOT NULL,
    -- Why nothing is bought until somebody mends it, what Stripe said of it, and since when.
    paused TEXT,
    paused_said TEXT,
    paused_at BIGINT,
    -- Nothing is bought before this moment.
    not_before BIGINT,
    -- The month, by its first second, whose reached cap has been told.
    capped_month BIGINT,
    PRIMARY KEY (organization_id, meter)
);

-- A top-up from the use that makes it due to the credit. The row is the intent: its id is the idempotency key at Stripe
-- and the id of the purchase, so that a pack is charged once and credited once. Of a meter one is open at a time.
CREATE TABLE top_ups (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    meter TEXT NOT NULL,
    -- How much has to be left for it not to be due after all.
    needed BIGINT NOT NULL,
    -- due, charging, voiding, paid, failed. Those that were not needed in the end are deleted.
    status TEXT NOT NULL,
    noted_at BIGINT NOT NULL,
    -- From when on it counts for the cap of its month, and what it is.
    reserved_at BIGINT,
    pack TEXT,
    amount BIGINT,
    currency TEXT,
    invoice_id TEXT,
    -- Why the invoice is being voided, and what Stripe said.
    reason TEXT,
    said TEXT,
    attempts BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL,
    over_at BIGINT
);
CREATE UNIQUE INDEX top_ups_open ON top_ups (organization_id, meter) WHERE over_at IS NULL;
CREATE INDEX top_ups_work ON top_ups (next_attempt_at) WHERE over_at IS NULL;
CREATE INDEX top_ups_spent ON top_ups (organization_id, meter, reserved_at);
