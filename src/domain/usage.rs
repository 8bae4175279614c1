//! What was used of a meter, what is left, and what happens when some of it is taken.

use serde::{Deserialize, Serialize};

use crate::plan::Limit;
use crate::time::Timestamp;
use crate::window::Window;

/// The most that one request may take: enough for any unit, and far from where sums overflow.
pub const MOST_AT_ONCE: u64 = 1_000_000_000;

/// What was counted of a meter since it was last reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counter {
    /// When the count began.
    pub window_start: i64,
    /// Used up, from the plan and from credits.
    pub used: u64,
    /// How much of that came from credits.
    pub from_credits: u64,
    /// Held by open reservations, from the plan only.
    pub reserved: u64,
    /// What the window before left over and the catalogue carries over.
    pub carried: u64,
    /// The highest warning that was given in this window, in percent.
    pub warned: u32,
}

/// Credits: so much of a meter, on top of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Credits {
    /// The grant's id.
    pub id: String,
    /// What is left of it.
    pub left: u64,
    /// When the rest is lost.
    pub expires_at: Option<Timestamp>,
}

/// What was taken, by where it came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// From the plan.
    pub included: u64,
    /// From credits: the grant and how much of it.
    pub credits: Vec<(String, u64)>,
}

impl Taken {
    /// All of it.
    pub fn total(&self) -> u64 {
        self.included + self.from_credits()
    }

    /// What came from credits.
    pub fn from_credits(&self) -> u64 {
        self.credits.iter().map(|(_, amount)| amount).sum()
    }
}

/// There is not enough left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{left} are left")]
pub struct NotEnough {
    /// What could be taken.
    pub left: u64,
}

/// A warning that a meter is nearly used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Warning {
    /// At 80 %.
    #[serde(rename = "80")]
    Nearly,
    /// At 95 %.
    #[serde(rename = "95")]
    Almost,
}

impl Warning {
    /// Both, the higher first.
    pub const ALL: [Self; 2] = [Self::Almost, Self::Nearly];

    /// From how many percent on it is given.
    pub fn percent(self) -> u32 {
        match self {
            Self::Nearly => 80,
            Self::Almost => 95,
        }
    }
}

/// An organization's account of one meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// What the plan includes.
    pub limit: Limit,
    /// What was counted.
    pub counter: Counter,
    /// Credits that are not used up, in the order in which they are used.
    pub credits: Vec<Credits>,
}

impl Account {
    /// The account at a moment. A counter from an earlier window starts again; `up_to` is how much of what it left
    /// over is carried along. Without a counter nothing was ever used. Credits that have expired are not counted.
    ///
    /// A window that begins before the counter's is a plan's that counts differently: what was used stays used, so
    /// that changing plans back and forth gives nothing twice.
    pub fn at(
        limit: Limit,
        counter: Option<Counter>,
        credits: impl IntoIterator<Item = Credits>,
        window: Window,
        up_to: u64,
        now: Timestamp,
    ) -> Self {
        let again = |carried| Counter { window_start: window.start.0, carried, ..Counter::default() };
        let counter = match (counter, limit) {
            (Some(counter), _) if counter.window_start >= window.start.0 => counter,
            (Some(before), Limit::AtMost(included)) => {
                let unused = (included + before.carried).saturating_sub(before.used - before.from_credits);
                again(unused.min(up_to))
            }
            (None, _) | (Some(_), Limit::Unlimited(_)) => again(0),
        };
        let valid = |credits: &Credits| credits.left > 0 && credits.expires_at.is_none_or(|end| end > now);
        let mut credits: Vec<Credits> = credits.into_iter().filter(valid).collect();
        // What is lost first is used first.
        credits.sort_by(|a, b| {
            let end = |credits: &Credits| credits.expires_at.map_or(i64::MAX, |end| end.0);
            end(a).cmp(&end(b)).then_with(|| a.id.cmp(&b.id))
        });
        Self { limit, counter, credits }
    }

    /// What is left of the plan's share; `None` for no limit.
    fn included_left(&self) -> Option<u64> {
        match self.limit {
            Limit::Unlimited(_) => None,
            Limit::AtMost(included) => {
                let counted = self.counter.used - self.counter.from_credits + self.counter.reserved;
                Some((included + self.counter.carried).saturating_sub(counted))
            }
        }
    }

