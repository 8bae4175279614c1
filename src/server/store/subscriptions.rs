//! Our mirror of Stripe's subscriptions: rows and reading them. Writing is the sync's.

use std::collections::HashMap;

use domain::news::Horizon;
use domain::organization::OrganizationId;
use domain::subscription::{Dispute, NextTerms, PendingChange, Status, Subscription};
use domain::time::Timestamp;
use sqlx::{AnyConnection, FromRow};

use super::{Error, Store, Version};

/// A subscription with what is known of its place in time.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub subscription: Subscription,
    pub horizon: Horizon,
    pub version: i64,
}

/// How many invoices of an ended subscription bill its last period, how many of these are paid, and how many made since
/// it began are owed.
#[derive(FromRow)]
struct Billed {
    subscription: String,
    known: i64,
    paid: i64,
    owed: i64,
}

#[derive(FromRow)]
struct Row {
    id: String,
    organization_id: String,
    customer_id: String,
    status: String,
    item_id: String,
    price_id: String,
    quantity: i64,
    created_at: i64,
    period_start: i64,
    period_end: i64,
    cancel_at_period_end: i64,
    cancel_at: Option<i64>,
    canceled_at: Option<i64>,
    ended_at: Option<i64>,
    trial_start: Option<i64>,
    trial_end: Option<i64>,
    past_due_at: Option<i64>,
    schedule_id: Option<String>,
    next_price_id: Option<String>,
    next_quantity: Option<i64>,
    next_at: Option<i64>,
    pending_price_id: Option<String>,
    pending_quantity: Option<i64>,
    pending_expires_at: Option<i64>,
    livemode: i64,
    version: i64,
    older_before: i64,
    newer_after: i64,
}

impl Row {
    fn read(self) -> Result<Stored, Error> {
        let unreadable = |value: String| Error::Unreadable { table: "subscriptions", value };
        let count = |value: i64| u32::try_from(value).map_err(|_| unreadable(value.to_string()));
        let next = match (self.next_price_id, self.next_quantity, self.next_at) {
            (Some(price), Some(quantity), Some(at)) => {
                Some(NextTerms { price, quantity: count(quantity)?, at: Timestamp(at) })
            }
            _ => None,
        };
        let pending = match (self.pending_price_id, self.pending_quantity, self.pending_expires_at) {
            (Some(price), Some(quantity), Some(expires_at)) => {
                Some(PendingChange { price, quantity: count(quantity)?, expires_at: Timestamp(expires_at) })
            }
            _ => None,
        };
        Ok(Stored {
            version: self.version,
            horizon: Horizon { older_before: Timestamp(self.older_before), newer_after: Timestamp(self.newer_after) },
            subscription: Subscription {
                status: Status::parse(&self.status).ok_or_else(|| unreadable(self.status.clone()))?,
                quantity: count(self.quantity)?,
                organization: Some(OrganizationId(self.organization_id)),
                buyer: None,
                id: self.id,
                customer: self.customer_id,
                item: self.item_id,
                price: self.price_id,
                created: Timestamp(self.created_at),
                period_start: Timestamp(self.period_start),
                period_end: Timestamp(self.period_end),
                cancel_at_period_end: self.cancel_at_period_end != 0,
                cancel_at: self.cancel_at.map(Timestamp),
                canceled_at: self.canceled_at.map(Timestamp),
                ended_at: self.ended_at.map(Timestamp),
                trial_start: self.trial_start.map(Timestamp),
                trial_end: self.trial_end.map(Timestamp),
                past_due_at: self.past_due_at.map(Timestamp),
                schedule: self.schedule_id,
                next,
                pending,
                period_paid: None,
                dispute: None,
                livemode: self.livemode != 0,
            },
        })
    }
}

impl Store {
    /// An organization's subscriptions, newest first.
    pub async fn subscriptions(&self, organization: &OrganizationId) -> Result<Vec<Subscription>, Error> {
        let mut connection = self.pool.acquire().await?;
        let stored = load(&mut connection, organization).await?;
        Ok(stored.into_iter().map(|stored| stored.subscription).collect())
    }

    /// Which writing of a subscription is stored.
    pub async fn version(&self, subscription: &str) -> Result<Version, Error> {
        Ok(sqlx::query_scalar("SELECT version FROM subscriptions WHERE id = $1")
            .bind(subscription)
            .fetch_optional(&self.pool)
            .await?)
    }

    /// The same for each of an organization's.
    pub async fn versions(&self, organization: &OrganizationId) -> Result<HashMap<String, i64>, Error> {
        let rows: Vec<(String, i64)> =
            sqlx::query_as("SELECT id, version FROM subscriptions WHERE organization_id = $1")
                .bind(&organization.0)
                .fetch_all(&self.pool)
                .await?;
        Ok(rows.into_iter().collect())
    }
}

/// An organization's subscriptions, newest first, each with how a dispute of its payments stands.
pub(super) async fn load(connection: &mut AnyConnection, organization: &OrganizationId) -> Result<Vec<Stored>, Error> {
    let rows: Vec<Row> =
        sqlx::query_as("SELECT * FROM subscriptions WHERE organization_id = $1 ORDER BY created_at DESC, id")
            .bind(&organization.0)
            .fetch_all(&mut *connection)
            .await?;
    let mut all = rows.into_iter().map(Row::read).collect::<Result<Vec<_>, _>>()?;
    note_disputes(connection, organization, &mut all).await?;
    if all.iter().any(|stored| stored.subscription.status == Status::Canceled) {
        note_paid_periods(connection, organization, &mut all).await?;
    }
    Ok(all)
}

