//! What an organization may do now: every feature and meter with allowed or not, why, what is left, and what would
//! unlock it. Pages, guards and the API take their answers from here.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access::Reason;
use crate::catalog::{Catalog, Feature, Meter, Reset};
use crate::organization::{Kind, OrganizationId};
use crate::plan::{Audience, FeatureId, Limit, MeterId, Plan, PlanId};
use crate::time::Timestamp;
use crate::usage::{Account, Counter, Credits};
use crate::window::{PaidPeriod, Window, Zone};

/// What is known of an organization: all that the answers are made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whose.
    pub organization: OrganizationId,
    /// A person's or a team's.
    pub kind: Kind,
    /// The stored tier.
    pub tier: PlanId,
    /// Why it is that.
    pub reason: Reason,
    /// When time alone changes the tier.
    pub until: Option<Timestamp>,
    /// The plan of the newest subscription, whether it gives access or not.
    pub subscribed: Option<PlanId>,
    /// The period that is paid, or tried, now.
    pub paid: Option<PaidPeriod>,
    /// Where days and months begin.
    pub zone: Zone,
    /// Features given by an operator, and until when.
    pub granted: Vec<(FeatureId, Option<Timestamp>)>,
    /// What was counted.
    pub counters: BTreeMap<MeterId, Counter>,
    /// Credits that are not used up.
    pub credits: BTreeMap<MeterId, Vec<Credits>>,
}

/// Why something is allowed or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Why {
    /// The plan includes it.
    Plan,
    /// The plan includes it, and is being tried.
    Trial,
    /// The plan includes it, and stays for the grace period although a payment failed.
    Grace,
    /// The plan includes it, was canceled, and is paid until the end of its period.
    PaidUntilEnd,
    /// It was granted, on top of the plan.
    Grant,
    /// The plan's share is used up; credits are not.
    Credits,
    /// The plan does not include it.
    NotInPlan,
    /// The plan includes so much, and it is used up.
    LimitReached,
    /// A payment failed and the grace period is over.
    PastDue,
    /// The subscription's invoice was not paid.
    NotPaid,
    /// The subscription is paused.
    Paused,
    /// A payment is disputed.
    Disputed,
    /// The subscription has ended.
    Ended,
}

/// Whether a feature is unlocked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeatureAnswer {
    /// Which.
    pub feature: FeatureId,
    /// What people read.
    pub name: String,
    /// Whether it is unlocked.
    pub allowed: bool,
    /// Why.
    pub reason: Why,
    /// Why, in a sentence for people.
    pub message: String,
    /// When that ends by itself, UTC seconds.
    pub until: Option<i64>,
    /// The first plan that would unlock it.
    pub unlocked_by: Option<PlanId>,
}

/// How a meter stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MeterAnswer {
    /// Which.
    pub meter: MeterId,
    /// What people read.
    pub name: String,
    /// Whether the amount that was asked for can be used, or one where none was.
    pub allowed: bool,
    /// Why.
    pub reason: Why,
    /// Why, in a sentence for people.
    pub message: String,
    /// What the plan includes.
    pub limit: Limit,
    /// Carried over from the time before the last reset.
    pub carried_over: u64,
    /// Credits that are left, on top of the plan.
    pub credits: u64,
    /// Used since the last reset.
    pub used: u64,
    /// Held by open reservations.
    pub reserved: u64,
    /// What can still be used, credits included.
    pub remaining: Limit,
    /// How much of all that is used or held, in percent; none without a limit.
    pub percent: Option<u32>,
    /// 80 or 95, from so many percent on.
    pub warning: Option<u32>,
    /// When the count starts again, UTC seconds; none for a meter that counts what exists.
    pub resets_at: Option<i64>,
    /// The first plan that would allow the amount.
    pub unlocked_by: Option<PlanId>,
}

/// Everything at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Entitlements {
    /// Whose.
    pub organization: String,
    /// The plan that counts.
    pub plan: PlanId,
    /// What people read.
    pub plan_name: String,
    /// Why it is that plan.
    pub reason: String,
    /// When time alone changes the plan, UTC seconds.
    pub until: Option<i64>,
    /// Every feature of the catalogue.
    pub features: Vec<FeatureAnswer>,
    /// Every meter of the catalogue.
    pub meters: Vec<MeterAnswer>,
}

