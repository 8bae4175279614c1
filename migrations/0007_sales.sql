-- What people ask who want a plan that is sold by contact. It refers to no organization and no person by key: whoever
-- asks need not have signed in, and the request is kept when they leave.
CREATE TABLE sales_requests (
    id TEXT PRIMARY KEY,
    organization_id TEXT,
    user_id TEXT,
    name TEXT NOT NULL,
    -- In small letters, by which requests are counted.
    email TEXT NOT NULL,
    company TEXT NOT NULL,
    plan TEXT,
    seats BIGINT,
    message TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX sales_requests_by_time ON sales_requests (created_at, id);
CREATE INDEX sales_requests_by_email ON sales_requests (email, created_at);
CREATE INDEX sales_requests_by_user ON sales_requests (user_id, created_at);

-- A mail about such a request is about no organization of ours, so the column need not be filled. Neither engine has a
-- text for that which the other reads, so the table is made anew; the previous binary writes into it as before.
ALTER TABLE mails RENAME TO mails_before;
CREATE TABLE mails (
    id TEXT PRIMARY KEY,
    organization_id TEXT REFERENCES organizations (id),
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    -- waiting, sent, dead
    status TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    last_error TEXT,
    next_attempt_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
INSERT INTO mails (id, organization_id, recipient, subject, body, status, attempts, last_error, next_attempt_at,
    created_at)
SELECT id, organization_id, recipient, subject, body, status, attempts, last_error, next_attempt_at, created_at
FROM mails_before;
DROP TABLE mails_before;
CREATE INDEX mails_work ON mails (status, next_attempt_at, id);

-- An operator's grant may be of a whole plan: the access policy weighs it against the subscriptions. One counts at a
-- time, from when it was made until it expires or is revoked.
ALTER TABLE grants ADD COLUMN plan TEXT;
ALTER TABLE grants ADD COLUMN revoked_at BIGINT;
