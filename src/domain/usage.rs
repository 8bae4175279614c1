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
    /// What the plan included when something was last counted; 0 for no limit. What is carried over is reckoned from it.
    pub included: u64,
    /// Used up, from the plan and from credits.
    pub used: u64,
    /// How much of that came from credits.
    pub from_credits: u64,
    /// Held by open reservations, from the plan only: what is held of credits is out of them already.
    pub reserved: u64,
    /// What the window before left over and the catalogue carries over.
    pub carried: u64,
    /// The highest warning that was given in this window, in percent.
    pub warned: u32,
}

impl Counter {
    /// How much was used of the plan.
    fn of_plan(&self) -> u64 {
        self.used.saturating_sub(self.from_credits)
    }

    /// What the window before `window` left over of the plan's share. What was carried into it was used first, and is
    /// lost with it; what is held may still be used; and where nothing was counted in it, all of it is left.
    fn left_over(&self, window: Window) -> u64 {
        if self.window_start < window.previous.0 {
            return self.included;
        }
        let gone = self.of_plan().saturating_add(self.reserved);
        self.included.saturating_sub(gone.saturating_sub(self.carried))
    }
}

/// What stays of so many credits that were sold when so much of what was paid goes back: in the same measure, rounded for
/// the customer.
pub fn kept_of(sold: u64, back: u64, of: u64) -> u64 {
    if back >= of {
        return if back == 0 { sold } else { 0 };
    }
    let goes = u128::from(sold) * u128::from(back) / u128::from(of);
    sold.saturating_sub(u64::try_from(goes).unwrap_or(sold))
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
        self.included.saturating_add(self.from_credits())
    }

    /// What came from credits.
    pub fn from_credits(&self) -> u64 {
        sum(self.credits.iter().map(|(_, amount)| *amount))
    }

    /// As much of it as `amount`, the plan's first, and the rest.
    fn part(&self, amount: u64) -> (Self, Self) {
        let included = self.included.min(amount);
        let mut missing = amount - included;
        let mut first = Self { included, credits: Vec::new() };
        let mut rest = Self { included: self.included - included, credits: Vec::new() };
        for (id, held) in &self.credits {
            let part = missing.min(*held);
            missing -= part;
            first.add(id, part);
            rest.add(id, held - part);
        }
        (first, rest)
    }

    fn add(&mut self, id: &str, amount: u64) {
        match self.credits.iter_mut().find(|(known, _)| known == id) {
            Some((_, known)) => *known = known.saturating_add(amount),
            None if amount > 0 => self.credits.push((id.to_owned(), amount)),
            None => {}
        }
    }

    fn and(mut self, more: &Self) -> Self {
        self.included = self.included.saturating_add(more.included);
        for (id, amount) in &more.credits {
            self.add(id, *amount);
        }
        self
    }
}

fn sum(amounts: impl Iterator<Item = u64>) -> u64 {
    amounts.fold(0, u64::saturating_add)
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
    /// Credits that have not expired, in the order in which they are used. Those that are used up stay: what is held of
    /// them may come back.
    pub credits: Vec<Credits>,
}

impl Account {
    /// The account at a moment. A counter from an earlier window starts again; `up_to` is how much of what it left
    /// over is carried along. Without a counter nothing was ever used, or carried over. Credits that have expired are
    /// left out; all others are kept, so those that an open reservation holds have to be among them, used up or not.
    ///
    /// A window that begins before the counter's is a plan's that counts differently: what was used stays used, so
    /// that changing plans back and forth gives nothing twice. For the same reason no more is carried over than the
    /// lesser of the plan before and the plan now leaves.
    pub fn at(
        limit: Limit,
        counter: Option<Counter>,
        credits: impl IntoIterator<Item = Credits>,
        window: Window,
        up_to: u64,
        now: Timestamp,
    ) -> Self {
        let included = match limit {
            Limit::AtMost(included) => included,
            Limit::Unlimited(_) => 0,
        };
        let counter = match counter {
            Some(counter) if counter.window_start >= window.start.0 => Counter { included, ..counter },
            Some(before) => {
                let before = Counter { included: included.min(before.included), ..before };
                let carried = before.left_over(window).min(up_to);
                Counter { window_start: window.start.0, included, carried, ..Counter::default() }
            }
            None => Counter { window_start: window.start.0, included, ..Counter::default() },
        };
        let valid = |credits: &Credits| credits.expires_at.is_none_or(|end| end > now);
        let mut credits: Vec<Credits> = credits.into_iter().filter(valid).collect();
        // What is lost first is used first.
        credits.sort_by(|a, b| {
            let end = |credits: &Credits| credits.expires_at.map_or(i64::MAX, |end| end.0);
            end(a).cmp(&end(b)).then_with(|| a.id.cmp(&b.id))
        });
        Self { limit, counter, credits }
    }

