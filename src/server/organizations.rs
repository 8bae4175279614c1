//! Which organization a request is about, and what the API says of a person's organizations.

use domain::organization::UserId;
use domain::plan::Limit;
use domain::role::Permission;
use serde::Serialize;

use super::App;
use super::error::Error;
use super::overview::{tier_name, tier_sentence};
use super::store::{Actor, Membership};
use crate::error::Code;
use crate::visitor::{Account, Place};

/// What somebody is told about an organization that they are not in, be there one or not.
pub(super) const NOT_A_MEMBER: &str =
    "You are not a member of this organization, or not any more. Whoever runs it can invite you.";

/// An organization in `GET /api/organizations`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationView {
    id: String,
    name: String,
    kind: &'static str,
    role: &'static str,
    /// Whether the person has one of its seats.
    seat: bool,
    subscription_tier: String,
    tier_name: String,
    reason: String,
    features: Vec<String>,
    limits: std::collections::BTreeMap<String, Limit>,
}

/// Whether somebody may do this in the organization they act for, or the refusal.
pub(super) fn require(account: &Account, permission: Permission) -> Result<(), Error> {
    if account.may(permission) {
        return Ok(());
    }
    Err(Error::refused(Code::Forbidden, permission.refusal()))
}

impl App {
    /// The person's account in the organization that a request names. Where it names none, the one that was chosen
    /// last, as far as the person is still in it, or their own. One that they are not in is refused: nobody is to act
    /// for another organization than they think.
    pub async fn account(
        &self,
        user: &UserId,
        named: Option<&str>,
        last: Option<&str>,
    ) -> Result<Option<Account>, Error> {
        let memberships = self.memberships(user).await?;
        let place = |id: &str| memberships.iter().find(|membership| membership.organization.id.0 == id);
        let found = match named {
            Some(id) => Some(place(id).ok_or_else(|| Error::refused(Code::NotFound, NOT_A_MEMBER))?),
            None => last.and_then(place).or(memberships.first()),
        };
        let Some(membership) = found.cloned() else { return Ok(None) };
        let organization = membership.organization;
        let organizations = memberships
            .into_iter()
            .map(|membership| Place {
                tier_name: tier_name(&self.catalog, &membership.organization.tier),
                id: membership.organization.id,
                name: membership.organization.name,
                role: membership.role,
            })
            .collect();
        Ok(Some(Account {
            organizations,
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
            seated: membership.seated,
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
            seat: membership.seated,
            subscription_tier: organization.tier.to_string(),
        }
    }
}
