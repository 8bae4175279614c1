//! What the pages and the API say of an organization's billing, in words and dates.

mod account;
mod audit;
mod billing;
mod change;
mod entitlements;
mod keys;
mod seats;
mod status;
mod team;
mod top_ups;
mod usage;

pub use status::SubscriptionView;
pub(super) use usage::{moment, who};

use domain::access::Reason;
use domain::catalog::Catalog;
use domain::organization::{Kind, Organization};
use domain::plan::{Audience, Plan, PlanId};
use domain::subscription::Status;
use domain::time::{Seconds, Timestamp};
use domain::window::Zone;
use jiff::tz::TimeZone;

use super::App;
use super::error::Error;
use crate::components::order_summary::Terms;
use crate::pages::checkout_success::Activation;
use crate::visitor::Account;

/// A plan and the terms on which somebody would buy it.
pub struct Offered {
    /// The plan.
    pub plan: Plan,
    /// The terms.
    pub terms: Terms,
}

impl App {
    /// The terms of a plan for this account, or why it cannot be bought.
    pub async fn checkout_terms(&self, account: &Account, plan: &str) -> Result<Offered, Error> {
        let plan = self.orderable(account, plan).await?;
        let trial_days = self.trial(account).map_or(0, |trial| trial.days);
        Ok(Offered {
            terms: Terms {
                prices: plan.prices.iter().map(|price| (price.period, price.amount)).collect(),
                currency: self.catalog.currency.clone(),
                seats: plan.seats,
                trial_days,
                trial_ends: day(self.clock.now() + Seconds::days(trial_days)),
            },
            plan,
        })
    }

    /// The plan and its name, where it is for teams and this is one person's own organization.
    pub fn for_teams(&self, account: &Account, plan: &str) -> Option<(PlanId, String)> {
        let plan = PlanId::parse(plan).ok().and_then(|id| self.catalog.plan(&id))?;
        let other = plan.is_sold() && plan.audience == Audience::Team && account.kind == Kind::Personal;
        other.then(|| (plan.id.clone(), plan.name.clone()))
    }

    /// Activates after a checkout, and says how it went.
    pub async fn activation(&self, account: &Account, session: &str) -> Result<Activation, Error> {
        let active = self.finish_checkout(account, session).await?;
        let organization = self.store.organization(&account.organization).await?;
        let tier = organization.map_or_else(|| account.tier.clone(), |organization| organization.tier);
        let subscriptions = self.store.subscriptions(&account.organization).await?;
        let trial_end = subscriptions
            .first()
            .filter(|subscription| subscription.status == Status::Trialing)
            .and_then(|subscription| subscription.trial_end);
        Ok(Activation { active, tier_name: tier_name(&self.catalog, &tier), trial_until: trial_end.map(day) })
    }
}

/// A tier's name in the catalogue; a tier that is no longer in it is called by its id.
pub fn tier_name(catalog: &Catalog, tier: &PlanId) -> String {
    catalog.plan(tier).map_or_else(|| tier.to_string(), |plan| plan.name.clone())
}

/// Why an organization is on its tier, in a sentence.
pub fn tier_sentence(organization: &Organization) -> String {
    match (Reason::parse(&organization.tier_reason), organization.tier_review_at) {
        (Some(Reason::Granted), Some(until)) => format!("The plan is granted until {}.", day(until)),
        (Some(reason), _) => reason.sentence().to_owned(),
        (None, _) => String::new(),
    }
}

/// `21 December 2026`, in UTC.
pub(super) fn day(at: Timestamp) -> String {
    format("%-d %B %Y", at)
}

/// `21 December 2026`, where the organization's days begin.
pub(super) fn day_in(zone: &Zone, at: Timestamp) -> String {
    format_in(zone, "%-d %B %Y", at)
}

fn format(pattern: &str, at: Timestamp) -> String {
    written(TimeZone::UTC, pattern, at)
}

fn format_in(zone: &Zone, pattern: &str, at: Timestamp) -> String {
    written(TimeZone::get(zone.name()).unwrap_or(TimeZone::UTC), pattern, at)
}

fn written(zone: TimeZone, pattern: &str, at: Timestamp) -> String {
    jiff::Timestamp::from_second(at.0).map(|at| at.to_zoned(zone).strftime(pattern).to_string()).unwrap_or_default()
}
