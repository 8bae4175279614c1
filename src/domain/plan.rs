//! A plan: what it costs and what it unlocks.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::money::{Currency, Money};

/// Makes a newtype for a name that the catalogue chooses: lower-case letters, digits, `-` and `_`.
macro_rules! slug {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schemars(with = "String", extend("pattern" = "^[a-z][a-z0-9_-]{0,63}$"))]
        pub struct $name(String);

        impl $name {
            /// Reads the name as the catalogue writes it.
            pub fn parse(text: &str) -> Result<Self, NotAName> {
                if is_slug(text) { Ok(Self(text.to_owned())) } else { Err(NotAName(text.to_owned())) }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotAName;

            fn try_from(text: String) -> Result<Self, NotAName> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

/// The text cannot name a plan, feature or meter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a name: start with a lower-case letter, then letters, digits, `-` or `_`, at most 64")]
pub struct NotAName(String);

fn is_slug(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
}

slug!(
    /// A plan's name in the catalogue; it is also the *tier* that an organization is on.
    PlanId
);
slug!(
    /// A yes-or-no feature's name.
    FeatureId
);
slug!(
    /// A meter's name.
    MeterId
);
slug!(
    /// The name of a pack of credits.
    PackId
);

/// How often a price is charged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// Every month.
    #[default]
    Monthly,
    /// Every year.
    Yearly,
}

impl Period {
    /// Both, in the order in which they are shown.
    pub const ALL: [Self; 2] = [Self::Monthly, Self::Yearly];

    /// The word in URLs, forms, the database and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Monthly => "monthly",
            Self::Yearly => "yearly",
        }
    }

    /// The unit after the slash of a price: `$60 / month`.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Monthly => "month",
            Self::Yearly => "year",
        }
    }

    /// Reads the word; `annual` is what one of the source documents says for `yearly`.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "monthly" => Some(Self::Monthly),
            "yearly" | "annual" => Some(Self::Yearly),
            _ => None,
        }
    }
}

/// How much of a meter a plan includes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a limit is a whole number such as 3, or the word \"unlimited\"")]
pub enum Limit {
    /// So many, then no more until the meter resets.
    AtMost(u64),
    /// No limit. Not a big number: nothing is counted against it.
    Unlimited(Unlimited),
}

/// The word `"unlimited"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unlimited {
    /// The only value.
    Unlimited,
}

impl Limit {
    /// No limit at all.
    pub const UNLIMITED: Self = Self::Unlimited(Unlimited::Unlimited);

    /// Whether this limit allows at least as much as `other`.
    pub fn covers(self, other: Self) -> bool {
        match (self, other) {
            (Self::Unlimited(_), _) => true,
            (Self::AtMost(_), Self::Unlimited(_)) => false,
            (Self::AtMost(mine), Self::AtMost(theirs)) => mine >= theirs,
        }
    }
}

/// What a plan costs for one period: per seat where the plan has seats.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Price {
    /// How often it is charged.
    pub period: Period,
    /// Minor units of the catalogue's currency.
    #[schemars(range(min = 1))]
    pub amount: u32,
    /// The environment variable that holds the Stripe price's id, for example `STRIPE_PRO_MONTHLY_PRICE_ID`.
    #[schemars(extend("pattern" = "^[A-Z][A-Z0-9_]*$"))]
    pub stripe_price: String,
}

impl Price {
    /// The amount with its currency.
    pub fn money(&self, currency: &Currency) -> Money {
        Money::new(i64::from(self.amount), currency.clone())
    }
}

/// How many seats may be bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Seats {
    /// The fewest.
    #[schemars(range(min = 1))]
    pub min: u32,
    /// The most; leave it out where there is no most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
}

/// The quantity is outside the plan's range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeatsRefused {
    /// Fewer than the plan's least.
    #[error("this plan starts at {0} seats")]
    TooFew(u32),
    /// More than the plan's most.
    #[error("this plan has at most {0} seats: choose a larger plan or contact sales")]
    TooMany(u32),
}

impl Seats {
    /// Accepts a quantity inside the range. The browser and the server refuse with the same words.
    pub fn check(self, quantity: u32) -> Result<u32, SeatsRefused> {
        match self.max {
            _ if quantity < self.min => Err(SeatsRefused::TooFew(self.min)),
            Some(max) if quantity > max => Err(SeatsRefused::TooMany(max)),
            _ => Ok(quantity),
        }
    }
}

/// Whom a plan is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// One person or one organization, at a flat price.
    #[default]
    Individual,
    /// A department, agency or company that buys seats.
    Team,
}

/// One plan of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// Its name; also the tier.
    pub id: PlanId,
    /// The heading that people read.
    pub name: String,
    /// One sentence under the heading.
    pub summary: String,
    /// Whom it is for.
    #[serde(default)]
    pub audience: Audience,
    /// The one plan that the pricing page puts forward, at most one for each audience.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recommended: bool,
    /// Sold by talking to people, not by checkout.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub contact_sales: bool,
    /// What it costs; empty for a free plan or one sold by contact.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prices: Vec<Price>,
    /// Present where the price is per seat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seats: Option<Seats>,
    /// The features it unlocks.
    #[serde(default)]
    pub features: Vec<FeatureId>,
    /// How much of each meter it includes; a meter that is not named is not included.
    #[serde(default)]
    pub limits: BTreeMap<MeterId, Limit>,
    /// What else is said about it, in words that nothing enforces (a support promise, for example).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub highlights: Vec<String>,
}

impl Plan {
    /// The price for a period, if the plan is sold so.
    pub fn price(&self, period: Period) -> Option<&Price> {
        self.prices.iter().find(|price| price.period == period)
    }

    /// Whether somebody can buy it on the spot.
    pub fn is_sold(&self) -> bool {
        !self.prices.is_empty() && !self.contact_sales
    }

    /// What a year saves against twelve months, in whole percent; `None` where it saves nothing.
    /// Rounded down, so as never to promise more than is true.
    pub fn yearly_saving_percent(&self) -> Option<u32> {
        let monthly = u64::from(self.price(Period::Monthly)?.amount) * 12;
        let yearly = u64::from(self.price(Period::Yearly)?.amount);
        let saved = monthly.checked_sub(yearly)?;
        let percent = (saved * 100).checked_div(monthly)?;
        u32::try_from(percent).ok().filter(|percent| *percent > 0)
    }
}
