//! What an organization may do now: every feature and meter with allowed or not, why, what is left, and what would
//! unlock it. Pages, guards and the API take their answers from here.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access::Reason;
use crate::catalog::{Catalog, Feature, Meter};
use crate::organization::{Kind, OrganizationId};
use crate::plan::{FeatureId, Limit, MeterId, Plan, PlanId};
use crate::seat::{Seat, Source};
use crate::time::Timestamp;
use crate::top_up::Rule;
use crate::usage::{Account, Counter, Credits};
use crate::window::{PaidPeriod, Window, Zone};
use crate::words::Words;

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
    /// Credits; of those that an open reservation holds also what is used up.
    pub credits: BTreeMap<MeterId, Vec<Credits>>,
    /// Automatic top-ups that are on.
    pub top_ups: BTreeMap<MeterId, Rule>,
    /// The seats that the person has in teams whose own organization this is.
    pub seats: Vec<Seat>,
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
    /// The plan of a team includes it, in which the person has a seat.
    Seat,
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
    /// The team's plan includes it for members with a seat, and this one has none.
    NoSeat,
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
    /// The plan that would unlock it: the one that was subscribed to, or else the first.
    pub unlocked_by: Option<PlanId>,
    /// Where it comes from, if it comes from a seat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
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
    /// What the plan includes, or a seat.
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
    /// The plan that would allow the amount: the one that was subscribed to, or else the first.
    pub unlocked_by: Option<PlanId>,
    /// Where it comes from, if it comes from a seat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
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
    /// Where the person has a seat that unlocks something; of a person's own organization.
    pub seats: Vec<Source>,
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
            plan_name: standing.words(catalog, None).plan.into_owned(),
            reason: standing.reason.as_str().to_owned(),
            until: standing.until.map(|until| until.0),
            seats: standing.seats.iter().filter(|seat| seat.plan(catalog).is_some()).map(Seat::source).collect(),
            features: catalog.features.iter().map(|feature| standing.feature(catalog, feature, now)).collect(),
            meters: catalog.meters.iter().map(|meter| standing.meter(catalog, meter, 1, now)).collect(),
        }
    }
}

