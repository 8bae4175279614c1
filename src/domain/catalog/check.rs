//! What is wrong with a catalogue although its shape is right: every mistake at once, each with its place and its cure.
//!
//! A mistake is reported once, where it is mended: what follows from it elsewhere stays quiet.

use std::collections::HashSet;
use std::fmt;

use super::{Catalog, Gate, Meter, Reset};
use crate::plan::{Audience, Plan};

mod closest;
mod order;
mod pack;
mod plan;
mod price;

use closest::suggestion;

/// The longest trial that Stripe accepts.
const LONGEST_TRIAL_DAYS: u32 = 730;

/// More than this and a failed payment hardly matters; Stripe's own retries end after two months at most.
const LONGEST_GRACE_DAYS: u32 = 60;

/// Above this, JavaScript can no longer tell one whole number from the next.
const LARGEST_LIMIT: u64 = (1 << 53) - 1;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: a JSON pointer such as `/plans/2/prices/0/amount`.
    pub path: String,
    /// What is wrong and how to mend it, in a sentence.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", if self.path.is_empty() { "/" } else { &self.path }, self.message)
    }
}

impl Catalog {
    /// Every mistake that the schema cannot see; empty for a sound catalogue.
    pub fn problems(&self) -> Vec<Problem> {
        let mut report = Report::default();
        self.check_head(&mut report);
        self.check_free_plan(&mut report);
        self.check_features_and_meters(&mut report);
        let ids = self.plans.iter().map(|plan| plan.id.as_str());
        report.unique(ids, "plan", |place| format!("/plans/{place}/id"));
        for (place, plan) in self.plans.iter().enumerate() {
            plan::check(self, plan, &format!("/plans/{place}"), &mut report);
        }
        price::check_variables(self, &mut report);
        order::check(self, &mut report);
        pack::check(self, &mut report);
        self.check_gates(&mut report);
        for (place, question) in self.questions.iter().enumerate() {
            report.text(format!("/questions/{place}/question"), &question.question);
            report.text(format!("/questions/{place}/answer"), &question.answer);
        }
        report.problems
    }

    fn check_head(&self, report: &mut Report) {
        report.text("/name", &self.name);
        report.text("/tagline", &self.tagline);
        self.check_sales_email(report);
        if let Some(trial) = self.trial {
            if trial.days == 0 {
                report.add("/trial/days", "a trial of 0 days is none: leave `trial` out, or give it at least one day");
            } else if trial.days > LONGEST_TRIAL_DAYS {
                let message = format!("Stripe's longest trial is {LONGEST_TRIAL_DAYS} days: write that or fewer");
                report.add("/trial/days", message);
            }
        }
        if self.past_due_grace_days.0 > LONGEST_GRACE_DAYS {
            let message = format!("write at most {LONGEST_GRACE_DAYS} days: by then Stripe has long stopped trying");
            report.add("/pastDueGraceDays", message);
        }
    }

    fn check_sales_email(&self, report: &mut Report) {
        let by_contact =
            self.plans.iter().find(|plan| plan.contact_sales && plan.prices.is_empty() && plan.id != self.free_plan);
        match (&self.sales_email, by_contact) {
            (Some(address), _) if !is_address(address) => {
                report.add("/salesEmail", "this is no e-mail address: write one such as sales@example.com");
            }
            (None, Some(plan)) => {
                let message = format!("`{}` is sold by contact: add the address that people write to", plan.id);
                report.add("/salesEmail", message);
            }
            (Some(_), _) | (None, None) => {}
        }
    }

    fn check_free_plan(&self, report: &mut Report) {
        let id = &self.free_plan;
        let Some(place) = self.rank(id) else {
            let cure = suggestion(id.as_str(), self.plans.iter().map(|plan| plan.id.as_str()), "plans");
            report.add("/freePlan", format!("there is no plan `{id}`: {cure}"));
            return;
        };
        let plan = &self.plans[place];
        if !plan.prices.is_empty() || plan.contact_sales {
            let what = if plan.contact_sales { "`contactSales`" } else { "prices" };
            let message = format!(
                "`{id}` has {what}, but everybody who pays nothing is on the free plan: take that away, or name a plan \
                 that has neither prices nor `contactSales`"
            );
            report.add("/freePlan", message);
        }
        if plan.audience == Audience::Team {
            let message = format!("`{id}` is the free plan, which every person starts on: write `individual`");
            report.add(format!("/plans/{place}/audience"), message);
        }
    }

