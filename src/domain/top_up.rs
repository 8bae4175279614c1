//! Automatic top-ups: when a pack is due, what a monthly cap leaves, and why the buying stops.

use serde::{Deserialize, Serialize};

use crate::catalog::Reset;
use crate::plan::Limit;
use crate::subscription::Status;
use crate::time::Timestamp;
use crate::window::{Window, Zone};

/// The highest monthly cap that can be set, in minor units: a slip of the finger is not a blank cheque.
pub const HIGHEST_CAP: i64 = 10_000_000;

/// When a pack is bought by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// When less than this is left.
    pub below: u64,
    /// How much of the meter a pack adds.
    pub adds: u64,
    /// Nothing is bought before this moment: the cap is reached until then, or something else is waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
}

impl Rule {
    /// How much has to be left for nothing to be due; `None` while nothing is. `refused` is what could not be used for
    /// want of it, 0 where nothing was refused. A pack that would not let it through is not bought because of it: else
    /// one request for too much would empty a cap for nothing.
    pub fn due(&self, left: Limit, refused: u64, now: Timestamp) -> Option<u64> {
        let Limit::AtMost(left) = left else { return None };
        if self.not_before.is_some_and(|moment| moment > now) {
            return None;
        }
        let helps = refused > left && refused <= left.saturating_add(self.adds);
        let needed = if helps { refused.max(self.below) } else { self.below };
        (left < needed).then_some(needed)
    }
}

/// What is proposed to whoever sets it up: a tenth of what the plan includes, or of a pack where the plan includes
/// nothing. At least one.
pub fn proposed_threshold(included: Limit, adds: u64) -> u64 {
    match included {
        Limit::AtMost(included) if included > 0 => included.div_ceil(10),
        Limit::AtMost(_) | Limit::Unlimited(_) => adds.div_ceil(10).max(1),
    }
}

/// A monthly cap, minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cap {
    /// The most that may be spent in a calendar month.
    pub most: i64,
    /// What was spent, and what is being charged.
    pub spent: i64,
}

impl Cap {
    /// Whether so much more may be charged.
    pub fn allows(self, amount: i64) -> bool {
        self.spent.checked_add(amount).is_some_and(|sum| sum <= self.most)
    }
}

/// The calendar month where the organization's days begin: what a cap is reckoned for.
pub fn month(zone: &Zone, now: Timestamp) -> Window {
    Window::at(Reset::Month, zone, None, now)
}

/// Whether a subscription owes something: who does not pay for what there is, is not sold more by itself.
pub fn owes(status: Status) -> bool {
    matches!(status, Status::PastDue | Status::Unpaid)
}

/// Why an automatic top-up is paused until somebody mends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pause {
    /// The card was declined.
    Declined,
    /// The bank wants the payment confirmed by a person.
    NeedsConfirmation,
    /// There is nothing that could be charged.
    NoPaymentMethod,
    /// Stripe would charge another amount than was agreed to.
    AnotherPrice,
    /// The invoice was voided, or Stripe refuses to have it paid.
    NotPaid,
}

impl Pause {
    const ALL: [Self; 5] =
        [Self::Declined, Self::NeedsConfirmation, Self::NoPaymentMethod, Self::AnotherPrice, Self::NotPaid];

    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Declined => "declined",
            Self::NeedsConfirmation => "needs_confirmation",
            Self::NoPaymentMethod => "no_payment_method",
            Self::AnotherPrice => "another_price",
            Self::NotPaid => "not_paid",
        }
    }

    /// Reads the stored word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }

    /// Why, in a sentence for people.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Declined => "The card was declined.",
            Self::NeedsConfirmation => "The bank wants every payment confirmed, which nobody could do.",
            Self::NoPaymentMethod => "There is no saved card that could be charged.",
            Self::AnotherPrice => "The pack costs another amount now than was agreed to.",
            Self::NotPaid => "The payment could not be made.",
        }
    }
}
