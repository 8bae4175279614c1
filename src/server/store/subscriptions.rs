//! Our mirror of Stripe's subscriptions, and the transaction of the one sync.

use domain::entitlement::Access;
use domain::organization::{OrganizationId, UserId};
use domain::plan::PlanId;
use domain::subscription::{Status, Subscription};
use domain::time::Timestamp;
use sqlx::{AnyConnection, FromRow};

use super::accounts::OrganizationRow;
use super::audit::{self, Action, Actor};
use super::{Error, Store};

/// A subscription as Stripe told it, and when we began to ask.
#[derive(Clone, Debug)]
pub struct Reading {
    /// What Stripe said.
    pub subscription: Subscription,
    /// Milliseconds since 1970 at the start of the call: of two readings the one begun later counts.
    pub read_at_ms: i64,
}

/// What the sync did with a reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Synced {
    /// It is stored, and the organization is on this tier.
    Applied {
        /// Whose it is.
        organization: OrganizationId,
        /// The tier before.
        before: PlanId,
        /// The tier after.
        after: PlanId,
    },
    /// A reading that was begun later is stored already.
    Stale,
    /// The subscription had ended; nothing brings it back.
    Absorbed,
    /// No organization of ours is billed by it.
    Unowned,
}

#[derive(FromRow)]
struct Row {
    id: String,
    organization_id: String,
    customer_id: String,
    status: String,
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
    livemode: i64,
    read_at_ms: i64,
}

impl Row {
    fn read(self) -> Result<Reading, Error> {
        let unreadable = |value: String| Error::Unreadable { table: "subscriptions", value };
        Ok(Reading {
            read_at_ms: self.read_at_ms,
            subscription: Subscription {
                status: Status::parse(&self.status).ok_or_else(|| unreadable(self.status.clone()))?,
                quantity: u32::try_from(self.quantity).map_err(|_| unreadable(self.quantity.to_string()))?,
                id: self.id,
                customer: self.customer_id,
                organization: Some(OrganizationId(self.organization_id)),
                buyer: None,
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
                livemode: self.livemode != 0,
            },
        })
    }
}

/// Decides the tier from all of an organization's subscriptions.
pub trait Decide: Fn(&[Subscription]) -> Access + Send + 'static {}

impl<D: Fn(&[Subscription]) -> Access + Send + 'static> Decide for D {}

impl Store {
    /// An organization's subscriptions, newest first.
    pub async fn subscriptions(&self, organization: &OrganizationId) -> Result<Vec<Subscription>, Error> {
        let mut connection = self.pool.acquire().await?;
        let readings = load(&mut connection, organization).await?;
        Ok(readings.into_iter().map(|reading| reading.subscription).collect())
    }

    /// Stores a reading of a subscription and everything that follows from it, in one transaction.
    ///
    /// This is the only place that writes subscriptions and tiers.
    pub async fn sync(
        &self,
        reading: Reading,
        actor: Actor,
        now: Timestamp,
        decide: impl Decide,
    ) -> Result<Synced, Error> {
        self.write(move |connection| {
            Box::pin(async move {
                let Some(organization) = owner(connection, &reading.subscription).await? else {
                    return Ok(Synced::Unowned);
                };
                let stored = load(connection, &organization.id).await?;
                let known = stored.iter().find(|known| known.subscription.id == reading.subscription.id);
                if let Some(known) = known {
                    if known.subscription.status.is_terminal() {
                        return Ok(Synced::Absorbed);
                    }
                    if known.read_at_ms > reading.read_at_ms {
                        return Ok(Synced::Stale);
                    }
                }
                let subscription =
                    reading.subscription.with_past_due_since(known.map(|known| &known.subscription), now);
                let changed = known.is_none_or(|known| known.subscription.status != subscription.status);
                upsert(connection, &organization.id, &subscription, reading.read_at_ms).await?;
                if changed {
                    let action = Action::SubscriptionStatus {
                        subscription: subscription.id.clone(),
                        before: known.map(|known| known.subscription.status),
                        after: subscription.status,
                    };
                    audit::record(connection, &organization.id, actor.clone(), action, now).await?;
                }
                note_trial(connection, &organization.id, &subscription).await?;
                let after = settle(connection, &organization, actor, now, decide).await?;
                Ok(Synced::Applied { organization: organization.id, before: organization.tier, after })
            })
        })
        .await
    }

    /// Decides an organization's tier again, because time has passed or the policy has changed.
    pub async fn review(
        &self,
        organization: &OrganizationId,
        now: Timestamp,
        decide: impl Decide,
    ) -> Result<(), Error> {
        let id = organization.clone();
        self.write(move |connection| {
            Box::pin(async move {
                if let Some(organization) = lock(connection, &id).await? {
                    settle(connection, &organization, Actor::Clock, now, decide).await?;
                }
                Ok(())
            })
        })
        .await
    }
}

type Locked = domain::organization::Organization;

