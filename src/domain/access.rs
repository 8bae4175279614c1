//! The access policy: from a subscription to the tier, with the reason, and until when the answer holds.

use serde::{Deserialize, Serialize};

use crate::catalog::Catalog;
use crate::plan::{Limit, PlanId};
use crate::subscription::{Dispute, Status, Subscription};
use crate::time::{Seconds, Timestamp};
use crate::window::PaidPeriod;

/// The tier that an organization is on, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// The plan that counts.
    pub tier: PlanId,
    /// Why it does.
    pub reason: Reason,
    /// When time alone changes the answer, without any news from Stripe.
    pub review_at: Option<Timestamp>,
    /// The plan of the subscription, whether it gives access or not.
    pub subscribed: Option<PlanId>,
    /// The period that the subscription gives access for.
    pub paid: Option<PaidPeriod>,
    /// How many members can be given a seat; none where the plan has no seats.
    pub seats: Option<Limit>,
}

/// Why an organization is on its tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reason {
    /// Nothing was ever bought.
    NoSubscription,
    /// In the trial.
    Trial,
    /// Paid.
    Paid,
    /// A payment failed; the plan stays while the grace lasts.
    Grace,
    /// A payment failed and the grace is over.
    GraceOver,
    /// Canceled, but paid until the end of the period.
    PaidUntilEnd,
    /// Ended.
    Ended,
    /// The first payment is open or was never made.
    NotPaid,
    /// Paused.
    Paused,
    /// The subscription's price is not in the catalogue.
    UnknownPrice,
    /// The bank took a payment back, or is asked to.
    Disputed,
    /// An operator granted the plan.
    Granted,
    /// The team's plan is for members with a seat, and this one has none. Of a member's answers, never of an
    /// organization.
    NoSeat,
}

/// A plan that an operator granted, with or without a subscription beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanGrant {
    /// Which plan.
    pub plan: PlanId,
    /// Until when; `None` until it is revoked.
    pub until: Option<Timestamp>,
}

impl Access {
    /// The better of what the subscriptions give and what was granted; of equals the subscriptions. They go on
    /// underneath, so that what they give counts again once the grant is over.
    #[must_use]
    pub fn or_granted(self, grant: Option<&PlanGrant>, catalog: &Catalog, now: Timestamp) -> Self {
        let Some(grant) = grant.filter(|grant| grant.until.is_none_or(|until| now < until)) else { return self };
        if catalog.is_at_least(&self.tier, &grant.plan) {
            return self;
        }
        // Nobody has said how many: it is not by the seat that a granted plan is paid.
        let seats = catalog.plan(&grant.plan).and_then(|plan| plan.seats).map(|_| Limit::UNLIMITED);
        Self { tier: grant.plan.clone(), reason: Reason::Granted, review_at: grant.until, seats, ..self }
    }

    /// With so many seats, where the plan has seats.
    #[must_use]
    pub fn with_seats(self, quantity: u32, catalog: &Catalog) -> Self {
        let seats = catalog.plan(&self.tier).and_then(|plan| plan.seats).map(|_| Limit::AtMost(quantity.into()));
        Self { seats, ..self }
    }
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 13] = [
        Self::NoSubscription,
        Self::Trial,
        Self::Paid,
        Self::Grace,
        Self::GraceOver,
        Self::PaidUntilEnd,
        Self::Ended,
        Self::NotPaid,
        Self::Paused,
        Self::UnknownPrice,
        Self::Disputed,
        Self::Granted,
        Self::NoSeat,
    ];

    /// Reads the word in the database.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }

    /// The reason in words, for people and for the API.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NoSubscription => "Nothing has been bought.",
            Self::Trial => "The trial is running.",
            Self::Paid => "The plan is paid.",
            Self::Grace => "A payment failed; the plan stays for the grace period.",
            Self::GraceOver => "A payment failed and the grace period is over.",
            Self::PaidUntilEnd => "The subscription was canceled and is paid until the end of its period.",
            Self::Ended => "The subscription has ended.",
            Self::NotPaid => "The subscription's invoice has not been paid.",
            Self::Paused => "The subscription is paused.",
            Self::UnknownPrice => "The subscription's price is not in the catalogue.",
            Self::Disputed => "A payment is disputed with the bank.",
            Self::Granted => "The plan is granted.",
            Self::NoSeat => "The plan is for members with a seat.",
        }
    }

    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoSubscription => "no_subscription",
            Self::Trial => "trial",
            Self::Paid => "paid",
            Self::Grace => "grace",
            Self::GraceOver => "grace_over",
            Self::PaidUntilEnd => "paid_until_end",
            Self::Ended => "ended",
            Self::NotPaid => "not_paid",
            Self::Paused => "paused",
            Self::UnknownPrice => "unknown_price",
            Self::Disputed => "disputed",
            Self::Granted => "granted",
            Self::NoSeat => "no_seat",
        }
    }
}

