//! Our mirror of Stripe's invoices, for the list that a customer sees.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::money::{Currency, Money};
use crate::subscription::Subscription;
use crate::time::Timestamp;

/// Where an invoice stands, in Stripe's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not final: amounts may change and nobody is asked to pay.
    Draft,
    /// To be paid.
    Open,
    /// Given up; it can still be paid.
    Uncollectible,
    /// Withdrawn. Final.
    Void,
    /// Paid. Final.
    Paid,
}

impl Status {
    /// Every status, in the order in which an invoice can go through them.
    pub const ALL: [Self; 5] = [Self::Draft, Self::Open, Self::Uncollectible, Self::Void, Self::Paid];

    /// Stripe's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Open => "open",
            Self::Uncollectible => "uncollectible",
            Self::Void => "void",
            Self::Paid => "paid",
        }
    }

    /// Reads Stripe's word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// How far along it is: of two tellings of one invoice the one further along is the later.
    fn progress(self) -> u8 {
        match self {
            Self::Draft => 0,
            Self::Open => 1,
            Self::Uncollectible => 2,
            Self::Void | Self::Paid => 3,
        }
    }
}

/// An invoice as Stripe last told us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Invoice {
    /// Stripe's id, `in_…`.
    pub id: String,
    /// Whose it is: Stripe's customer id.
    pub customer: String,
    /// The subscription that it bills, if one.
    pub subscription: Option<String>,
    /// The first second of the subscription's period that it bills as a whole. None where it bills another thing, or
    /// only the difference that a change within a period makes.
    pub bills_from: Option<Timestamp>,
    /// The number on the paper, once it is final.
    pub number: Option<String>,
    /// Where it stands.
    pub status: Status,
    /// What everything on it is in.
    pub currency: Currency,
    /// The sum, minor units, after discounts and taxes. Negative for a credit.
    pub total: i64,
    /// What is left to pay, minor units.
    pub remaining: i64,
    /// How often a payment was tried.
    pub attempts: u32,
    /// When Stripe tries again.
    pub next_attempt: Option<Timestamp>,
    /// When it was made.
    pub created: Timestamp,
    /// Stripe's page on which it can be seen and paid.
    pub hosted_url: Option<String>,
    /// The paper.
    pub pdf_url: Option<String>,
}

impl Invoice {
    /// The sum.
    pub fn money(&self) -> Money {
        Money::new(self.total, self.currency.clone())
    }

    /// Whether it bills the period that a subscription is in, or was in when it ended.
    pub fn bills_period_of(&self, subscription: &Subscription) -> bool {
        self.subscription.as_ref() == Some(&subscription.id) && self.bills_from == Some(subscription.period_start)
    }

    /// What place this telling has beside the stored one, which was told at `stored_at`. Both times are those of Stripe's
    /// events; `None` for what Stripe answered when it was asked, which is how it stood then.
    ///
    /// An invoice only ever goes forward. Where it stands still, the later telling counts, and of two of one second
    /// neither is known to be the later.
    pub fn place(&self, told_at: Option<Timestamp>, stored: &Self, stored_at: Option<Timestamp>) -> Place {
        let rank = |invoice: &Self| (invoice.status.progress(), invoice.attempts);
        match rank(self).cmp(&rank(stored)) {
            Ordering::Less => Place::Older,
            Ordering::Greater => Place::Newer,
            Ordering::Equal if self.facts() == stored.facts() => Place::Same,
            Ordering::Equal => match (told_at, stored_at) {
                (None, _) => Place::Newer,
                (Some(told), Some(stored)) if told > stored => Place::Newer,
                (Some(told), Some(stored)) if told < stored => Place::Older,
                (Some(_), _) => Place::Unknown,
            },
        }
    }

    /// What is the same whenever it is told: Stripe makes the addresses anew each time.
    #[must_use]
    pub fn facts(&self) -> Self {
        Self { hosted_url: None, pdf_url: None, ..self.clone() }
    }
}

/// Where a telling of an invoice stands beside another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is later.
    Newer,
    /// It says the same.
    Same,
    /// It is earlier.
    Older,
    /// Nothing tells: Stripe must be asked.
    Unknown,
}