    /// What is left of the plan's share; `None` for no limit. A plan that includes nothing has no share to which
    /// anything could be carried over.
    fn included_left(&self) -> Option<u64> {
        match self.limit {
            Limit::Unlimited(_) => None,
            Limit::AtMost(0) => Some(0),
            Limit::AtMost(included) => {
                let gone = self.counter.of_plan().saturating_add(self.counter.reserved);
                Some(included.saturating_add(self.counter.carried).saturating_sub(gone))
            }
        }
    }

    /// Credits that are left.
    pub fn credits_left(&self) -> u64 {
        sum(self.credits.iter().map(|credits| credits.left))
    }

    /// What can still be taken.
    pub fn left(&self) -> Limit {
        self.included_left().map_or(Limit::UNLIMITED, |left| Limit::AtMost(left.saturating_add(self.credits_left())))
    }

    /// Whether all that can still be taken is credits.
    pub fn on_credits(&self) -> bool {
        let credits = self.credits_left();
        credits > 0 && self.left() == Limit::AtMost(credits)
    }

    /// Whether so much can be taken.
    pub fn has(&self, amount: u64) -> bool {
        self.left().covers(Limit::AtMost(amount))
    }

    /// Where so much would come from: the plan first, then credits in the order in which they expire.
    fn split(&self, amount: u64) -> Result<Taken, NotEnough> {
        match self.left() {
            Limit::Unlimited(_) => Ok(Taken { included: amount, credits: Vec::new() }),
            Limit::AtMost(left) if left < amount => Err(NotEnough { left }),
            Limit::AtMost(_) => {
                let credits = self.credits.iter().map(|credits| (credits.id.clone(), credits.left)).collect();
                let all = Taken { included: self.included_left().unwrap_or(amount), credits };
                Ok(all.part(amount).0)
            }
        }
    }

    fn move_credits(&mut self, parts: &[(String, u64)], change: impl Fn(u64, u64) -> u64) {
        for (id, part) in parts {
            if let Some(held) = self.credits.iter_mut().find(|held| held.id == *id) {
                held.left = change(held.left, *part);
            }
        }
    }

    fn count(&mut self, included: u64, from_credits: u64) {
        self.counter.used = self.counter.used.saturating_add(included).saturating_add(from_credits);
        self.counter.from_credits = self.counter.from_credits.saturating_add(from_credits);
    }

    /// Uses so much, or nothing.
    pub fn consume(&mut self, amount: u64) -> Result<Taken, NotEnough> {
        let taken = self.split(amount)?;
        self.count(taken.included, taken.from_credits());
        self.move_credits(&taken.credits, u64::saturating_sub);
        Ok(taken)
    }

    /// Takes back that something was used: of a meter that counts what exists. Never below nothing. The plan's share is
    /// given back first; credits are used up for good. Answers with how much it was.
    pub fn give_back(&mut self, amount: u64) -> u64 {
        let back = amount.min(self.counter.used);
        self.counter.used -= back;
        self.counter.from_credits = self.counter.from_credits.min(self.counter.used);
        back
    }

    /// Holds so much for later, or nothing.
    pub fn reserve(&mut self, amount: u64) -> Result<Taken, NotEnough> {
        let taken = self.split(amount)?;
        self.counter.reserved = self.counter.reserved.saturating_add(taken.included);
        self.move_credits(&taken.credits, u64::saturating_sub);
        Ok(taken)
    }

    /// Lets what was held go. `window_start` is when the count began in which it was held: of one that is over there
    /// is nothing to give back but credits, and of credits only those that have not expired meanwhile.
    pub fn release(&mut self, held: &Taken, window_start: i64) {
        if self.counts_from(window_start) {
            self.counter.reserved = self.counter.reserved.saturating_sub(held.included);
        }
        self.move_credits(&held.credits, u64::saturating_add);
    }

    /// Uses what was held, from where it was held, even if that is over or has expired meanwhile: `amount` may be less,
    /// then the rest is let go, or where there is enough left, more. Nothing changes when it fails.
    pub fn confirm(&mut self, held: &Taken, window_start: i64, amount: u64) -> Result<Taken, NotEnough> {
        let (used, rest) = held.part(amount);
        let mut after = self.clone();
        if after.counts_from(window_start) {
            after.counter.reserved = after.counter.reserved.saturating_sub(used.included);
            after.count(used.included, 0);
        }
        after.count(0, used.from_credits());
        after.release(&rest, window_start);
        let more = after.consume(amount - used.total()).map_err(|NotEnough { left }| {
            // What is held could be taken, too.
            NotEnough { left: left.saturating_add(used.total()) }
        })?;
        *self = after;
        Ok(used.and(&more))
    }

    /// What is held of the plan counts in the window in which it was held.
    fn counts_from(&self, window_start: i64) -> bool {
        self.counter.window_start == window_start
    }

    /// How much is used or held, in percent of all that there was; `None` where there is no limit, or nothing. Credits
    /// that are held are neither used nor left.
    pub fn percent(&self) -> Option<u32> {
        let Limit::AtMost(left) = self.left() else { return None };
        let gone = u128::from(self.counter.used) + u128::from(self.counter.reserved);
        let percent = (gone * 100).checked_div(gone + u128::from(left))?;
        u32::try_from(percent).ok()
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
