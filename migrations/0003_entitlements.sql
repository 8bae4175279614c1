-- The worker takes events in this order: without the order in the index a long inbox is sorted for every few of them.
DROP INDEX stripe_events_work;
CREATE INDEX stripe_events_work ON stripe_events (status, next_attempt_at, created_at, id);

