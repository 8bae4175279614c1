//! Why something is allowed or not, in a sentence for people. What it is, how much and until when stands beside it.

use std::borrow::Cow;

use crate::access::Reason;
use crate::catalog::{Meter, Reset};
use crate::entitlement::Why;
use crate::money::group_thousands;
use crate::plan::{Limit, Plan};
use crate::usage::Account;

/// What the sentences are about.
pub(crate) struct Words<'a> {
    /// Why the tier is what it is.
    pub(crate) reason: Reason,
    /// The name of the plan that counts, or of the seat.
    pub(crate) plan: Cow<'a, str>,
    /// The plan of a subscription that does not give it now.
    pub(crate) lost: Option<&'a Plan>,
}

impl Words<'_> {
    /// Why a feature is unlocked or not.
    pub(crate) fn about_feature(&self, why: Why) -> String {
        match why {
            Why::Plan | Why::Trial | Why::Grace | Why::PaidUntilEnd => {
                self.for_now(format!("Included in {}.", self.plan), why)
            }
            Why::Seat => self.for_now(format!("Included with {}.", lower_first(&self.plan)), why),
            Why::Grant | Why::Credits => format!("Granted on top of {}.", self.plan),
            Why::NotInPlan | Why::LimitReached => format!("Not included in {}.", self.plan),
            Why::PastDue | Why::NotPaid | Why::Paused | Why::Disputed | Why::Ended => self.lost("it"),
            Why::NoSeat => self.with_seat("it"),
        }
    }

    /// Why so much of a meter can be used or not.
    pub(crate) fn about_meter(&self, meter: &Meter, account: &Account, why: Why) -> String {
        match why {
            Why::Plan | Why::Trial | Why::Grace | Why::PaidUntilEnd | Why::Grant | Why::Seat => {
                self.for_now(format!("{}.", self.includes(meter, account.limit)), why)
            }
            Why::Credits => {
                let used_up = match account.limit {
                    Limit::AtMost(0) => "",
                    Limit::AtMost(1) => ", which is used up",
                    Limit::AtMost(_) | Limit::Unlimited(_) => ", which are used up",
                };
                format!("{}{used_up}; {}.", self.includes(meter, account.limit), left(meter, account))
            }
            Why::NotInPlan if account.left() == Limit::AtMost(0) => format!("Not included in {}.", self.plan),
            Why::NotInPlan | Why::LimitReached => {
                format!("{}; {}.", self.includes(meter, account.limit), left(meter, account))
            }
            Why::PastDue | Why::NotPaid | Why::Paused | Why::Disputed | Why::Ended => self.lost(&self.lost_of(meter)),
            Why::NoSeat => self.with_seat(&self.lost_of(meter)),
        }
    }

    fn includes(&self, meter: &Meter, limit: Limit) -> String {
        match limit {
            Limit::AtMost(0) => format!("Not included in {}", self.plan),
            limit => format!("{} includes {}", self.plan, allowance(meter, limit)),
        }
    }

    /// With the reason behind it where it is there for now only.
    fn for_now(&self, sentence: String, why: Why) -> String {
        let for_now = match why {
            Why::Trial | Why::Grace | Why::PaidUntilEnd => true,
            Why::Seat => matches!(self.reason, Reason::Trial | Reason::Grace | Reason::PaidUntilEnd),
            _ => false,
        };
        if for_now { format!("{sentence} {}", self.reason.sentence()) } else { sentence }
    }

    fn lost_of(&self, meter: &Meter) -> String {
        let limit = self.lost.and_then(|plan| plan.limits.get(&meter.id));
        limit.map_or("it".to_owned(), |limit| allowance(meter, *limit))
    }

    fn with_seat(&self, what: &str) -> String {
        let plan = self.lost.map_or(&*self.plan, |plan| &plan.name);
        format!("{plan} includes {what} for members with a seat. Ask an owner or admin for one.")
    }

    fn lost(&self, what: &str) -> String {
        let plan = self.lost.map_or(&*self.plan, |plan| &plan.name);
        format!("{plan} includes {what}, but {}", lower_first(self.reason.sentence()))
    }
}

/// How much is left: `none is left today`, `3 are left`, or `3 extra are left` where all of it is credits.
fn left(meter: &Meter, account: &Account) -> String {
    let (left, credits) = (account.left(), account.credits_left());
    let extra = if credits > 0 && left == Limit::AtMost(credits) { " extra" } else { "" };
    let now = match meter.reset {
        _ if !extra.is_empty() => "",
        Reset::Day => " today",
        Reset::Month => " this month",
        Reset::BillingPeriod => " in this billing period",
        Reset::Never => "",
    };
    match left {
        Limit::AtMost(0) | Limit::Unlimited(_) => format!("none is left{now}"),
        Limit::AtMost(1) => format!("1{extra} is left{now}"),
        Limit::AtMost(left) => format!("{}{extra} are left{now}", group_thousands(left)),
    }
}

/// `Unlimited projects` in the middle of a sentence.
fn allowance(meter: &Meter, limit: Limit) -> String {
    let text = meter.allowance(limit);
    if let Limit::Unlimited(_) = limit { lower_first(&text) } else { text }
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_lowercase().chain(letters).collect())
}
