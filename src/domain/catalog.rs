//! The catalogue: the one file in which a team writes its plans, and the types from which its JSON Schema is made.
//!
//! The shape of the file is the schema's business; [`Catalog::problems`] finds what a schema cannot say.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::money::{Currency, group_thousands};
use crate::organization::Kind;
use crate::plan::{Audience, FeatureId, Limit, MeterId, PackId, Period, Plan, PlanId, Price};

mod check;

pub use check::Problem;
pub(crate) use check::is_address;

/// Everything that is sold, in one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Catalog {
    /// Where editors find the schema; ignored.
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The product's name, shown in the app shell.
    pub name: String,
    /// One sentence for the landing page.
    pub tagline: String,
    /// Where people write who want a plan that is sold by contact; needed where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sales_email: Option<String>,
    /// What every price is in.
    pub currency: Currency,
    /// The plan of everybody who pays nothing; it must be in `plans` and have no price.
    pub free_plan: PlanId,
    /// The trial that a first subscription starts with; leave it out for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<Trial>,
    /// How long a customer whose payment failed keeps the plan.
    #[serde(default)]
    pub past_due_grace_days: GraceDays,
    /// The yes-or-no features, in the order of the comparison table.
    pub features: Vec<Feature>,
    /// What is counted, in the order of the comparison table.
    pub meters: Vec<Meter>,
    /// The plans, in the order of the pricing page: each is worth at least as much as the one before it.
    pub plans: Vec<Plan>,
    /// Credits that are sold once, on top of a plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packs: Vec<Pack>,
    /// Pages of this app that a feature unlocks; a page that is not named is for everybody.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub gates: BTreeMap<Gate, FeatureId>,
    /// Questions and answers for the pricing page.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<Question>,
}

/// A trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Trial {
    /// Its length; `STRIPE_TRIAL_PERIOD_DAYS` overrides it.
    #[schemars(range(min = 1, max = 730))]
    pub days: u32,
}

/// Days of grace after a failed payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct GraceDays(#[schemars(range(max = 60))] pub u32);

impl Default for GraceDays {
    /// A week: as long as Stripe's usual retries last.
    fn default() -> Self {
        Self(7)
    }
}

/// A yes-or-no feature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// Its name in plans and in the API.
    pub id: FeatureId,
    /// What people read.
    pub name: String,
    /// One sentence on what it gives.
    pub description: String,
}

/// Something that is counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Meter {
    /// Its name in plans and in the API.
    pub id: MeterId,
    /// What people read.
    pub name: String,
    /// What one is called after a number other than one (`projects`, `GB`).
    pub unit: String,
    /// What exactly one is called, where that is another word (`project`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub singular: Option<String>,
    /// When the count starts again.
    pub reset: Reset,
    /// How much of what is left of the plan's share when the count starts again is carried over into the next; leave
    /// it out for nothing. It is used before the rest and lost with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub carry_over: Option<u64>,
}

/// Credits that are sold once: so much of a meter, used when the plan's share is used up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pack {
    /// Its name in forms and in the API.
    pub id: PackId,
    /// What people read.
    pub name: String,
    /// Of what.
    pub meter: MeterId,
    /// How much.
    #[schemars(range(min = 1))]
    pub quantity: u64,
    /// Minor units of the catalogue's currency.
    #[schemars(range(min = 1))]
    pub amount: u32,
    /// The environment variable that holds the id of the one-time Stripe price, for example `STRIPE_CREDITS_PRICE_ID`.
    #[schemars(extend("pattern" = "^[A-Z][A-Z0-9_]*$"))]
    pub stripe_price: String,
    /// After how many days the rest is lost; leave it out for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub valid_days: Option<u32>,
}

/// A page of this app that can be kept for plans with a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Gate {
    /// The chart, the ledger and its export under Settings, Usage.
    UsageAnalytics,
    /// Settings, Audit.
    Audit,
    /// Settings, API keys.
    ApiKeys,
}

/// When a meter's count starts again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Reset {
    /// At midnight in the organization's time zone.
    Day,
    /// On the first of the month.
    Month,
    /// When the subscription renews: with a yearly price that is once a year, so `month` is the better word for an
    /// allowance that is meant for a month. Without a subscription, on the first of the month.
    BillingPeriod,
    /// Never: it counts what exists.
    Never,
}

/// A question that buyers ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// As a buyer would ask it.
    pub question: String,
    /// The answer in a sentence or two.
    pub answer: String,
}