    /// Credits that are left.
    pub fn credits_left(&self) -> u64 {
        self.credits.iter().map(|credits| credits.left).sum()
    }

    /// What can still be taken.
    pub fn left(&self) -> Limit {
        self.included_left().map_or(Limit::UNLIMITED, |left| Limit::AtMost(left + self.credits_left()))
    }

    /// Whether so much can be taken.
    pub fn has(&self, amount: u64) -> bool {
        self.left().covers(Limit::AtMost(amount))
    }

    /// Where so much would come from: the plan first, then credits in the order in which they expire.
    fn split(&self, amount: u64) -> Result<Taken, NotEnough> {
        let Some(included_left) = self.included_left() else {
            return Ok(Taken { included: amount, credits: Vec::new() });
        };
        let included = amount.min(included_left);
        let mut missing = amount - included;
        let mut credits = Vec::new();
        for held in &self.credits {
            let part = missing.min(held.left);
            if part > 0 {
                credits.push((held.id.clone(), part));
                missing -= part;
            }
        }
        if missing > 0 {
            return Err(NotEnough { left: included_left + self.credits_left() });
        }
        Ok(Taken { included, credits })
    }

    fn move_credits(&mut self, parts: &[(String, u64)], change: impl Fn(u64, u64) -> u64) {
        for (id, part) in parts {
            if let Some(held) = self.credits.iter_mut().find(|held| held.id == *id) {
                held.left = change(held.left, *part);
            }
        }
    }

    /// Uses so much, or nothing.
    pub fn consume(&mut self, amount: u64) -> Result<Taken, NotEnough> {
        let taken = self.split(amount)?;
        self.counter.used += amount;
        self.counter.from_credits += taken.from_credits();
        self.move_credits(&taken.credits, u64::saturating_sub);
        Ok(taken)
    }

    /// Takes back that something was used: of a meter that counts what exists. Never below nothing.
    pub fn give_back(&mut self, amount: u64) -> u64 {
        let back = amount.min(self.counter.used - self.counter.from_credits);
        self.counter.used -= back;
        back
    }

    /// Holds so much for later, or nothing.
    pub fn reserve(&mut self, amount: u64) -> Result<Taken, NotEnough> {
        let taken = self.split(amount)?;
        self.counter.reserved += taken.included;
        self.move_credits(&taken.credits, u64::saturating_sub);
        Ok(taken)
    }

    /// Lets what was held go. `window_start` is when the count began in which it was held: of one that is over there
    /// is nothing to give back but credits. Credits that were used up meanwhile are not in the account: the caller
    /// has to bring them in.
    pub fn release(&mut self, held: &Taken, window_start: i64) {
        if window_start == self.counter.window_start {
            self.counter.reserved = self.counter.reserved.saturating_sub(held.included);
        }
        self.move_credits(&held.credits, u64::saturating_add);
    }

    /// Uses what was held: `amount` may be less or, where there is enough left, more. Nothing changes when it fails.
    pub fn confirm(&mut self, held: &Taken, window_start: i64, amount: u64) -> Result<Taken, NotEnough> {
        let mut after = self.clone();
        after.release(held, window_start);
        // What was held in a window that is over was taken there.
        let in_the_past = if window_start == self.counter.window_start { 0 } else { amount.min(held.included) };
        let mut taken = after.consume(amount - in_the_past)?;
        taken.included += in_the_past;
        *self = after;
        Ok(taken)
    }

    /// How much is used or held, in percent of all that there was; `None` where there is no limit, or nothing.
    pub fn percent(&self) -> Option<u32> {
        let Limit::AtMost(left) = self.left() else { return None };
        let gone = self.counter.used + self.counter.reserved;
        let all = gone + left;
        if all == 0 { None } else { u32::try_from(u128::from(gone) * 100 / u128::from(all)).ok() }
    }

    /// The warning that this account deserves.
    pub fn warning(&self) -> Option<Warning> {
        let percent = self.percent()?;
        Warning::ALL.into_iter().find(|warning| percent >= warning.percent())
    }

    /// The warning that has become due, once for each window.
    pub fn new_warning(&mut self) -> Option<Warning> {
        let due = self.warning().filter(|warning| warning.percent() > self.counter.warned)?;
        self.counter.warned = due.percent();
        Some(due)
    }
}
