-- Which period of its subscription an invoice bills: whether an ended subscription was paid goes by that invoice.
-- Unknown for invoices from before this, until they are told again.
ALTER TABLE invoices ADD COLUMN bills_from BIGINT;
-- When Stripe made the event that told of it; nothing where Stripe was asked, or from before this.
ALTER TABLE invoices ADD COLUMN told_at BIGINT;

-- A dispute is of a payment, and a payment is for one subscription, or for none. Which one was guessed by time before
-- this was kept.
ALTER TABLE disputes ADD COLUMN subscription_id TEXT;
UPDATE disputes SET subscription_id = (
    SELECT s.id FROM subscriptions s
    WHERE s.organization_id = disputes.organization_id AND s.created_at <= disputes.opened_at
        AND (s.ended_at IS NULL OR s.ended_at >= disputes.opened_at OR s.period_end >= disputes.opened_at)
    ORDER BY s.created_at DESC LIMIT 1
);

-- Goes up whenever the row is written: an answer that was asked for before the last writing is asked for again. It was
-- a time, by which two machines can differ.
ALTER TABLE subscriptions RENAME COLUMN read_at_ms TO version;

-- Every customer that was ever linked by what was told of it, or deleted: whoever does either holds the row, so that
-- an organization is never linked to a customer that is no more.
CREATE TABLE customers (
    id TEXT PRIMARY KEY,
    deleted_at BIGINT
);
INSERT INTO customers (id, deleted_at) SELECT id, at FROM deleted_customers;
DROP TABLE deleted_customers;