/// The parts of the policy that a team chooses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The tier of everybody without access to anything more.
    pub free: PlanId,
    /// How long a failed payment keeps the plan.
    pub past_due_grace: Seconds,
    /// Whether an open dispute of a payment takes the plan away at once. One that is lost always does.
    pub downgrade_on_dispute: bool,
}

impl Policy {
    /// Decides the tier. `plan` is the catalogue's plan for the subscription's price, `None` if there is none.
    pub fn access(&self, subscription: Option<&Subscription>, plan: Option<&PlanId>, now: Timestamp) -> Access {
        let Some(subscription) = subscription else {
            return self.free(Reason::NoSubscription, None);
        };
        let Some(plan) = plan else {
            return self.free(Reason::UnknownPrice, None);
        };
        let free = |reason| self.free(reason, Some(plan));
        match subscription.dispute {
            Some(Dispute::Lost) => return free(Reason::Disputed),
            Some(Dispute::Open) if self.downgrade_on_dispute => return free(Reason::Disputed),
            Some(Dispute::Open) | None => {}
        }
        let paid = PaidPeriod { start: subscription.period_start, end: subscription.period_end };
        let on_plan = |reason, review_at| Access {
            tier: plan.clone(),
            reason,
            review_at,
            subscribed: Some(plan.clone()),
            paid: Some(paid),
            seats: None,
        };
        match subscription.status {
            Status::Trialing => on_plan(Reason::Trial, None),
            Status::Active => on_plan(Reason::Paid, None),
            Status::PastDue => {
                // Without our note the unpaid period's start stands in: `now` would let the grace run for ever.
                let since = subscription.past_due_at.unwrap_or(subscription.period_start);
                let until = since + self.past_due_grace;
                if now < until { on_plan(Reason::Grace, Some(until)) } else { free(Reason::GraceOver) }
            }
            Status::Canceled => match paid_until(subscription) {
                Some(until) if now < until => on_plan(Reason::PaidUntilEnd, Some(until)),
                _ => free(Reason::Ended),
            },
            Status::Incomplete | Status::IncompleteExpired | Status::Unpaid => free(Reason::NotPaid),
            Status::Paused => free(Reason::Paused),
        }
    }

    fn free(&self, reason: Reason, subscribed: Option<&PlanId>) -> Access {
        Access {
            tier: self.free.clone(),
            reason,
            review_at: None,
            subscribed: subscribed.cloned(),
            paid: None,
            seats: None,
        }
    }
}

/// Until when a canceled subscription was paid: its period's end, unless nobody paid for that period, because it ended
/// in the trial or because its invoice is not paid. Where that invoice is not known, the failed payment that we noted
/// tells.
fn paid_until(subscription: &Subscription) -> Option<Timestamp> {
    let ended_in_trial = match (subscription.trial_end, subscription.ended_at) {
        (Some(trial_end), Some(ended_at)) => ended_at <= trial_end,
        _ => false,
    };
    let paid = subscription.period_paid.unwrap_or(subscription.past_due_at.is_none());
    (paid && !ended_in_trial).then_some(subscription.period_end)
}
