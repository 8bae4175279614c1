-- An organization that was deleted keeps its rows: what was paid and done stays on record. Nobody is a member any more.
ALTER TABLE organizations ADD COLUMN deleted_at BIGINT;

-- Since when a member has one of the seats that are paid for; NULL for none.
ALTER TABLE memberships ADD COLUMN seat_since BIGINT;

-- Whether the provider vouches for the address: only then it proves who was invited.
ALTER TABLE users ADD COLUMN email_verified BIGINT NOT NULL DEFAULT 0;
-- The row of a person who deleted the account stays, without a name: the time lines refer to it.
ALTER TABLE users ADD COLUMN deleted_at BIGINT;

CREATE TABLE invitations (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    -- In small letters.
    email TEXT NOT NULL,
    role TEXT NOT NULL,
    -- The link's token is in the mail only; here is its SHA-256. Sending again makes another one.
    token_hash TEXT NOT NULL UNIQUE,
    invited_by TEXT NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    sent_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    accepted_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX invitations_by_organization ON invitations (organization_id, created_at);
CREATE INDEX invitations_by_inviter ON invitations (invited_by);

CREATE INDEX sessions_by_user ON sessions (user_id);
-- What refers to an organization or a person is found without reading everything.
CREATE INDEX mails_by_organization ON mails (organization_id);
CREATE INDEX plan_changes_by_organization ON plan_changes (organization_id);
CREATE INDEX purchases_by_user ON purchases (user_id);
CREATE INDEX checkouts_by_user ON checkouts (user_id);