impl Standing {
    /// Whether a feature is unlocked. Of plan, grant and seats that unlock it the one that lasts longest counts, of
    /// equals the first.
    pub fn feature(&self, catalog: &Catalog, feature: &Feature, now: Timestamp) -> FeatureAnswer {
        let includes = |plan: &Plan| plan.features.contains(&feature.id);
        let stays = catalog.plan(&catalog.free_plan).is_some_and(includes);
        let by_plan = catalog
            .plan(&self.tier)
            .is_some_and(includes)
            .then(|| (self.included(stays), self.until.filter(|_| !stays), None));
        let granted = self.granted.iter().filter(|(id, end)| *id == feature.id && end.is_none_or(|end| end > now));
        let by_grant = granted.map(|(_, end)| (Why::Grant, *end, None));
        let seats = self.seats.iter().filter(|seat| seat.plan(catalog).is_some_and(includes));
        let by_seat = seats.map(|seat| (Why::Seat, seat.until, Some(seat)));
        let unlocking = by_plan.into_iter().chain(by_grant).chain(by_seat);
        let lost = || self.lost(catalog).filter(|(_, plan)| includes(plan)).map_or(Why::NotInPlan, |(why, _)| why);
        let (reason, until, seat) = unlocking
            .min_by_key(|(_, until, _)| Reverse(until.map_or(i64::MAX, |until| until.0)))
            .unwrap_or_else(|| (lost(), None, None));
        FeatureAnswer {
            feature: feature.id.clone(),
            name: feature.name.clone(),
            allowed: reason.allows(),
            reason,
            message: self.words(catalog, seat).about_feature(reason),
            until: until.map(|until| until.0),
            unlocked_by: if reason.allows() { None } else { self.unlocked_by(catalog, includes) },
            source: seat.map(Seat::source),
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
        let limit = self.limit(catalog, &meter.id);
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
        let seat = self.more_by_seat(catalog, &meter.id).map(|(seat, _)| seat);
        let reason = match (allowed, seat) {
            (false, _) => self.why_not(catalog, meter, account),
            (true, _) if account.on_credits() => Why::Credits,
            (true, Some(_)) => Why::Seat,
            (true, None) => self.included(catalog.limit(&catalog.free_plan, &meter.id).covers(account.limit)),
        };
        // What a subscription does not give now is said in its own words, seat or not.
        let lost = self.lost(catalog).is_some_and(|(why, _)| why == reason);
        let enough = |plan: &Plan| {
            let limit = catalog.limit(&plan.id, &meter.id);
            Account { limit, ..account.clone() }.has(amount)
        };
        MeterAnswer {
            meter: meter.id.clone(),
            name: meter.name.clone(),
            allowed,
            reason,
            message: self.words(catalog, seat.filter(|_| !lost)).about_meter(meter, account, reason),
            limit: account.limit,
            carried_over: account.counter.carried,
            credits: account.credits_left(),
            used: account.counter.used,
            reserved: account.counter.reserved,
            remaining: account.left(),
            percent: account.percent(),
            warning: account.warning().map(crate::usage::Warning::percent),
            resets_at: window.end.map(|end| end.0),
            unlocked_by: if allowed { None } else { self.unlocked_by(catalog, enough) },
            source: seat.filter(|_| reason == Why::Seat).map(Seat::source),
        }
    }

    fn why_not(&self, catalog: &Catalog, meter: &Meter, account: &Account) -> Why {
        match self.lost(catalog) {
            Some((why, lost)) if !account.limit.covers(catalog.limit(&lost.id, &meter.id)) => why,
            _ if account.limit == Limit::AtMost(0) => Why::NotInPlan,
            _ => Why::LimitReached,
        }
    }

    /// Why what the plan includes is there. What `stays` because the free plan includes it, too, does not depend on how
    /// the subscription is doing.
    fn included(&self, stays: bool) -> Why {
        match self.reason {
            _ if stays => Why::Plan,
            Reason::Trial => Why::Trial,
            Reason::Grace => Why::Grace,
            Reason::PaidUntilEnd => Why::PaidUntilEnd,
            // Off the subscription's plan, it is the free plan that includes it.
            Reason::NoSubscription
            | Reason::Paid
            | Reason::Granted
            | Reason::GraceOver
            | Reason::Ended
            | Reason::NotPaid
            | Reason::Paused
            | Reason::UnknownPrice
            | Reason::Disputed
            | Reason::NoSeat => Why::Plan,
        }
    }

    /// The plan of a subscription that does not give what its plan includes, and why it does not.
    fn lost<'a>(&self, catalog: &'a Catalog) -> Option<(Why, &'a Plan)> {
        let why = match self.reason {
            Reason::GraceOver => Why::PastDue,
            Reason::NotPaid => Why::NotPaid,
            Reason::Paused => Why::Paused,
            Reason::Disputed => Why::Disputed,
            Reason::Ended => Why::Ended,
            Reason::NoSeat => Why::NoSeat,
            Reason::NoSubscription
            | Reason::Trial
            | Reason::Paid
            | Reason::Granted
            | Reason::Grace
            | Reason::PaidUntilEnd
            | Reason::UnknownPrice => return None,
        };
        Some((why, catalog.plan(self.subscribed.as_ref()?)?))
    }

    /// The plan that was subscribed to where it would do: a second one is not what is missing. Otherwise the first one
    /// that would, of those for this kind of organization.
    fn unlocked_by(&self, catalog: &Catalog, fits: impl Fn(&Plan) -> bool) -> Option<PlanId> {
        let audience = catalog.audience_of(self.kind);
        let lost = self.lost(catalog).map(|(_, plan)| plan);
        lost.into_iter().chain(catalog.plans_for(audience)).find(|plan| fits(plan)).map(|plan| plan.id.clone())
    }

    fn words<'a>(&'a self, catalog: &'a Catalog, seat: Option<&'a Seat>) -> Words<'a> {
        if let Some(seat) = seat {
            return Words { reason: seat.reason, plan: Cow::Owned(format!("Your seat at {}", seat.name)), lost: None };
        }
        let plan = catalog.plan(&self.tier).map_or(self.tier.as_str(), |plan| &plan.name);
        let lost = self.lost(catalog).map(|(_, plan)| plan);
        Words { reason: self.reason, plan: Cow::Borrowed(plan), lost }
    }
}

impl Why {
    /// Whether it is a reason to allow.
    pub fn allows(self) -> bool {
        match self {
            Self::Plan | Self::Trial | Self::Grace | Self::PaidUntilEnd | Self::Grant | Self::Seat | Self::Credits => {
                true
            }
            Self::NotInPlan
            | Self::LimitReached
            | Self::PastDue
            | Self::NotPaid
            | Self::Paused
            | Self::Disputed
            | Self::Ended
            | Self::NoSeat => false,
        }
    }
}