/// The organization that a subscription bills, locked until the transaction ends. The customer decides; metadata
/// only helps where the link to the customer is not stored yet.
async fn owner(connection: &mut AnyConnection, subscription: &Subscription) -> Result<Option<Locked>, Error> {
    let by_customer: Option<String> = sqlx::query_scalar("SELECT id FROM organizations WHERE stripe_customer_id = $1")
        .bind(&subscription.customer)
        .fetch_optional(&mut *connection)
        .await?;
    if let Some(id) = by_customer {
        return lock(connection, &OrganizationId(id)).await;
    }
    let Some(id) = &subscription.organization else { return Ok(None) };
    let Some(organization) = lock(connection, id).await? else { return Ok(None) };
    if organization.customer.is_some() {
        return Ok(None);
    }
    sqlx::query("UPDATE organizations SET stripe_customer_id = $2 WHERE id = $1")
        .bind(&id.0)
        .bind(&subscription.customer)
        .execute(connection)
        .await?;
    Ok(Some(organization))
}

/// Reads an organization and keeps others from changing it: an update that changes nothing locks on both engines.
async fn lock(connection: &mut AnyConnection, id: &OrganizationId) -> Result<Option<Locked>, Error> {
    let row: Option<OrganizationRow> = sqlx::query_as("UPDATE organizations SET id = id WHERE id = $1 RETURNING *")
        .bind(&id.0)
        .fetch_optional(connection)
        .await?;
    row.map(OrganizationRow::read).transpose()
}

async fn load(connection: &mut AnyConnection, organization: &OrganizationId) -> Result<Vec<Reading>, Error> {
    let rows: Vec<Row> =
        sqlx::query_as("SELECT * FROM subscriptions WHERE organization_id = $1 ORDER BY created_at DESC, id")
            .bind(&organization.0)
            .fetch_all(connection)
            .await?;
    rows.into_iter().map(Row::read).collect()
}

/// Writes the tier that follows from what is stored, and says so in the time line where it changes.
async fn settle(
    connection: &mut AnyConnection,
    organization: &Locked,
    actor: Actor,
    now: Timestamp,
    decide: impl Decide,
) -> Result<PlanId, Error> {
    let subscriptions: Vec<_> =
        load(connection, &organization.id).await?.into_iter().map(|reading| reading.subscription).collect();
    let access = decide(&subscriptions);
    sqlx::query("UPDATE organizations SET subscription_tier = $2, tier_reason = $3, tier_review_at = $4 WHERE id = $1")
        .bind(&organization.id.0)
        .bind(access.tier.as_str())
        .bind(access.reason.as_str())
        .bind(access.review_at.map(|at| at.0))
        .execute(&mut *connection)
        .await?;
    if access.tier != organization.tier {
        let action =
            Action::Tier { before: organization.tier.clone(), after: access.tier.clone(), reason: access.reason };
        audit::record(connection, &organization.id, actor, action, now).await?;
    }
    Ok(access.tier)
}

/// One trial per person and organization, ever: both are marked when a trial is first seen.
async fn note_trial(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    subscription: &Subscription,
) -> Result<(), Error> {
    let Some(Timestamp(started)) = subscription.trial_start else { return Ok(()) };
    sqlx::query("UPDATE organizations SET trial_used_at = COALESCE(trial_used_at, $2) WHERE id = $1")
        .bind(&organization.0)
        .bind(started)
        .execute(&mut *connection)
        .await?;
    if let Some(UserId(buyer)) = &subscription.buyer {
        sqlx::query("UPDATE users SET trial_used_at = COALESCE(trial_used_at, $2) WHERE id = $1")
            .bind(buyer)
            .bind(started)
            .execute(connection)
            .await?;
    }
    Ok(())
}

async fn upsert(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    subscription: &Subscription,
    read_at_ms: i64,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO subscriptions (id, organization_id, customer_id, status, price_id, quantity, created_at,
             period_start, period_end, cancel_at_period_end, cancel_at, canceled_at, ended_at, trial_start, trial_end,
             past_due_at, livemode, read_at_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
         ON CONFLICT (id) DO UPDATE SET
             customer_id = excluded.customer_id, status = excluded.status, price_id = excluded.price_id,
             quantity = excluded.quantity, period_start = excluded.period_start, period_end = excluded.period_end,
             cancel_at_period_end = excluded.cancel_at_period_end, cancel_at = excluded.cancel_at,
             canceled_at = excluded.canceled_at, ended_at = excluded.ended_at, trial_start = excluded.trial_start,
             trial_end = excluded.trial_end, past_due_at = excluded.past_due_at, read_at_ms = excluded.read_at_ms",
    )
    .bind(&subscription.id)
    .bind(&organization.0)
    .bind(&subscription.customer)
    .bind(subscription.status.as_str())
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
    .bind(i64::from(subscription.livemode))
    .bind(read_at_ms)
    .execute(connection)
    .await?;
    Ok(())
}
