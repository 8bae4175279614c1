//! A subscription as the API says it.

use domain::organization::OrganizationId;
use domain::subscription::{NextTerms, PendingChange, Subscription};
use domain::time::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{tier_name, tier_sentence};
use crate::server::App;
use crate::server::error::Error;

/// The tier with its reason, and the subscription behind it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionView {
    tier: String,
    tier_name: String,
    reason: String,
    subscription: Option<Running>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Running {
    id: String,
    status: &'static str,
    plan: Option<String>,
    period: Option<&'static str>,
    quantity: u32,
    current_period_end: Timestamp,
    trial_end: Option<Timestamp>,
    cancel_at: Option<Timestamp>,
    next: Option<Change>,
    pending: Option<Change>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Change {
    plan: Option<String>,
    period: Option<&'static str>,
    quantity: u32,
    at: Timestamp,
}

impl App {
    /// The organization's tier and its running subscription.
    pub async fn subscription_view(&self, organization: &OrganizationId) -> Result<SubscriptionView, Error> {
        let running = self.running(organization).await?;
        let organization = self.store.organization(organization).await?;
        let tier = organization.as_ref().map_or(&self.catalog.free_plan, |organization| &organization.tier);
        Ok(SubscriptionView {
            tier: tier.to_string(),
            tier_name: tier_name(&self.catalog, tier),
            reason: organization.as_ref().map(tier_sentence).unwrap_or_default(),
            subscription: running.map(|subscription| self.as_running(subscription)),
        })
    }

    fn as_running(&self, subscription: Subscription) -> Running {
        let (plan, period) = self.sold_as(&subscription.price);
        Running {
            status: subscription.status.as_str(),
            plan,
            period,
            quantity: subscription.quantity,
            current_period_end: subscription.period_end,
            trial_end: subscription.trial_end,
            cancel_at: subscription.scheduled_end(),
            next: subscription.next.map(|NextTerms { price, quantity, at }| self.as_change(&price, quantity, at)),
            pending: subscription
                .pending
                .map(|PendingChange { price, quantity, expires_at }| self.as_change(&price, quantity, expires_at)),
            id: subscription.id,
        }
    }

    fn as_change(&self, price: &str, quantity: u32, at: Timestamp) -> Change {
        let (plan, period) = self.sold_as(price);
        Change { plan, period, quantity, at }
    }

    fn sold_as(&self, price: &str) -> (Option<String>, Option<&'static str>) {
        let sold = self.config.prices.plan(price);
        (sold.map(|(plan, _)| plan.to_string()), sold.map(|(_, period)| period.as_str()))
    }
}
