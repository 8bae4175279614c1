//! The intents of changes that charge at once: written before Stripe is called, so that the same click twice, a retry
//! and a restart are one change.

use domain::organization::OrganizationId;
use domain::time::Timestamp;

use super::{Error, Store, new_id};

/// A change that somebody confirmed.
#[derive(Clone, Debug)]
pub struct PlanChange {
    /// The subscription.
    pub subscription: String,
    /// The Stripe price that it is to have.
    pub price: String,
    /// How many of it.
    pub quantity: u32,
    /// The moment for which the preview was shown.
    pub proration_at: Timestamp,
}

impl Store {
    /// The key of this change at Stripe: the same for the same change.
    pub async fn begin_change(
        &self,
        organization: &OrganizationId,
        change: PlanChange,
        now: Timestamp,
    ) -> Result<String, Error> {
        let organization = organization.clone();
        self.write(move |connection| {
            Box::pin(async move {
                // The update changes nothing; it lets a known row be returned.
                Ok(sqlx::query_scalar(
                    "INSERT INTO plan_changes (id, organization_id, subscription_id, price_id, quantity, proration_at,
                         created_at)
                     VALUES ($1, $2, $3, $4, $5, $6, $7)
                     ON CONFLICT (subscription_id, price_id, quantity, proration_at)
                         DO UPDATE SET created_at = plan_changes.created_at
                     RETURNING id",
                )
                .bind(new_id("chg"))
                .bind(organization.0)
                .bind(change.subscription)
                .bind(change.price)
                .bind(i64::from(change.quantity))
                .bind(change.proration_at.0)
                .bind(now.0)
                .fetch_one(connection)
                .await?)
            })
        })
        .await
    }
}
