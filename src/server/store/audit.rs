//! The time line: what happened to an organization, who did it, what changed and why.

use domain::entitlement::Reason;
use domain::organization::{OrganizationId, UserId};
use domain::plan::{Period, PlanId};
use domain::subscription::Status;
use domain::time::Timestamp;
use serde::Serialize;
use sqlx::AnyConnection;

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
}

impl Actor {
    fn to_text(&self) -> String {
        match self {
            Self::User(user) => user.0.clone(),
            Self::Event(event) => event.clone(),
            Self::Clock => "clock".to_owned(),
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// A subscription came into being or changed its status.
    SubscriptionStatus {
        /// Which.
        subscription: String,
        /// The status before, `None` for a new one.
        before: Option<Status>,
        /// The status after.
        after: Status,
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
}

impl Action {
    fn name(&self) -> &'static str {
        match self {
            Self::SubscriptionStatus { .. } => "subscription_status",
            Self::Tier { .. } => "tier",
            Self::CheckoutStarted { .. } => "checkout_started",
            Self::PortalOpened => "portal_opened",
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
            Box::pin(async move { record(connection, &organization, actor, action, now).await })
        })
        .await
    }
}

/// Adds an entry inside the transaction of what it tells about.
pub(super) async fn record(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    actor: Actor,
    action: Action,
    now: Timestamp,
) -> Result<(), Error> {
    let detail = serde_json::to_string(&action)
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
