//! The plans for one audience against each other: they are written from the least to the most, and one is recommended.

use super::Report;
use crate::catalog::Catalog;
use crate::plan::{Audience, Limit, Period, Plan};

pub(super) fn check(catalog: &Catalog, report: &mut Report) {
    for audience in [Audience::Individual, Audience::Team] {
        check_recommended(catalog, audience, report);
        let ladder = ladder(catalog, audience);
        for (less, more) in ladder.iter().zip(ladder.iter().skip(1)) {
            let path = format!("/plans/{}", more.0);
            check_features(catalog, less.1, more.1, &path, report);
            check_limits(catalog, less.1, more.1, &path, report);
            check_prices(catalog, *less, *more, report);
        }
    }
}

/// The plans that one can move between, from the least to the most. A team begins on the free plan like everybody else.
fn ladder(catalog: &Catalog, audience: Audience) -> Vec<(usize, &Plan)> {
    let plans = || catalog.plans.iter().enumerate();
    let free = plans().find(|(_, plan)| plan.id == catalog.free_plan && plan.audience != audience);
    free.into_iter().chain(plans().filter(|(_, plan)| plan.audience == audience)).collect()
}

fn check_recommended(catalog: &Catalog, audience: Audience, report: &mut Report) {
    let mut recommended =
        catalog.plans.iter().enumerate().filter(|(_, plan)| plan.audience == audience && plan.recommended);
    let Some((_, first)) = recommended.next() else { return };
    for (place, _) in recommended {
        let message = format!("`{}` is recommended already: recommend one plan for each audience", first.id);
        report.add(format!("/plans/{place}/recommended"), message);
    }
}

/// A plan that names an unknown feature has probably misspelt the missing one, which is reported where it stands.
fn check_features(catalog: &Catalog, less: &Plan, more: &Plan, path: &str, report: &mut Report) {
    if more.features.iter().any(|id| catalog.feature(id).is_none()) {
        return;
    }
    for id in less.features.iter().filter(|id| catalog.feature(id).is_some() && !more.features.contains(id)) {
        let (less, more) = (&less.id, &more.id);
        let message = format!("`{less}` has `{id}` and `{more}`, which follows it, has not: {}", cure("add it"));
        report.add(format!("{path}/features"), message);
    }
}

fn check_limits(catalog: &Catalog, less: &Plan, more: &Plan, path: &str, report: &mut Report) {
    let misspelt = more.limits.keys().any(|id| catalog.meter(id).is_none());
    for (id, limit) in less.limits.iter().filter(|(id, _)| catalog.meter(id).is_some()) {
        let (less, more_id) = (&less.id, &more.id);
        match more.limits.get(id) {
            Some(more) if !more.covers(*limit) => {
                let message =
                    format!("`{more_id}` includes fewer than `{less}` before it: {}", cure("raise the limit"));
                report.add(format!("{path}/limits/{id}"), message);
            }
            None if !misspelt && Limit::AtMost(0) != *limit => {
                let message =
                    format!("`{less}` includes `{id}` and `{more_id}`, which follows it, does not: {}", cure("add it"));
                report.add(format!("{path}/limits"), message);
            }
            Some(_) | None => {}
        }
    }
}

/// By the seat, more seats may well cost less each; at a flat price, more for less money is a slip of the pen.
fn check_prices(catalog: &Catalog, less: (usize, &Plan), more: (usize, &Plan), report: &mut Report) {
    let flat = |plan: &Plan| plan.is_sold() && plan.seats.is_none() && plan.id != catalog.free_plan;
    if !flat(less.1) || !flat(more.1) {
        return;
    }
    for period in Period::ALL {
        let (Some(less_price), Some(more_price)) = (amount(less, period), amount(more, period)) else { continue };
        let doubtful = report.has(&less_price.path) || report.has(&more_price.path);
        if !doubtful && more_price.amount < less_price.amount {
            let cure = cure("raise the amount");
            let message = format!("this costs less than `{}`, although it comes after it: {cure}", less.1.id);
            report.add(more_price.path, message);
        }
    }
}

/// An amount and where it stands.
struct Placed {
    path: String,
    amount: u32,
}

fn amount((place, plan): (usize, &Plan), period: Period) -> Option<Placed> {
    let index = plan.prices.iter().position(|price| price.period == period)?;
    Some(Placed { path: format!("/plans/{place}/prices/{index}/amount"), amount: plan.prices[index].amount })
}

fn cure(first: &str) -> String {
    format!("{first}, or write the plans from the least to the most")
}
