-- How much of what was left of a pack went with its payment: a refund that fails brings it back. What was taken before
-- this was counted stays taken.
ALTER TABLE grants ADD COLUMN taken BIGINT NOT NULL DEFAULT 0;