    /// Whether the plan that `freePlan` names can be it. If not, that is one mistake, and no other is drawn from it.
    fn sound_free_plan(&self) -> Option<&Plan> {
        self.plan(&self.free_plan).filter(|plan| plan.prices.is_empty() && !plan.contact_sales)
    }

    fn check_features_and_meters(&self, report: &mut Report) {
        let features = self.features.iter().map(|feature| feature.id.as_str());
        report.unique(features, "feature", |place| format!("/features/{place}/id"));
        for (place, feature) in self.features.iter().enumerate() {
            report.text(format!("/features/{place}/name"), &feature.name);
            report.text(format!("/features/{place}/description"), &feature.description);
        }
        let meters = self.meters.iter().map(|meter| meter.id.as_str());
        report.unique(meters, "meter", |place| format!("/meters/{place}/id"));
        for (place, meter) in self.meters.iter().enumerate() {
            report.text(format!("/meters/{place}/name"), &meter.name);
            report.text(format!("/meters/{place}/unit"), &meter.unit);
            if let Some(singular) = &meter.singular {
                report.text(format!("/meters/{place}/singular"), singular);
            }
            if let Some(message) = wrong_carry_over(meter) {
                report.add(format!("/meters/{place}/carryOver"), message);
            }
        }
    }

    fn check_gates(&self, report: &mut Report) {
        for (gate, id) in self.gates.iter().filter(|(_, id)| self.feature(id).is_none()) {
            let cure = suggestion(id.as_str(), self.features.iter().map(|feature| feature.id.as_str()), "features");
            let gate = match gate {
                Gate::UsageAnalytics => "usageAnalytics",
                Gate::Audit => "audit",
                Gate::ApiKeys => "apiKeys",
            };
            report.add(format!("/gates/{gate}"), format!("there is no feature `{id}`: {cure}"));
        }
    }
}

fn wrong_carry_over(meter: &Meter) -> Option<String> {
    let carried = meter.carry_over?;
    if meter.reset == Reset::Never {
        let id = &meter.id;
        return Some(format!("`{id}` is never reset, so nothing is carried over: remove `carryOver`, or reset it"));
    }
    match carried {
        0 => Some("0 is nothing to carry over: leave `carryOver` out, or write at least 1".to_owned()),
        1..=LARGEST_LIMIT => None,
        _ => Some(format!("{LARGEST_LIMIT} is the largest amount to carry over: write that or fewer")),
    }
}

/// Whether a `mailto:` link to it can work; whether anybody reads it there, nobody can see from here.
pub(crate) fn is_address(text: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && !part.contains(|c: char| c == '@' || c.is_whitespace());
    text.split_once('@').is_some_and(|(name, host)| plain(name) && plain(host))
}

/// The mistakes found so far.
#[derive(Default)]
struct Report {
    problems: Vec<Problem>,
}

impl Report {
    fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Problem { path: path.into(), message: message.into() });
    }

    /// Whether that place is wrong already, so that nothing more need be concluded from it.
    fn has(&self, path: &str) -> bool {
        self.problems.iter().any(|problem| problem.path == path)
    }

    /// Text that people read must not be blank.
    fn text(&mut self, path: impl Into<String>, text: &str) {
        if text.trim().is_empty() {
            self.add(path, "this is empty, and people read it: write a few words");
        }
    }

    /// No name may occur twice; the second is the mistake.
    fn unique<'a>(&mut self, names: impl Iterator<Item = &'a str>, what: &str, path: impl Fn(usize) -> String) {
        let mut seen = HashSet::new();
        for (place, name) in names.enumerate() {
            if !seen.insert(name) {
                let message =
                    format!("there is already a {what} `{name}`: choose another id, or remove one of the two");
                self.add(path(place), message);
            }
        }
    }
}