impl Entitlements {
    /// Every feature and meter of the catalogue.
    pub fn of(catalog: &Catalog, standing: &Standing, now: Timestamp) -> Self {
        Self {
            organization: standing.organization.0.clone(),
            plan: standing.tier.clone(),
            plan_name: plan_name(catalog, &standing.tier).to_owned(),
            reason: standing.reason.as_str().to_owned(),
            until: standing.until.map(|until| until.0),
            features: catalog.features.iter().map(|feature| standing.feature(catalog, feature, now)).collect(),
            meters: catalog.meters.iter().map(|meter| standing.meter(catalog, meter, 1, now)).collect(),
        }
    }
}

impl Standing {
    /// Whether a feature is unlocked.
    pub fn feature(&self, catalog: &Catalog, feature: &Feature, now: Timestamp) -> FeatureAnswer {
        let includes = |plan: &Plan| plan.features.contains(&feature.id);
        let name = plan_name(catalog, &self.tier);
        let granted = self.granted.iter().find(|(id, end)| *id == feature.id && end.is_none_or(|end| end > now));
        let (reason, message, until) = if catalog.plan(&self.tier).is_some_and(includes) {
            (self.included(), format!("Included in {name}."), self.until)
        } else if let Some((_, end)) = granted {
            (Why::Grant, "Granted on top of the plan.".to_owned(), *end)
        } else {
            let lost = self.subscribed.as_ref().and_then(|plan| catalog.plan(plan)).is_some_and(includes);
            match self.lost_because().filter(|_| lost) {
                Some(why) => (why, self.reason.sentence().to_owned(), None),
                None => (Why::NotInPlan, format!("{name} does not include it."), None),
            }
        };
        let allowed = reason.allows();
        FeatureAnswer {
            feature: feature.id.clone(),
            name: feature.name.clone(),
            allowed,
            reason,
            message,
            until: until.map(|until| until.0),
            unlocked_by: if allowed { None } else { self.first_plan(catalog, includes) },
        }
    }

    /// Whether so much of a meter can be used.
    pub fn meter(&self, catalog: &Catalog, meter: &Meter, amount: u64, now: Timestamp) -> MeterAnswer {
        let (account, window) = self.account(catalog, meter, now);
        self.meter_answer(catalog, meter, &account, window, amount)
    }

    /// The account of a meter at a moment, and the window that it is counted in.
    pub fn account(&self, catalog: &Catalog, meter: &Meter, now: Timestamp) -> (Account, Window) {
        let window = Window::at(meter.reset, &self.zone, self.paid, now);
        let counter = self.counters.get(&meter.id).copied();
        let credits = self.credits.get(&meter.id).cloned().unwrap_or_default();
        let limit = catalog.limit(&self.tier, &meter.id);
        (Account::at(limit, counter, credits, window, meter.carry_over.unwrap_or(0), now), window)
    }

    /// The answer about an account.
    pub fn meter_answer(
        &self,
        catalog: &Catalog,
        meter: &Meter,
        account: &Account,
        window: Window,
        amount: u64,
    ) -> MeterAnswer {
        let allowed = account.has(amount);
        let reason = self.why(catalog, meter, account, allowed);
        let enough = |plan: &Plan| {
            let wanted = Limit::AtMost(account.counter.used + account.counter.reserved + amount);
            plan.limits.get(&meter.id).is_some_and(|limit| limit.covers(wanted))
        };
        MeterAnswer {
            meter: meter.id.clone(),
            name: meter.name.clone(),
            allowed,
            reason,
            message: self.sentence(catalog, meter, account, reason),
            limit: account.limit,
            carried_over: account.counter.carried,
            credits: account.credits_left(),
            used: account.counter.used,
            reserved: account.counter.reserved,
            remaining: account.left(),
            percent: account.percent(),
            warning: account.warning().map(crate::usage::Warning::percent),
            resets_at: window.end.map(|end| end.0),
            unlocked_by: if allowed { None } else { self.first_plan(catalog, enough) },
        }
    }