/// The worst dispute of each.
async fn note_disputes(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    all: &mut [Stored],
) -> Result<(), Error> {
    let disputes: Vec<(String, String)> = sqlx::query_as(
        "SELECT subscription_id, status FROM disputes WHERE organization_id = $1 AND subscription_id IS NOT NULL",
    )
    .bind(&organization.0)
    .fetch_all(connection)
    .await?;
    for Stored { subscription, .. } in all {
        let own = disputes.iter().filter(|(disputed, _)| *disputed == subscription.id);
        let own = own.filter_map(|(_, status)| Dispute::parse(status));
        subscription.dispute = own.max_by_key(|dispute| matches!(dispute, Dispute::Lost));
    }
    Ok(())
}

/// Whether the last period of each that has ended was paid, as far as its invoice is known: that one is, and nothing is
/// owed for what was changed within the period.
async fn note_paid_periods(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    all: &mut [Stored],
) -> Result<(), Error> {
    let billed: Vec<Billed> = sqlx::query_as(
        "SELECT s.id AS subscription, COUNT(CASE WHEN i.bills_from = s.period_start THEN 1 END) AS known,
             COUNT(CASE WHEN i.bills_from = s.period_start AND i.status = 'paid' THEN 1 END) AS paid,
             COUNT(CASE WHEN i.status IN ('open', 'uncollectible') AND i.created_at >= s.period_start THEN 1 END) AS owed
         FROM subscriptions s JOIN invoices i ON i.subscription_id = s.id
         WHERE i.organization_id = $1 AND s.organization_id = $1 AND s.status = 'canceled'
         GROUP BY s.id",
    )
    .bind(&organization.0)
    .fetch_all(connection)
    .await?;
    for Stored { subscription, .. } in all {
        let own = billed.iter().find(|billed| billed.subscription == subscription.id && billed.known > 0);
        subscription.period_paid = own.map(|billed| billed.paid > 0 && billed.owed == 0);
    }
    Ok(())
}

pub(super) async fn upsert(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    subscription: &Subscription,
    horizon: Horizon,
) -> Result<(), Error> {
    let (next, pending) = (subscription.next.as_ref(), subscription.pending.as_ref());
    sqlx::query(
        "INSERT INTO subscriptions (id, organization_id, customer_id, status, item_id, price_id, quantity, created_at,
             period_start, period_end, cancel_at_period_end, cancel_at, canceled_at, ended_at, trial_start, trial_end,
             past_due_at, schedule_id, next_price_id, next_quantity, next_at, pending_price_id, pending_quantity,
             pending_expires_at, livemode, older_before, newer_after, version)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
             $23, $24, $25, $26, $27, 1)
         ON CONFLICT (id) DO UPDATE SET
             customer_id = excluded.customer_id, status = excluded.status, item_id = excluded.item_id,
             price_id = excluded.price_id, quantity = excluded.quantity, period_start = excluded.period_start,
             period_end = excluded.period_end, cancel_at_period_end = excluded.cancel_at_period_end,
             cancel_at = excluded.cancel_at, canceled_at = excluded.canceled_at, ended_at = excluded.ended_at,
             trial_start = excluded.trial_start, trial_end = excluded.trial_end, past_due_at = excluded.past_due_at,
             schedule_id = excluded.schedule_id, next_price_id = excluded.next_price_id,
             next_quantity = excluded.next_quantity, next_at = excluded.next_at,
             pending_price_id = excluded.pending_price_id, pending_quantity = excluded.pending_quantity,
             pending_expires_at = excluded.pending_expires_at, older_before = excluded.older_before,
             newer_after = excluded.newer_after, version = subscriptions.version + 1",
    )
    .bind(&subscription.id)
    .bind(&organization.0)
    .bind(&subscription.customer)
    .bind(subscription.status.as_str())
    .bind(&subscription.item)
    .bind(&subscription.price)
    .bind(i64::from(subscription.quantity))
    .bind(subscription.created.0)
    .bind(subscription.period_start.0)
    .bind(subscription.period_end.0)
    .bind(i64::from(subscription.cancel_at_period_end))
    .bind(subscription.cancel_at.map(|at| at.0))
    .bind(subscription.canceled_at.map(|at| at.0))
    .bind(subscription.ended_at.map(|at| at.0))
    .bind(subscription.trial_start.map(|at| at.0))
    .bind(subscription.trial_end.map(|at| at.0))
    .bind(subscription.past_due_at.map(|at| at.0))
    .bind(subscription.schedule.as_deref())
    .bind(next.map(|next| next.price.clone()))
    .bind(next.map(|next| i64::from(next.quantity)))
    .bind(next.map(|next| next.at.0))
    .bind(pending.map(|pending| pending.price.clone()))
    .bind(pending.map(|pending| i64::from(pending.quantity)))
    .bind(pending.map(|pending| pending.expires_at.0))
    .bind(i64::from(subscription.livemode))
    .bind(horizon.older_before.0)
    .bind(horizon.newer_after.0)
    .execute(connection)
    .await?;
    Ok(())
}
