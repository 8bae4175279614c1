//! Whether what an event tells of a subscription can be stored as it is, or Stripe must be asked.
//!
//! Events come in any order, twice, or not at all, and their times are whole seconds, so none of them is believed by
//! its time alone. An event is the direct successor of what is stored when the state *before* it, which Stripe sends
//! along, is the stored one, and it is newer than everything that the stored state is known to include. Everything
//! that is not proved so is asked for.

use crate::subscription::{NextTerms, Subscription};
use crate::time::{Seconds, Timestamp};

/// How far our clock and Stripe's may be apart. A delivery is refused where its signature is further off, so no event
/// is ever taken in under a larger difference.
pub const CLOCKS_APART: Seconds = Seconds(300);

/// What an event tells of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// When Stripe made the event, in whole seconds.
    pub created: Timestamp,
    /// What had happened.
    pub kind: Kind,
    /// The subscription after it.
    pub after: Subscription,
}

/// What had happened to the subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It came into being: nothing is older.
    Created,
    /// It was changed from this.
    Changed(Box<Subscription>),
    /// Something else happened, which tells how it was then.
    Mentioned,
}

/// Between which moments, on Stripe's clock, an event's place beside the stored state is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Horizon {
    /// An event from before this moment is older than the stored state.
    pub older_before: Timestamp,
    /// An event from after this moment is newer than the stored state.
    pub newer_after: Timestamp,
}

impl Horizon {
    /// Of a state that Stripe told when it was asked at this moment of our clock, after what was known before. That
    /// nothing before it is news is not believed by our clock alone: what a clock that is ahead calls old is asked for.
    pub fn of_answer(asked_at: Timestamp, known: Option<Self>) -> Self {
        let older_before = known.map_or(Timestamp(0), |known| known.older_before);
        Self { older_before, newer_after: asked_at + CLOCKS_APART }
    }

    /// Of a state that is known from an event. Two events of one second have no order.
    fn of_event(news: &News) -> Self {
        match news.kind {
            Kind::Created => Self { older_before: news.created, newer_after: news.created + Seconds(-1) },
            Kind::Changed(_) | Kind::Mentioned => Self { older_before: news.created, newer_after: news.created },
        }
    }

    fn max(self, other: Self) -> Self {
        Self {
            older_before: self.older_before.max(other.older_before),
            newer_after: self.newer_after.max(other.newer_after),
        }
    }
}

/// What to do with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Store it, [with what is known of its schedule](Subscription::with_next_of): it follows what is stored.
    Apply(Horizon),
    /// It tells what is stored already; the horizon may have moved.
    Same(Horizon),
    /// What is stored is newer, or final.
    Older,
    /// Nothing is proved: ask Stripe.
    Ask,
}

/// Decides. `stored` is what is known of this subscription.
pub fn judge(stored: Option<(&Subscription, Horizon)>, news: &News) -> Verdict {
    let Some((stored, horizon)) = stored else {
        return if scheduled(&news.after) { Verdict::Ask } else { Verdict::Apply(Horizon::of_event(news)) };
    };
    if stored.status.is_terminal() {
        return Verdict::Older;
    }
    if news.after.status.is_terminal() {
        return Verdict::Apply(Horizon::of_event(news));
    }
    if stored.facts() == news.after.facts() {
        return Verdict::Same(horizon.max(Horizon::of_event(news)));
    }
    let follows = match &news.kind {
        Kind::Created => return Verdict::Older,
        Kind::Changed(before) => before.facts() == stored.facts(),
        Kind::Mentioned => false,
    };
    if news.created < horizon.older_before {
        Verdict::Older
    } else if follows && news.created > horizon.newer_after && !rescheduled(stored, news) {
        Verdict::Apply(Horizon::of_event(news))
    } else {
        Verdict::Ask
    }
}

/// A schedule's plan for the future is not in the subscription: only an answer has it.
fn scheduled(subscription: &Subscription) -> bool {
    subscription.schedule.is_some()
}

/// Whether the schedule may plan something else than what is stored of it. A phase that has begun makes way for the one
/// after it.
fn rescheduled(stored: &Subscription, news: &News) -> bool {
    let after = &news.after;
    let ahead = |next: &NextTerms| news.created.max(after.period_start) < next.at;
    scheduled(after) && !(stored.schedule == after.schedule && stored.next.as_ref().is_some_and(ahead))
}
