//! A change of plan, period or seats: when it takes effect, and what stands against it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::catalog::{Catalog, Reset};
use crate::plan::{Limit, MeterId, Period, Plan, PlanId, SeatsRefused};
use crate::subscription::Status;

/// What is had, or wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Terms {
    /// The plan.
    pub plan: PlanId,
    /// How often it is charged.
    pub period: Period,
    /// How many seats; 1 where the plan has none.
    pub quantity: u32,
}

/// When a change takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timing {
    /// At once, and the difference is charged at once: who gets more has it now.
    Now,
    /// At the end of what is paid: who gets less keeps what was paid for.
    PeriodEnd,
}

impl Timing {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::PeriodEnd => "period_end",
        }
    }
}

/// Why a change cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The plan is not in the catalogue, or not for sale.
    #[error("This plan is not for sale.")]
    NotSold,
    /// Not for that period.
    #[error("{plan} is not sold {}.", period.as_str())]
    NotForPeriod {
        /// The plan's name.
        plan: String,
        /// The period.
        period: Period,
    },
    /// It is what one has.
    #[error("This is the plan that you are on.")]
    Nothing,
    /// The seats do not fit the plan.
    #[error("{plan} cannot be had so: {refused}.")]
    Seats {
        /// The plan's name.
        plan: String,
        /// Why.
        refused: SeatsRefused,
    },
    /// More people have a seat than there would be seats.
    #[error("{taken} people have seats and {seats} would be left: take {} back first.", so_many(*.taken - *.seats))]
    Taken {
        /// How many people have one.
        taken: u32,
        /// How many there would be.
        seats: u32,
    },
    /// More in use than the plan includes.
    #[error("{plan} includes {included} and {used} are in use: remove {over} first.")]
    Usage {
        /// The plan's name.
        plan: String,
        /// What it includes, in words.
        included: String,
        /// How much is in use.
        used: u64,
        /// How much of it is too much.
        over: u64,
    },
}

/// What is to be settled before a subscription can be changed at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Unsettled {
    /// A payment is open. Stripe would credit the rest of a period that nobody has paid for.
    #[error("The last payment is still open. Pay the invoice in the billing settings first, then change the plan.")]
    Owing,
    /// Payments are given up.
    #[error(
        "Payments have failed and are not tried any more. In the billing settings, pay what is open, or end the subscription and choose a plan again."
    )]
    GivenUp,
    /// The first payment is not made.
    #[error("The first payment is not complete. Finish it in the billing settings first, then change the plan.")]
    Incomplete,
    /// The trial ended without anything to pay with.
    #[error("The subscription is paused. End it in the billing settings and choose a plan again.")]
    Paused,
}

/// What stands against any change of a subscription in this state.
pub fn unsettled(status: Status) -> Option<Unsettled> {
    match status {
        Status::PastDue => Some(Unsettled::Owing),
        Status::Unpaid => Some(Unsettled::GivenUp),
        Status::Incomplete | Status::IncompleteExpired => Some(Unsettled::Incomplete),
        Status::Paused => Some(Unsettled::Paused),
        Status::Trialing | Status::Active | Status::Canceled => None,
    }
}

/// A number of seats that breaks a rule: nobody can choose it here, but it can be set at Stripe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeatsBroken {
    /// Outside the plan's range.
    #[error("The subscription has {quantity} seats, and {refused}.")]
    Range {
        /// How many there are.
        quantity: u32,
        /// What is wrong with that.
        refused: SeatsRefused,
    },
    /// Fewer than people have.
    #[error("{taken} people have seats and the subscription has {quantity}: add {more}, or take {more} back.", more = so_many(*.taken - *.quantity))]
    Taken {
        /// How many people have one.
        taken: u32,
        /// How many there are.
        quantity: u32,
    },
}

/// What is wrong with the seats that a subscription has; `None` where they are right or the plan has none.
pub fn seats_broken(plan: &Plan, quantity: u32, taken: u32) -> Option<SeatsBroken> {
    let range = plan.seats?;
    if taken > quantity {
        return Some(SeatsBroken::Taken { taken, quantity });
    }
    range.check(quantity).err().map(|refused| SeatsBroken::Range { quantity, refused })
}

/// What an organization has now that a smaller plan may have no room for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InUse {
    /// How many people have a seat.
    pub seats: u32,
    /// What was counted of each meter, without what credits cover.
    pub meters: BTreeMap<MeterId, u64>,
}

fn so_many(number: u32) -> String {
    if number == 1 { "one seat".to_owned() } else { format!("{number} seats") }
}

/// Checks a change and says when it takes effect.
pub fn check(catalog: &Catalog, had: Option<&Terms>, wanted: &Terms, in_use: &InUse) -> Result<Timing, Refused> {
    let plan = catalog.plan(&wanted.plan).filter(|plan| plan.is_sold()).ok_or(Refused::NotSold)?;
    if plan.price(wanted.period).is_none() {
        return Err(Refused::NotForPeriod { plan: plan.name.clone(), period: wanted.period });
    }
    if had == Some(wanted) {
        return Err(Refused::Nothing);
    }
    check_seats(plan, wanted.quantity, in_use.seats)?;
    if let Some(had) = had {
        check_usage(catalog, &had.plan, plan, in_use)?;
    }
    Ok(had.map_or(Timing::Now, |had| timing(catalog, had, wanted)))
}

fn check_seats(plan: &Plan, quantity: u32, taken: u32) -> Result<(), Refused> {
    let Some(range) = plan.seats else { return Ok(()) };
    range.check(quantity).map_err(|refused| Refused::Seats { plan: plan.name.clone(), refused })?;
    if taken > quantity {
        return Err(Refused::Taken { taken, seats: quantity });
    }
    Ok(())
}

/// What exists does not go away with a smaller plan; what is reset has room again by itself.
fn check_usage(catalog: &Catalog, had: &PlanId, wanted: &Plan, in_use: &InUse) -> Result<(), Refused> {
    for meter in catalog.meters.iter().filter(|meter| meter.reset == Reset::Never) {
        let limit = catalog.limit(&wanted.id, &meter.id);
        let used = in_use.meters.get(&meter.id).copied().unwrap_or_default();
        match limit {
            Limit::AtMost(included) if used > included && !limit.covers(catalog.limit(had, &meter.id)) => {
                let (plan, over) = (wanted.name.clone(), used - included);
                return Err(Refused::Usage { plan, included: meter.allowance(limit), used, over });
            }
            Limit::AtMost(_) | Limit::Unlimited(_) => {}
        }
    }
    Ok(())
}

/// More of anything, and less of nothing, is had at once; everything else waits for the end of what is paid.
fn timing(catalog: &Catalog, had: &Terms, wanted: &Terms) -> Timing {
    let (before, after) = (catalog.rank(&had.plan), catalog.rank(&wanted.plan));
    if after != before {
        return if after > before { Timing::Now } else { Timing::PeriodEnd };
    }
    let fewer_seats = wanted.quantity < had.quantity;
    let shorter = had.period == Period::Yearly && wanted.period == Period::Monthly;
    if fewer_seats || shorter { Timing::PeriodEnd } else { Timing::Now }
}
