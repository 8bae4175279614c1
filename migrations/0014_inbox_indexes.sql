-- Every delivery is written into each index before it is answered, and the inbox keeps every event for good: so the
-- worker's index has what waits and nothing else, and the one by organization what is known to be somebody's.
DROP INDEX stripe_events_work;
CREATE INDEX stripe_events_work ON stripe_events (next_attempt_at, created_at, id) WHERE status = 'pending';
DROP INDEX stripe_events_by_organization;
CREATE INDEX stripe_events_by_organization ON stripe_events (organization_id, created_at)
    WHERE organization_id IS NOT NULL;