    fn why(&self, catalog: &Catalog, meter: &Meter, account: &Account, allowed: bool) -> Why {
        let plan_has_none = account.limit == Limit::AtMost(0);
        if allowed {
            let on_credits = account.left() == Limit::AtMost(account.credits_left());
            return if on_credits { Why::Credits } else { self.included() };
        }
        let lost = self.subscribed.as_ref().map(|plan| catalog.limit(plan, &meter.id));
        match self.lost_because() {
            Some(why) if lost.is_some_and(|lost| !account.limit.covers(lost)) => why,
            _ if plan_has_none => Why::NotInPlan,
            _ => Why::LimitReached,
        }
    }

    fn sentence(&self, catalog: &Catalog, meter: &Meter, account: &Account, why: Why) -> String {
        let plan = plan_name(catalog, &self.tier);
        match why {
            Why::Plan | Why::Trial | Why::Grace | Why::PaidUntilEnd | Why::Grant => {
                format!("{plan} includes {}.", lower_first(&meter.allowance(account.limit)))
            }
            Why::Credits => format!("{} of credits are left.", meter.quantity(account.credits_left())),
            Why::NotInPlan => format!("{plan} includes no {}.", meter.unit),
            Why::LimitReached => {
                let when = match meter.reset {
                    Reset::Day => " today",
                    Reset::Month => " this month",
                    Reset::BillingPeriod => " in this billing period",
                    Reset::Never => "",
                };
                let left = match account.left() {
                    Limit::AtMost(0) | Limit::Unlimited(_) => "none is left".to_owned(),
                    Limit::AtMost(left) => format!("{} left", crate::money::group_thousands(left)),
                };
                format!("{plan} includes {}; {left}{when}.", meter.allowance(account.limit))
            }
            Why::PastDue | Why::NotPaid | Why::Paused | Why::Disputed | Why::Ended => self.reason.sentence().to_owned(),
        }
    }

    /// Why what the plan includes is there.
    fn included(&self) -> Why {
        match self.reason {
            Reason::Trial => Why::Trial,
            Reason::Grace => Why::Grace,
            Reason::PaidUntilEnd => Why::PaidUntilEnd,
            // Off the subscription's plan, it is the free plan that includes it.
            Reason::NoSubscription
            | Reason::Paid
            | Reason::GraceOver
            | Reason::Ended
            | Reason::NotPaid
            | Reason::Paused
            | Reason::UnknownPrice
            | Reason::Disputed => Why::Plan,
        }
    }

    /// Why a subscription does not give what its plan includes.
    fn lost_because(&self) -> Option<Why> {
        match self.reason {
            Reason::GraceOver => Some(Why::PastDue),
            Reason::NotPaid => Some(Why::NotPaid),
            Reason::Paused => Some(Why::Paused),
            Reason::Disputed => Some(Why::Disputed),
            Reason::Ended => Some(Why::Ended),
            Reason::NoSubscription
            | Reason::Trial
            | Reason::Paid
            | Reason::Grace
            | Reason::PaidUntilEnd
            | Reason::UnknownPrice => None,
        }
    }

    /// The first plan for this kind of organization of which that is true.
    fn first_plan(&self, catalog: &Catalog, fits: impl Fn(&Plan) -> bool) -> Option<PlanId> {
        let teams_have_plans = catalog.plans_for(Audience::Team).next().is_some();
        let audience = if self.kind == Kind::Team && teams_have_plans { Audience::Team } else { Audience::Individual };
        catalog.plans_for(audience).find(|plan| plan.id != self.tier && fits(plan)).map(|plan| plan.id.clone())
    }
}

impl Why {
    /// Whether it is a reason to allow.
    pub fn allows(self) -> bool {
        match self {
            Self::Plan | Self::Trial | Self::Grace | Self::PaidUntilEnd | Self::Grant | Self::Credits => true,
            Self::NotInPlan
            | Self::LimitReached
            | Self::PastDue
            | Self::NotPaid
            | Self::Paused
            | Self::Disputed
            | Self::Ended => false,
        }
    }
}

fn plan_name<'a>(catalog: &'a Catalog, plan: &'a PlanId) -> &'a str {
    catalog.plan(plan).map_or(plan.as_str(), |plan| &plan.name)
}

/// `Unlimited projects` in the middle of a sentence.
fn lower_first(text: &str) -> String {
    text.strip_prefix("Unlimited").map_or_else(|| text.to_owned(), |rest| format!("unlimited{rest}"))
}
