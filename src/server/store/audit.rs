//! The time line: what happened to an organization, who did it, what changed and why.

use domain::access::Reason;
use domain::organization::{OrganizationId, UserId};
use domain::plan::{Period, PlanId};
use domain::subscription::{NextTerms, PendingChange, Status, Subscription};
use domain::time::Timestamp;
use domain::top_up::Pause;
use serde::Serialize;
use sqlx::{AnyConnection, FromRow};

use super::{Error, Store, new_id};

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A person, through a page or the API.
    User(UserId),
    /// Stripe, by an event.
    Event(String),
    /// Time passing.
    Clock,
    /// Somebody at the command line.
    Operator,
    /// The comparison with Stripe.
    Reconciliation,
    /// An automatic top-up.
    TopUp,
}

impl Actor {
    pub(super) fn to_text(&self) -> String {
        match self {
            Self::User(user) => user.0.clone(),
            Self::Event(event) => event.clone(),
            Self::Clock => "clock".to_owned(),
            Self::Operator => "operator".to_owned(),
            Self::Reconciliation => "reconciliation".to_owned(),
            Self::TopUp => "top_up".to_owned(),
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// A subscription came into being or is not what it was.
    Subscription {
        /// Which.
        subscription: String,
        /// How it stood before, `None` for a new one.
        before: Option<Box<Standing>>,
        /// How it stands now.
        after: Box<Standing>,
    },
    /// The tier changed.
    Tier {
        /// The tier before.
        before: PlanId,
        /// The tier after.
        after: PlanId,
        /// Why.
        reason: Reason,
    },
    /// Somebody was sent to pay.
    CheckoutStarted {
        /// For what.
        plan: PlanId,
        /// How often it is charged.
        period: Period,
        /// How many seats.
        quantity: u32,
    },
    /// Somebody was sent to Stripe's customer portal.
    PortalOpened,
    /// Somebody asked for the end at the end of what is paid.
    CancelRequested {
        /// Why, in one of Stripe's words.
        feedback: Option<String>,
        /// Why, in their own.
        comment: Option<String>,
    },
    /// Somebody took a scheduled end back.
    Reactivated,
    /// Somebody confirmed a change.
    ChangeRequested {
        /// To which plan.
        plan: PlanId,
        /// How often it is charged.
        period: Period,
        /// How many seats.
        quantity: u32,
        /// `now` or `period_end`.
        timing: domain::change::Timing,
    },
    /// Somebody took a scheduled change back.
    ChangeUndone,
    /// Somebody ended the subscription at once.
    EndedNow,
    /// A payment was disputed, or the dispute is over.
    Dispute {
        /// Which.
        dispute: String,
        /// Stripe's word before.
        before: Option<String>,
        /// Stripe's word now.
        after: String,
    },
    /// Something was given on top of the plan.
    Granted {
        /// Which.
        grant: String,
        /// The feature.
        #[serde(skip_serializing_if = "Option::is_none")]
        feature: Option<String>,
        /// The meter.
        #[serde(skip_serializing_if = "Option::is_none")]
        meter: Option<String>,
        /// How much of it.
        amount: i64,
        /// Why.
        reason: String,
        /// When it ends.
        #[serde(skip_serializing_if = "Option::is_none")]
        expires_at: Option<Timestamp>,
    },
    /// Somebody was sent to pay for a pack.
    PackCheckoutStarted {
        /// Which.
        pack: String,
    },
    /// Stripe's customer was deleted.
    CustomerDeleted {
        /// Which.
        customer: String,
    },
    /// Somebody made a key for a service.
    KeyMade {
        /// Which.
        key: String,
        /// What it is called.
        name: String,
        /// `read` or `write`.
        access: &'static str,
    },
    /// Somebody revoked a key.
    KeyRevoked {
        /// Which.
        key: String,
    },
    /// Days and months begin elsewhere.
    TimeZone {
        /// The zone before.
        before: String,
        /// The zone now.
        after: String,
    },
    /// Somebody turned an automatic top-up on, or changed its terms.
    TopUpOn {
        /// Of which meter.
        meter: String,
        /// What is bought.
        pack: String,
        /// When less than this is left.
        threshold: u64,
        /// The most in a calendar month, minor units.
        cap: i64,
        /// What that is in.
        currency: String,
    },
    /// Somebody turned an automatic top-up off.
    TopUpOff {
        /// Of which meter.
        meter: String,
    },
    /// An automatic top-up is being charged.
    TopUpStarted {
        /// What is bought.
        pack: String,
        /// For how much, minor units.
        amount: i64,
        /// What that is in.
        currency: String,
    },
    /// The monthly cap of an automatic top-up is reached.
    TopUpCapped {
        /// Of which meter.
        meter: String,
        /// The cap, minor units.
        cap: i64,
        /// What that is in.
        currency: String,
    },
    /// An automatic top-up could not be charged and is paused.
    TopUpPaused {
        /// Of which meter.
        meter: String,
        /// Why.
        reason: Pause,
    },
    /// Somebody lets a paused automatic top-up go on.
    TopUpResumed {
        /// Of which meter.
        meter: String,
    },
}

/// What of a subscription is worth a line when it changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    status: Status,
    price: String,
    quantity: u32,
    period_end: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    trial_end: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<NextTerms>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pending: Option<PendingChange>,
}

impl Standing {
    /// Of a subscription.
    pub fn of(subscription: &Subscription) -> Self {
        Self {
            status: subscription.status,
            price: subscription.price.clone(),
            quantity: subscription.quantity,
            period_end: subscription.period_end,
            trial_end: subscription.trial_end,
            ends_at: subscription.scheduled_end(),
            next: subscription.next.clone(),
            pending: subscription.pending.clone(),
        }
    }
}

/// A line of an organization's time line: an action or an event.
#[derive(Clone, Debug, FromRow)]
pub struct TimelineEntry {
    /// When, UTC seconds.
    pub at: i64,
    /// Who: a person, an event, `clock`, `operator`, `reconciliation`, or `stripe` for an event's own line.
    pub actor: String,
    /// What happened, or the event's type.
    pub action: String,
    /// Before and after as JSON; for an event what was decided, and why.
    pub detail: String,
}

/// Something that was done.
#[derive(Clone, Debug, FromRow)]
pub struct AuditEntry {
    /// Its id; later ones are greater.
    pub id: String,
    /// When, UTC seconds.
    pub at: i64,
    /// Who: a person, an event, `clock`, `operator` or `reconciliation`.
    pub actor: String,
    /// The person's name, where it was one.
    pub person: Option<String>,
    /// What was done.
    pub action: String,
    /// The rest of it, as JSON.
    pub detail: String,
}

impl Action {
    fn name(&self) -> &'static str {
        match self {
            Self::Subscription { .. } => "subscription",
            Self::CancelRequested { .. } => "cancel_requested",
            Self::Reactivated => "reactivated",
            Self::ChangeRequested { .. } => "change_requested",
            Self::ChangeUndone => "change_undone",
            Self::EndedNow => "ended_now",
            Self::Dispute { .. } => "dispute",
            Self::CustomerDeleted { .. } => "customer_deleted",
            Self::Granted { .. } => "granted",
            Self::PackCheckoutStarted { .. } => "pack_checkout_started",
            Self::Tier { .. } => "tier",
            Self::CheckoutStarted { .. } => "checkout_started",
            Self::PortalOpened => "portal_opened",
            Self::KeyMade { .. } => "key_made",
            Self::KeyRevoked { .. } => "key_revoked",
            Self::TimeZone { .. } => "time_zone",
            Self::TopUpOn { .. } => "top_up_on",
            Self::TopUpOff { .. } => "top_up_off",
            Self::TopUpStarted { .. } => "top_up_started",
            Self::TopUpCapped { .. } => "top_up_capped",
            Self::TopUpPaused { .. } => "top_up_paused",
            Self::TopUpResumed { .. } => "top_up_resumed",
        }
    }
}

