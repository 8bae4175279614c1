//! What is stored of an organization's access, beside what follows from its subscriptions and grants: the comparison
//! looks whether they are the same.

use domain::access::Access;
use domain::organization::OrganizationId;
use serde::Serialize;
use sqlx::FromRow;

use super::sync::{Decide, decided};
use super::{Error, Store};

/// The columns that the one sync writes of an access.
#[derive(Clone, Debug, PartialEq, Eq, FromRow, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Settled {
    pub(super) subscription_tier: String,
    pub(super) tier_reason: String,
    pub(super) tier_review_at: Option<i64>,
    pub(super) subscribed_plan: Option<String>,
    pub(super) paid_from: Option<i64>,
    pub(super) paid_until: Option<i64>,
}

impl From<&Access> for Settled {
    fn from(access: &Access) -> Self {
        Self {
            subscription_tier: access.tier.to_string(),
            tier_reason: access.reason.as_str().to_owned(),
            tier_review_at: access.review_at.map(|at| at.0),
            subscribed_plan: access.subscribed.as_ref().map(ToString::to_string),
            paid_from: access.paid.map(|paid| paid.start.0),
            paid_until: access.paid.map(|paid| paid.end.0),
        }
    }
}

impl Store {
    /// What is stored of an organization's access, and what should be; `None` where that is the same.
    pub async fn unsettled(
        &self,
        organization: &OrganizationId,
        decide: impl Decide,
    ) -> Result<Option<(Settled, Settled)>, Error> {
        let mut connection = self.pool.acquire().await?;
        let right = Settled::from(&decided(&mut connection, organization, &decide).await?);
        let stored: Option<Settled> = sqlx::query_as(
            "SELECT subscription_tier, tier_reason, tier_review_at, subscribed_plan, paid_from, paid_until
             FROM organizations WHERE id = $1",
        )
        .bind(&organization.0)
        .fetch_optional(&mut *connection)
        .await?;
        Ok(stored.filter(|stored| *stored != right).map(|stored| (stored, right)))
    }
}
