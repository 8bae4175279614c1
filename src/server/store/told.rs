//! What the one sync is told of a subscription, and what came of it.

use domain::invoice::Invoice;
use domain::news::News;
use domain::organization::OrganizationId;
use domain::payment_method::PaymentMethod;
use domain::plan::PlanId;
use domain::subscription::Subscription;
use domain::time::Timestamp;

use super::Decision;
use super::audit::Actor;

/// Which writing of a subscription's row it is; `None` where there is no row. Two machines' clocks can differ, and two
/// writings can fall into one moment: this tells them apart.
pub type Version = Option<i64>;

/// A subscription as Stripe answered, with what is shown beside it.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The subscription.
    pub subscription: Subscription,
    /// Its latest invoices.
    pub invoices: Vec<Invoice>,
    /// What it is paid with.
    pub payment_method: Option<PaymentMethod>,
    /// When we began to ask.
    pub asked_at: Timestamp,
    /// What was stored when we began to ask: where anything else is by now, it may not be in the answer.
    pub version: Version,
}

/// What was told of a subscription, and how.
#[derive(Clone, Debug)]
pub enum Told {
    /// Stripe was asked.
    Answer(Box<Reading>),
    /// An event says so.
    Event(Box<News>),
}

impl Told {
    /// What it is about, as it is told.
    pub fn subscription(&self) -> &Subscription {
        match self {
            Self::Answer(reading) => &reading.subscription,
            Self::Event(news) => &news.after,
        }
    }
}

/// Who made the sync run, and what it is to settle.
#[derive(Clone, Debug)]
pub struct Cause {
    /// Who.
    pub actor: Actor,
    /// The event that this settles: it is marked in the same transaction.
    pub event: Option<String>,
}

impl Cause {
    /// An event.
    pub fn event(id: &str) -> Self {
        Self { actor: Actor::Event(id.to_owned()), event: Some(id.to_owned()) }
    }

    /// Somebody who acts.
    pub fn actor(actor: Actor) -> Self {
        Self { actor, event: None }
    }
}

/// What the sync did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Synced {
    /// It is stored, and the organization is on this tier.
    Applied {
        /// Whose it is.
        organization: OrganizationId,
        /// The tier before.
        before: PlanId,
        /// The tier after.
        after: PlanId,
        /// Whether anything is different.
        changed: bool,
        /// Whether it runs although its organization has been deleted: it was paid for on a page that was still open.
        outlives: bool,
    },
    /// What is stored is newer, or final.
    Older {
        /// Whose it is.
        organization: OrganizationId,
        /// Why it was left alone.
        why: &'static str,
    },
    /// Something was stored since the answer was asked for, which may not be in it.
    Stale,
    /// The event does not prove its place: Stripe must be asked.
    Ask,
    /// No organization of ours is billed by it.
    Unowned,
}

impl Synced {
    /// What became of an event that ended so; `None` while it is not settled.
    pub(super) fn decision(&self) -> Option<(&OrganizationId, Decision)> {
        match self {
            Self::Applied { organization, before, after, changed, .. } => {
                let what = match (changed, before == after) {
                    (false, _) => format!("nothing new; still on {after}"),
                    (true, true) => format!("stored; still on {after}"),
                    (true, false) => format!("stored; {before} -> {after}"),
                };
                Some((organization, Decision::Applied(what)))
            }
            Self::Older { organization, why } => Some((organization, Decision::ignored(*why))),
            Self::Stale | Self::Ask | Self::Unowned => None,
        }
    }
}
