//! What a comparison with Stripe can find, and how it is told.

use std::fmt;

use domain::organization::OrganizationId;
use serde::Serialize;

/// Something that is not as Stripe has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// Whose.
    pub organization: Option<OrganizationId>,
    /// What.
    pub what: Difference,
    /// Whether it has been put right.
    pub repaired: bool,
}

/// What differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// An event never arrived.
    MissedEvent(String),
    /// Stripe has a subscription that we do not.
    Missing(String),
    /// A subscription is stored otherwise than it is.
    Differs {
        /// Which.
        subscription: String,
        /// In what: each as `field: ours, Stripe's`.
        fields: Vec<String>,
    },
    /// We have a subscription that Stripe does not.
    Unknown(String),
    /// What it is paid with is stored otherwise than it is.
    PaymentMethod,
    /// An invoice is stored otherwise than it is, or not at all.
    Invoice {
        /// Which.
        invoice: String,
        /// In what: each as `field: ours, Stripe's`; nothing where it is not stored.
        fields: Vec<String>,
    },
    /// What it has access to does not follow from what is stored: each as `field: stored, should be`.
    Access(Vec<String>),
    /// Several subscriptions are running and charged: a person must decide which is to stay.
    Several(Vec<String>),
    /// The organization has been deleted, and this runs for it.
    Outlives(String),
    /// The organization was renamed, and Stripe has not been told.
    Name(String),
}

/// The fields in which two tellings of one thing differ, each as `field: ours, WHOSE theirs`.
pub(super) fn fields<T: Serialize>(ours: &T, theirs: &T, whose: &str) -> Vec<String> {
    let show = |told: &T| serde_json::to_value(told).unwrap_or_default();
    let (ours, theirs) = (show(ours), show(theirs));
    let differing = theirs.as_object().into_iter().flatten().filter(|(field, value)| ours.get(field) != Some(value));
    differing
        .map(|(field, value)| format!("{field}: {}, {whose} {value}", ours.get(field).unwrap_or_default()))
        .collect()
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(organization) = &self.organization {
            write!(f, "{organization}: ")?;
        }
        match &self.what {
            Difference::MissedEvent(event) => write!(f, "event {event} never arrived")?,
            Difference::Missing(subscription) => write!(f, "{subscription} is not stored")?,
            Difference::Differs { subscription, fields } => write!(f, "{subscription} differs: {}", fields.join("; "))?,
            Difference::Unknown(subscription) => write!(f, "{subscription} is stored, and Stripe does not have it")?,
            Difference::PaymentMethod => f.write_str("pays with something else at Stripe")?,
            Difference::Invoice { invoice, fields } if fields.is_empty() => write!(f, "{invoice} is not stored")?,
            Difference::Invoice { invoice, fields } => write!(f, "{invoice} differs: {}", fields.join("; "))?,
            Difference::Access(fields) => write!(f, "does not follow from what is stored: {}", fields.join("; "))?,
            Difference::Several(subscriptions) => write!(
                f,
                "{} subscriptions are running and all are charged: cancel all but one ({})",
                subscriptions.len(),
                subscriptions.join(", ")
            )?,
            Difference::Outlives(subscription) => write!(f, "is deleted, and {subscription} is running")?,
            Difference::Name(name) => write!(f, "Stripe does not know that it is called {name} now")?,
        }
        if self.repaired { f.write_str(" (put right)") } else { Ok(()) }
    }
}
