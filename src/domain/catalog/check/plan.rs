//! One plan by itself: its texts, how one gets it, its seats, and the features and meters that it names.

use std::collections::HashSet;

use super::{LARGEST_LIMIT, Report, closest::suggestion, price};
use crate::catalog::Catalog;
use crate::plan::{Audience, Limit, Plan};

/// The largest quantity that Stripe Checkout sells.
const MOST_SEATS: u32 = 999_999;

pub(super) fn check(catalog: &Catalog, plan: &Plan, path: &str, report: &mut Report) {
    report.text(format!("{path}/name"), &plan.name);
    report.text(format!("{path}/summary"), &plan.summary);
    for (place, highlight) in plan.highlights.iter().enumerate() {
        report.text(format!("{path}/highlights/{place}"), highlight);
    }
    check_sale(catalog, plan, path, report);
    price::check(catalog, plan, path, report);
    check_seats(catalog, plan, path, report);
    check_features(catalog, plan, path, report);
    check_limits(catalog, plan, path, report);
}

fn check_sale(catalog: &Catalog, plan: &Plan, path: &str, report: &mut Report) {
    if plan.id == catalog.free_plan {
        return;
    }
    if plan.contact_sales && !plan.prices.is_empty() {
        let message = "a plan with `contactSales` is not bought at checkout: remove its prices, or `contactSales`";
        report.add(format!("{path}/prices"), message);
    }
    let unreachable = !plan.contact_sales && plan.prices.is_empty();
    if unreachable && catalog.sound_free_plan().is_some() {
        let id = &plan.id;
        let message = format!("nobody can get `{id}`: give it prices or `contactSales`, or make it the `freePlan`");
        report.add(path, message);
    }
}

fn check_seats(catalog: &Catalog, plan: &Plan, path: &str, report: &mut Report) {
    let Some(seats) = plan.seats else {
        if plan.audience == Audience::Team && plan.is_sold() {
            let message = "a plan for teams is sold by the seat: add `seats`, for example { \"min\": 1 }, or make it \
                           `individual` to sell it at a flat price";
            report.add(format!("{path}/seats"), message);
        }
        return;
    };
    if plan.id == catalog.free_plan {
        report.add(format!("{path}/seats"), "the free plan has no seats to buy: remove `seats`");
    } else if plan.audience == Audience::Individual {
        let message = "seats are sold to teams only: write \"audience\": \"team\", or remove `seats`";
        report.add(format!("{path}/seats"), message);
    }
    if seats.min == 0 {
        report.add(format!("{path}/seats/min"), "nobody buys 0 seats: start at 1 or more");
    } else if seats.min > MOST_SEATS {
        report.add(format!("{path}/seats/min"), format!("Stripe sells at most {MOST_SEATS} seats: start at fewer"));
    }
    match seats.max {
        Some(max) if max < seats.min => {
            let message = format!("at most {max} is fewer than at least {}: swap them, or raise `max`", seats.min);
            report.add(format!("{path}/seats/max"), message);
        }
        Some(max) if max > MOST_SEATS && seats.min <= MOST_SEATS => {
            let message = format!("Stripe sells at most {MOST_SEATS} seats: write that or fewer, or leave `max` out");
            report.add(format!("{path}/seats/max"), message);
        }
        _ => {}
    }
}

fn check_features(catalog: &Catalog, plan: &Plan, path: &str, report: &mut Report) {
    let mut seen = HashSet::new();
    for (place, id) in plan.features.iter().enumerate() {
        let path = format!("{path}/features/{place}");
        if catalog.feature(id).is_none() {
            let cure = suggestion(id.as_str(), catalog.features.iter().map(|feature| feature.id.as_str()), "features");
            report.add(path, format!("there is no feature `{id}`: {cure}"));
        } else if !seen.insert(id) {
            report.add(path, format!("`{id}` is named twice: once is enough"));
        }
    }
}

fn check_limits(catalog: &Catalog, plan: &Plan, path: &str, report: &mut Report) {
    for (id, limit) in &plan.limits {
        let path = format!("{path}/limits/{id}");
        if catalog.meter(id).is_none() {
            let cure = suggestion(id.as_str(), catalog.meters.iter().map(|meter| meter.id.as_str()), "meters");
            report.add(path, format!("there is no meter `{id}`: {cure}"));
        } else if matches!(limit, Limit::AtMost(most) if *most > LARGEST_LIMIT) {
            let message = format!("{LARGEST_LIMIT} is the largest limit: write fewer, or \"unlimited\"");
            report.add(path, message);
        }
    }
}