impl Meter {
    /// A number with its unit, as people write it: `1 project`, `1,000 embeddings`.
    pub fn quantity(&self, number: u64) -> String {
        let unit = if number == 1 { self.singular.as_deref() } else { None }.unwrap_or(&self.unit);
        format!("{} {unit}", group_thousands(number))
    }

    /// The allowance as a line of its own, with the meter's name where the unit does not say what it is of:
    /// `3 projects`, but `Storage: 10 GB`.
    pub fn line(&self, limit: Limit) -> String {
        let allowance = self.allowance(limit);
        if self.unit.eq_ignore_ascii_case(&self.name) { allowance } else { format!("{}: {allowance}", self.name) }
    }

    /// What a plan includes of it: `3 projects`, `Unlimited projects`.
    pub fn allowance(&self, limit: Limit) -> String {
        match limit {
            Limit::AtMost(number) => self.quantity(number),
            Limit::Unlimited(_) => format!("Unlimited {}", self.unit),
        }
    }
}

impl Catalog {
    /// The plan of that name.
    pub fn plan(&self, id: &PlanId) -> Option<&Plan> {
        self.plans.iter().find(|plan| plan.id == *id)
    }

    /// The plan's place in the file. Among the plans for one audience, and against the free plan, higher is more;
    /// between audiences it says nothing.
    pub fn rank(&self, id: &PlanId) -> Option<usize> {
        self.plans.iter().position(|plan| plan.id == *id)
    }

    /// Whether a plan is worth at least as much as another: by its place among the plans for one audience and against
    /// the free plan, between audiences by all that it includes. One that is not in the catalogue is worth nothing.
    pub fn is_at_least(&self, id: &PlanId, other: &PlanId) -> bool {
        let (plan, than) = match (self.plan(id), self.plan(other)) {
            (_, None) => return true,
            (None, Some(_)) => return false,
            (Some(plan), Some(than)) => (plan, than),
        };
        if plan.audience == than.audience || [id, other].contains(&&self.free_plan) {
            return self.rank(id) >= self.rank(other);
        }
        let features = than.features.iter().all(|feature| plan.features.contains(feature));
        features && self.meters.iter().all(|it| self.limit(id, &it.id).covers(self.limit(other, &it.id)))
    }

    /// Whether any plan has seats.
    pub fn has_seats(&self) -> bool {
        self.plans.iter().any(|plan| plan.seats.is_some())
    }

    /// The feature of that name.
    pub fn feature(&self, id: &FeatureId) -> Option<&Feature> {
        self.features.iter().find(|feature| feature.id == *id)
    }

    /// The meter of that name.
    pub fn meter(&self, id: &MeterId) -> Option<&Meter> {
        self.meters.iter().find(|meter| meter.id == *id)
    }

    /// The pack of that name.
    pub fn pack(&self, id: &PackId) -> Option<&Pack> {
        self.packs.iter().find(|pack| pack.id == *id)
    }

    /// What a plan includes of a meter: nothing where the plan does not name it.
    pub fn limit(&self, plan: &PlanId, meter: &MeterId) -> Limit {
        self.plan(plan).and_then(|plan| plan.limits.get(meter)).copied().unwrap_or(Limit::AtMost(0))
    }

    /// Whose plans an organization of this kind chooses among: teams have their own, where there are any.
    pub fn audience_of(&self, kind: Kind) -> Audience {
        let team = kind == Kind::Team && self.plans_for(Audience::Team).next().is_some();
        if team { Audience::Team } else { Audience::Individual }
    }

    /// The plans for an audience, in order.
    pub fn plans_for(&self, audience: Audience) -> impl Iterator<Item = &Plan> {
        self.plans.iter().filter(move |plan| plan.audience == audience)
    }

    /// Whether anything is sold for that period, so that a switch is worth showing.
    pub fn sells(&self, period: Period) -> bool {
        self.plans.iter().any(|plan| plan.is_sold() && plan.price(period).is_some())
    }

    /// Every price with its plan: each names a variable that must hold a Stripe price's id.
    pub fn price_variables(&self) -> impl Iterator<Item = (&Plan, &Price)> {
        self.plans.iter().flat_map(|plan| plan.prices.iter().map(move |price| (plan, price)))
    }

    /// The largest saving of a year against twelve months among the plans, in percent.
    pub fn best_yearly_saving_percent(&self) -> Option<u32> {
        self.plans.iter().filter_map(Plan::yearly_saving_percent).max()
    }
}
