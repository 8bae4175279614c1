-- Customers that were deleted at Stripe: what is told of one later does not bring it back.
CREATE TABLE deleted_customers (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL
);
