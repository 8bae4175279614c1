//! What the pages show of an organization's billing, in words and dates.

use domain::catalog::Catalog;
use domain::entitlement::Reason;
use domain::plan::{Plan, PlanId};
use domain::subscription::{Status, Subscription};
use domain::time::{Seconds, Timestamp};

use super::App;
use super::error::Error;
use crate::components::notice::Tone;
use crate::components::order_summary::Terms;
use crate::pages::billing::{BillingView, KeyDate};
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

    /// How an organization's billing stands.
    pub async fn billing_view(&self, account: &Account) -> Result<BillingView, Error> {
        let subscriptions = self.store.subscriptions(&account.organization).await?;
        let organization = self.store.organization(&account.organization).await?;
        let reason = organization.as_ref().and_then(|organization| Reason::parse(&organization.tier_reason));
        let current =
            subscriptions.iter().find(|subscription| !subscription.status.is_terminal()).or(subscriptions.first());
        let live = current.filter(|subscription| !subscription.status.is_terminal());
        let plan = self.catalog.plan(&account.tier);
        Ok(BillingView {
            organization: account.organization_name.clone(),
            tier_name: account.tier_name.clone(),
            summary: plan.map(|plan| plan.summary.clone()).unwrap_or_default(),
            status: current.map_or("Free", |subscription| status_word(subscription)).to_owned(),
            notice: current.and_then(|subscription| notice(subscription, reason, self.clock.now())),
            price: live.and_then(|subscription| self.price_line(subscription)),
            seats: live
                .filter(|_| plan.is_some_and(|plan| plan.seats.is_some()))
                .map(|subscription| subscription.quantity),
            date: current.and_then(key_date),
            has_customer: organization.is_some_and(|organization| organization.customer.is_some()),
            may_manage: account.role.manages_billing(),
        })
    }

    /// `$60 / month`, with the seats counted in.
    fn price_line(&self, subscription: &Subscription) -> Option<String> {
        let (plan, period) = self.config.prices.plan(&subscription.price)?;
        let price = self.catalog.plan(plan)?.price(period)?;
        let total = price.money(&self.catalog.currency).times(u64::from(subscription.quantity))?;
        Some(format!("{total} / {}", period.unit()))
    }
}

/// A tier's name in the catalogue; a tier that is no longer in it is called by its id.
pub fn tier_name(catalog: &Catalog, tier: &PlanId) -> String {
    catalog.plan(tier).map_or_else(|| tier.to_string(), |plan| plan.name.clone())
}

fn status_word(subscription: &Subscription) -> &'static str {
    match subscription.status {
        _ if subscription.scheduled_end().is_some() => "Canceling",
        Status::Trialing => "Trial",
        Status::Active => "Active",
        Status::PastDue => "Past due",
        Status::Incomplete => "Awaiting payment",
        Status::Unpaid => "Unpaid",
        Status::Paused => "Paused",
        Status::Canceled | Status::IncompleteExpired => "Ended",
    }
}

fn notice(subscription: &Subscription, reason: Option<Reason>, now: Timestamp) -> Option<(Tone, String)> {
    if let Some(end) = subscription.scheduled_end() {
        let text =
            format!("This subscription is canceled and ends on {}. Everything stays unlocked until then.", day(end));
        return Some((Tone::Info, text));
    }
    match (subscription.status, reason) {
        (Status::Trialing, _) => subscription.trial_end.map(|end| {
            let days = end.days_left(now);
            let left = if days == 1 { "1 day".to_owned() } else { format!("{days} days") };
            (Tone::Info, format!("Your trial has {left} left. The first payment is on {}.", day(end)))
        }),
        (Status::PastDue, _) => Some((
            Tone::Warning,
            "The last payment failed. Update the payment method so that nothing is locked.".to_owned(),
        )),
        (Status::Unpaid | Status::Incomplete, _) => {
            Some((Tone::Warning, "An invoice is open. Pay it to unlock the plan.".to_owned()))
        }
        (_, Some(Reason::UnknownPrice)) => Some((
            Tone::Warning,
            "This subscription’s price is not one of our plans. Contact us so that we can put it right.".to_owned(),
        )),
        _ => None,
    }
}

fn key_date(subscription: &Subscription) -> Option<KeyDate> {
    let (label, at) = match subscription.status {
        _ if subscription.scheduled_end().is_some() => ("Cancels on", subscription.scheduled_end()?),
        Status::Trialing => ("Trial ends", subscription.trial_end?),
        Status::Active | Status::PastDue => ("Renews on", subscription.period_end),
        Status::Canceled => ("Ended on", subscription.ended_at?),
        Status::Incomplete | Status::IncompleteExpired | Status::Unpaid | Status::Paused => return None,
    };
    Some(KeyDate { label: label.to_owned(), text: day(at), iso: format("%Y-%m-%d", at) })
}

/// `21 December 2026`, in UTC.
fn day(at: Timestamp) -> String {
    format("%-d %B %Y", at)
}

fn format(pattern: &str, at: Timestamp) -> String {
    jiff::Timestamp::from_second(at.0)
        .map(|at| at.to_zoned(jiff::tz::TimeZone::UTC).strftime(pattern).to_string())
        .unwrap_or_default()
}
