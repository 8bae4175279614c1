//! What a comparison with Stripe can find, and how it is told.

use std::fmt;

use domain::organization::OrganizationId;
use domain::plan::PlanId;

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
    /// The tier does not follow from what is stored.
    Tier {
        /// What is stored.
        stored: PlanId,
        /// What follows.
        right: PlanId,
    },
    /// Several subscriptions are running and charged: a person must decide which is to stay.
    Several(Vec<String>),
    /// The organization has been deleted, and this runs for it.
    Outlives(String),
    /// The organization was renamed, and Stripe has not been told.
    Name(String),
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
            Difference::Tier { stored, right } => write!(f, "on {stored}, should be on {right}")?,
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
