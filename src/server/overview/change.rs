//! A change of plan as somebody considers it: what it does, when, and what it costs.

use domain::change::{Terms, Timing};
use domain::money::Money;
use domain::plan::{Period, Plan, PlanId};
use domain::role::Permission;
use domain::time::Timestamp;
use jiff::ToSpan;

use super::day;
use crate::error::{AppError, Code};
use crate::pages::change::{ChangeView, Outcome};
use crate::server::App;
use crate::server::error::Error;
use crate::server::organizations::require;
use crate::server::stripe::Preview;
use crate::server::subscription::PlannedChange;
use crate::visitor::Account;

impl App {
    /// What is wanted by somebody who may change it, with the seats that one has where nothing is said of them.
    pub async fn wanted(
        &self,
        account: &Account,
        plan: PlanId,
        period: Period,
        seats: Option<u32>,
    ) -> Result<Terms, Error> {
        require(account, Permission::ManageBilling)?;
        let range = self.catalog.plan(&plan).and_then(|plan| plan.seats);
        let quantity = match (range, seats) {
            (None, _) => 1,
            (Some(_), Some(asked)) => asked,
            (Some(range), None) => {
                let had =
                    self.running(&account.organization).await?.map_or(range.min, |subscription| subscription.quantity);
                had.max(range.min)
            }
        };
        Ok(Terms { plan, period, quantity })
    }

    /// What a change would do.
    pub async fn change_view(
        &self,
        account: &Account,
        plan: &str,
        period: Option<&str>,
        seats: Option<&str>,
    ) -> Result<ChangeView, Error> {
        let missing = || Error::refused(Code::NotFound, "There is no such plan. The plans are on the pricing page.");
        let plan = PlanId::parse(plan).ok().and_then(|id| self.catalog.plan(&id)).ok_or_else(missing)?.clone();
        let running = self.running(&account.organization).await?;
        let had = running.as_ref().and_then(|subscription| self.terms_of(subscription));
        let period = period.and_then(Period::parse).or(had.as_ref().map(|had| had.period)).unwrap_or_default();
        let period = if plan.price(period).is_some() { period } else { Period::default() };
        let seats = seats.and_then(|seats| seats.trim().parse().ok());
        let wanted = self.wanted(account, plan.id.clone(), period, seats).await?;
        let outcome = match self.plan_change(account, &wanted).await {
            Ok(planned) => self.outcome(&wanted, planned),
            Err(Error::App(AppError { code: Code::Invalid | Code::PaymentRequired, message, .. })) => {
                Outcome::Refused(message)
            }
            // Something stands against changing it.
            Err(Error::App(AppError { code: Code::Conflict, message, .. })) if running.is_some() => {
                Outcome::Refused(message)
            }
            Err(error) => return Err(error),
        };
        Ok(ChangeView {
            from: had.as_ref().map_or_else(|| "what you have".to_owned(), |had| self.words(had)),
            to: self.words(&wanted),
            periods: self.periods(&plan),
            name: plan.name,
            plan: plan.id,
            period,
            seats: plan.seats,
            quantity: wanted.quantity,
            outcome,
        })
    }

    fn outcome(&self, wanted: &Terms, planned: PlannedChange) -> Outcome {
        let price = self.price_of(wanted).map(|price| price.to_string()).unwrap_or_default();
        if planned.timing == Timing::PeriodEnd {
            let on = planned.subscription.period_end;
            return Outcome::Later { on: day(on), next: format!("{price} on {}", day(on)) };
        }
        let preview = planned.preview.unwrap_or_else(|| Preview::of_nothing(self.catalog.currency.clone()));
        let money = |amount| Money::new(amount, preview.currency.clone()).to_string();
        let same_cycle = self.terms_of(&planned.subscription).is_some_and(|had| had.period == wanted.period);
        let trial = planned.subscription.trial_end.filter(|end| *end > planned.at);
        let next_at = match trial {
            Some(end) => end,
            None if same_cycle => planned.subscription.period_end,
            None => after(planned.at, wanted.period),
        };
        Outcome::Now {
            due: money(preview.due),
            charged: preview.due > 0,
            credit: (preview.total < 0).then(|| money(-preview.total)),
            at: planned.at.0,
            next: format!("{price} on {}", day(next_at)),
            lines: preview.lines.into_iter().map(|line| (line.description, money(line.amount))).collect(),
        }
    }

    fn periods(&self, plan: &Plan) -> Vec<(Period, String)> {
        plan.prices
            .iter()
            .map(|price| {
                let seat = if plan.seats.is_some() { " per seat" } else { "" };
                (price.period, format!("{}{seat} / {}", price.money(&self.catalog.currency), price.period.unit()))
            })
            .collect()
    }

    /// `Department Starter, monthly, 8 seats`.
    fn words(&self, terms: &Terms) -> String {
        let plan = self.catalog.plan(&terms.plan);
        let name = plan.map_or_else(|| terms.plan.to_string(), |plan| plan.name.clone());
        let seats = plan.and_then(|plan| plan.seats).map(|_| format!(", {} seats", terms.quantity)).unwrap_or_default();
        format!("{name}, {}{seats}", terms.period.as_str())
    }

    /// What the terms cost for their period.
    pub(super) fn price_of(&self, terms: &Terms) -> Option<Money> {
        let price = self.catalog.plan(&terms.plan)?.price(terms.period)?;
        price.money(&self.catalog.currency).times(u64::from(terms.quantity))
    }

    /// The name of the plan that a Stripe price stands for.
    pub(super) fn plan_name(&self, price: &str) -> String {
        let plan = self.config.prices.plan(price).and_then(|(plan, _)| self.catalog.plan(plan));
        plan.map_or_else(|| "another plan".to_owned(), |plan| plan.name.clone())
    }
}

/// One period later, by the calendar, in UTC as Stripe reckons.
fn after(at: Timestamp, period: Period) -> Timestamp {
    let span = match period {
        Period::Monthly => 1.month(),
        Period::Yearly => 1.year(),
    };
    let later = jiff::Timestamp::from_second(at.0).map(|at| at.to_zoned(jiff::tz::TimeZone::UTC).checked_add(span));
    match later {
        Ok(Ok(later)) => Timestamp(later.timestamp().as_second()),
        // Beyond the calendar's end.
        Ok(Err(_)) | Err(_) => at,
    }
}
