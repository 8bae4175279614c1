-- Who has a seat where, as the person's own organization sees it: what a team's plan gives beside the person's own. It
-- is asked about personal organizations only.
CREATE VIEW seats AS
SELECT own.organization_id AS personal_id, seat.organization_id, team.name, team.subscription_tier, team.tier_reason,
    team.tier_review_at, seat.seat_since
FROM memberships own
JOIN memberships seat ON seat.user_id = own.user_id
JOIN organizations team ON team.id = seat.organization_id
WHERE seat.seat_since IS NOT NULL AND team.kind = 'team' AND team.deleted_at IS NULL;
CREATE INDEX memberships_with_seat ON memberships (user_id, organization_id) WHERE seat_since IS NOT NULL;

-- Until now every member had what the plan gives. They keep it: in the order in which they came, as many as are paid.
UPDATE memberships SET seat_since = created_at
WHERE EXISTS (
    SELECT 1 FROM organizations team JOIN subscriptions paid ON paid.organization_id = team.id
    WHERE team.id = memberships.organization_id AND team.kind = 'team'
        AND paid.status NOT IN ('canceled', 'incomplete_expired')
        AND paid.quantity > (
            SELECT COUNT(*) FROM memberships earlier
            WHERE earlier.organization_id = memberships.organization_id
                AND (earlier.created_at < memberships.created_at
                    OR earlier.created_at = memberships.created_at AND earlier.user_id < memberships.user_id)
        )
);

-- For whom it is held: more than is held is used only by a member who has a seat then.
ALTER TABLE reservations ADD COLUMN user_id TEXT;