impl Store {
    /// Adds an entry on its own, for an action that writes nothing else.
    pub async fn record(
        &self,
        organization: &OrganizationId,
        actor: Actor,
        action: Action,
        now: Timestamp,
    ) -> Result<(), Error> {
        let organization = organization.clone();
        self.write(move |connection| {
            Box::pin(async move { record(connection, &organization, &actor, &action, now).await })
        })
        .await
    }

    /// An organization's time line, oldest first: what was done, and every event with what was decided.
    pub async fn timeline(&self, organization: &OrganizationId) -> Result<Vec<TimelineEntry>, Error> {
        Ok(sqlx::query_as(
            "SELECT at, actor, action, detail, id AS tie FROM audit_entries WHERE organization_id = $1
             UNION ALL
             SELECT created_at AS at, 'stripe' AS actor, type AS action,
                    id || ': ' || status || ', ' || COALESCE(decision, '') AS detail, id AS tie
             FROM stripe_events WHERE organization_id = $1
             ORDER BY at, tie",
        )
        .bind(&organization.0)
        .fetch_all(&self.pool)
        .await?)
    }

    /// A page of what was done, newest first: before a line, or from the newest on.
    pub async fn audit(
        &self,
        organization: &OrganizationId,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, Error> {
        Ok(sqlx::query_as(
            "SELECT a.id, a.at, a.actor, u.name AS person, a.action, a.detail
             FROM audit_entries a LEFT JOIN users u ON u.id = a.actor
             WHERE a.organization_id = $1 AND ($2 = '' OR a.id < $2) ORDER BY a.id DESC LIMIT $3",
        )
        .bind(&organization.0)
        .bind(before.unwrap_or_default())
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?)
    }

    /// How many Stripe customers of an organization have been deleted.
    pub async fn customers_deleted(&self, organization: &OrganizationId) -> Result<i64, Error> {
        Ok(sqlx::query_scalar(
            "SELECT COUNT(*) FROM audit_entries WHERE organization_id = $1 AND action = 'customer_deleted'",
        )
        .bind(&organization.0)
        .fetch_one(&self.pool)
        .await?)
    }
}

/// Adds an entry inside the transaction of what it tells about.
pub(super) async fn record(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    actor: &Actor,
    action: &Action,
    now: Timestamp,
) -> Result<(), Error> {
    let detail = serde_json::to_string(action)
        .map_err(|error| Error::Unreadable { table: "audit_entries", value: error.to_string() })?;
    sqlx::query(
        "INSERT INTO audit_entries (id, organization_id, at, actor, action, detail) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(new_id("aud"))
    .bind(&organization.0)
    .bind(now.0)
    .bind(actor.to_text())
    .bind(action.name())
    .bind(detail)
    .execute(connection)
    .await?;
    Ok(())
}
