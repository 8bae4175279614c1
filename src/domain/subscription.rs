//! Our mirror of a Stripe subscription: the facts that decide access, in our own types.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::organization::{OrganizationId, UserId};
use crate::time::Timestamp;

/// Where a subscription stands, in Stripe's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The first payment is still open.
    Incomplete,
    /// The first payment was never made. Terminal.
    IncompleteExpired,
    /// In the trial.
    Trialing,
    /// Paid.
    Active,
    /// A renewal's payment failed and Stripe is still trying.
    PastDue,
    /// Ended. Terminal.
    Canceled,
    /// Stripe has stopped trying, invoices stay open.
    Unpaid,
    /// The trial ended without a payment method, or somebody paused it.
    Paused,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 8] = [
        Self::Incomplete,
        Self::IncompleteExpired,
        Self::Trialing,
        Self::Active,
        Self::PastDue,
        Self::Canceled,
        Self::Unpaid,
        Self::Paused,
    ];

    /// Stripe's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Incomplete => "incomplete",
            Self::IncompleteExpired => "incomplete_expired",
            Self::Trialing => "trialing",
            Self::Active => "active",
            Self::PastDue => "past_due",
            Self::Canceled => "canceled",
            Self::Unpaid => "unpaid",
            Self::Paused => "paused",
        }
    }

    /// Reads Stripe's word; `None` for one that we do not know, which the caller must treat as no access.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Whether Stripe will never change this subscription again.
    pub fn is_terminal(self) -> bool {
        match self {
            Self::IncompleteExpired | Self::Canceled => true,
            Self::Incomplete | Self::Trialing | Self::Active | Self::PastDue | Self::Unpaid | Self::Paused => false,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A subscription as Stripe last told us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    /// Stripe's id, `sub_…`.
    pub id: String,
    /// Stripe's customer id, `cus_…`.
    pub customer: String,
    /// Whose it is, from the metadata that we set at checkout; `None` for one made elsewhere.
    pub organization: Option<OrganizationId>,
    /// Who bought it, from the same metadata: a person has one trial, ever.
    pub buyer: Option<UserId>,
    /// Where it stands.
    pub status: Status,
    /// Stripe's id of its first item, `si_…`: what a change of plan changes.
    pub item: String,
    /// The Stripe price of its first item.
    pub price: String,
    /// How many of it: seats.
    pub quantity: u32,
    /// When it was made.
    pub created: Timestamp,
    /// Start of the paid period. Since API 2025-03-31 the dates live on the items.
    pub period_start: Timestamp,
    /// End of the paid period.
    pub period_end: Timestamp,
    /// One of Stripe's two ways to schedule an end.
    pub cancel_at_period_end: bool,
    /// The other way: a date, which is how the customer portal does it.
    pub cancel_at: Option<Timestamp>,
    /// When the cancellation was asked for.
    pub canceled_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When the trial began, if there was one.
    pub trial_start: Option<Timestamp>,
    /// When the trial ends or ended.
    pub trial_end: Option<Timestamp>,
    /// When a payment first failed; our own note. It is kept while the status stays `past_due`, and afterwards where
    /// the subscription ends or stops for want of that payment, so that the end is not taken for a paid one.
    pub past_due_at: Option<Timestamp>,
    /// Stripe's id of the schedule that manages it, `sub_sched_…`.
    pub schedule: Option<String>,
    /// What the schedule changes it to.
    pub next: Option<NextTerms>,
    /// A change that waits for its payment.
    pub pending: Option<PendingChange>,
    /// Whether the invoice of its period is paid; our own note, kept of ended ones. None where no invoice of that
    /// period is known.
    pub period_paid: Option<bool>,
    /// A dispute of one of its payments; our own note.
    pub dispute: Option<Dispute>,
    /// Whether real money is behind it.
    pub livemode: bool,
}

/// What a subscription becomes at a date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NextTerms {
    /// The Stripe price.
    pub price: String,
    /// How many of it.
    pub quantity: u32,
    /// When.
    pub at: Timestamp,
}

/// A change of plan whose payment is open: Stripe applies it when it is paid, and forgets it otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PendingChange {
    /// The Stripe price.
    pub price: String,
    /// How many of it.
    pub quantity: u32,
    /// When Stripe forgets it.
    pub expires_at: Timestamp,
}

/// How a dispute of a payment stands, as far as access is concerned. One that was won leaves no trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dispute {
    /// The bank has not decided.
    Open,
    /// The money is gone.
    Lost,
}

impl Dispute {
    /// From Stripe's word; `None` for one that is over and was not lost. A word that we do not know is an open one.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "won" | "warning_closed" | "prevented" => None,
            "lost" => Some(Self::Lost),
            _ => Some(Self::Open),
        }
    }
}

impl Subscription {
    /// What Stripe says of it, without our own notes and without what is not in every one of Stripe's answers.
    #[must_use]
    pub fn facts(&self) -> Self {
        Self {
            past_due_at: None,
            period_paid: None,
            dispute: None,
            next: None,
            organization: None,
            buyer: None,
            ..self.clone()
        }
    }

    /// When it will end, if an end is scheduled in either of Stripe's two ways.
    pub fn scheduled_end(&self) -> Option<Timestamp> {
        if self.status.is_terminal() {
            return None;
        }
        self.cancel_at.or_else(|| self.cancel_at_period_end.then_some(self.period_end))
    }

    /// Carries what the schedule brings next over from what was stored, for as long as it is the same schedule: events
    /// name it and do not say what is in it.
    #[must_use]
    pub fn with_next_of(self, stored: Option<&Self>) -> Self {
        let same = stored.filter(|stored| self.schedule.is_some() && stored.schedule == self.schedule);
        let next = same.filter(|_| !self.status.is_terminal()).and_then(|stored| stored.next.clone());
        Self { next, ..self }
    }

    /// Carries our own note of the first failed payment over from what was stored, or makes it, or clears it.
    ///
    /// A note that `self` already has is believed where nothing is stored: Stripe's reason of a cancellation can say
    /// that a payment failed although the news of the failure itself never arrived.
    #[must_use]
    pub fn with_past_due_since(self, stored: Option<&Self>, now: Timestamp) -> Self {
        let noted = stored.and_then(|stored| stored.past_due_at).or(self.past_due_at);
        let past_due_at = match self.status {
            Status::PastDue | Status::Unpaid => noted.or(Some(now)),
            Status::Canceled => noted,
            Status::Incomplete | Status::IncompleteExpired | Status::Trialing | Status::Active | Status::Paused => None,
        };
        Self { past_due_at, ..self }
    }
}
