//! Who is billed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::plan::PlanId;
use crate::time::Timestamp;

/// Makes a newtype for one of our own identifiers, so that one cannot be passed for another.
macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

identifier!(
    /// An organization: it owns subscriptions, usage, keys and audit entries.
    OrganizationId
);
identifier!(
    /// A person who signs in.
    UserId
);

/// What an organization is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Every person has one from the first sign-in.
    Personal,
    /// A company, department or agency with members and seats.
    Team,
}

impl Kind {
    /// The word in the database and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Personal => "personal",
            Self::Team => "team",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Personal, Self::Team].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Who is billed, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// What people call it.
    pub name: String,
    /// Personal or team.
    pub kind: Kind,
    /// The stored tier: every page, limit and API answer is taken from it.
    pub tier: PlanId,
    /// Why it is on that tier, in the words of [`crate::access::Reason`].
    pub tier_reason: String,
    /// When time alone changes the tier.
    pub tier_review_at: Option<Timestamp>,
    /// Its Stripe customer.
    pub customer: Option<String>,
    /// When it had its trial.
    pub trial_used_at: Option<Timestamp>,
    /// When it was deleted: nobody is in it any more, and nothing is to be charged.
    pub deleted_at: Option<Timestamp>,
}
