//! Which organization a request is about, and what the API says of a person's organizations.

use domain::organization::UserId;
use domain::plan::Limit;
use serde::Serialize;

use super::App;
use super::error::Error;
use super::overview::{tier_name, tier_sentence};
use super::store::{Actor, Membership};
use crate::visitor::Account;

/// An organization in `GET /api/organizations`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationView {
    id: String,
    name: String,
    kind: &'static str,
    role: &'static str,
    subscription_tier: String,
    tier_name: String,
    reason: String,
    features: Vec<String>,
    limits: std::collections::BTreeMap<String, Limit>,
}

impl App {
    /// The person's account in the organization they act for.
    pub async fn account(&self, user: &UserId) -> Result<Option<Account>, Error> {
        let Some(membership) = self.memberships(user).await?.into_iter().next() else { return Ok(None) };
        let organization = membership.organization;
        Ok(Some(Account {
            tier_name: tier_name(&self.catalog, &organization.tier),
            revision: membership.revision,
            subscribed: membership.running > 0,
            trial_used: organization.trial_used_at.is_some() || membership.user_trial_used_at.is_some(),
            user: membership.user,
            name: membership.user_name,
            email: membership.email,
            organization: organization.id,
            organization_name: organization.name,
            kind: organization.kind,
            role: membership.role,
            tier: organization.tier,
        }))
    }

    /// What the API says of a person's organizations. Tier and limits come from the same place as on every page.
    pub async fn organizations(&self, user: &UserId) -> Result<Vec<OrganizationView>, Error> {
        Ok(self.memberships(user).await?.into_iter().map(|membership| self.view(membership)).collect())
    }

    /// The person's places, with every tier that was due for a change by time alone brought up to date.
    async fn memberships(&self, user: &UserId) -> Result<Vec<Membership>, Error> {
        let now = self.clock.now();
        let memberships = self.store.memberships(user).await?;
        let due: Vec<_> = memberships
            .iter()
            .map(|membership| &membership.organization)
            .filter(|organization| organization.tier_review_at.is_some_and(|at| at <= now))
            .map(|organization| organization.id.clone())
            .collect();
        if due.is_empty() {
            return Ok(memberships);
        }
        for organization in due {
            self.store.review(&organization, Actor::Clock, now, self.access_rule(now)).await?;
        }
        Ok(self.store.memberships(user).await?)
    }

    fn view(&self, membership: Membership) -> OrganizationView {
        let organization = membership.organization;
        let plan = self.catalog.plan(&organization.tier);
        OrganizationView {
            tier_name: tier_name(&self.catalog, &organization.tier),
            features: plan.map(|plan| plan.features.iter().map(ToString::to_string).collect()).unwrap_or_default(),
            limits: plan
                .map(|plan| plan.limits.iter().map(|(meter, limit)| (meter.to_string(), *limit)).collect())
                .unwrap_or_default(),
            reason: tier_sentence(&organization),
            id: organization.id.0,
            name: organization.name,
            kind: organization.kind.as_str(),
            role: membership.role.as_str(),
            subscription_tier: organization.tier.to_string(),
        }
    }
}
