-- 1 from a rename until Stripe's customer has the new name too: whoever compares with Stripe tells it where the first
-- attempt failed.
ALTER TABLE organizations ADD COLUMN name_due BIGINT NOT NULL DEFAULT 0;
