//! Packs of credits: what they are of, how much they hold, and what they cost.

use super::closest::suggestion;
use super::{LARGEST_LIMIT, Report, price};
use crate::catalog::{Catalog, Pack};
use crate::plan::Limit;

pub(super) fn check(catalog: &Catalog, report: &mut Report) {
    report.unique(catalog.packs.iter().map(|pack| pack.id.as_str()), "pack", |place| format!("/packs/{place}/id"));
    for (place, pack) in catalog.packs.iter().enumerate() {
        let path = format!("/packs/{place}");
        report.text(format!("{path}/name"), &pack.name);
        check_meter(catalog, pack, &path, report);
        check_quantity(pack, &path, report);
        if let Some(message) = price::wrong_amount(pack.amount, 1, "pack", &catalog.currency) {
            report.add(format!("{path}/amount"), message);
        }
        if let Some(message) = price::wrong_variable(&pack.stripe_price) {
            report.add(format!("{path}/stripePrice"), message);
        }
        if pack.valid_days == Some(0) {
            let message = "after 0 days it is lost before it can be used: write at least 1, or leave `validDays` out";
            report.add(format!("{path}/validDays"), message);
        }
    }
}

fn check_meter(catalog: &Catalog, pack: &Pack, path: &str, report: &mut Report) {
    let id = &pack.meter;
    let path = format!("{path}/meter");
    if catalog.meter(id).is_none() {
        let cure = suggestion(id.as_str(), catalog.meters.iter().map(|meter| meter.id.as_str()), "meters");
        report.add(path, format!("there is no meter `{id}`: {cure}"));
        return;
    }
    let mut limits = catalog.plans.iter().map(|plan| catalog.limit(&plan.id, id));
    if !catalog.plans.is_empty() && limits.all(|limit| matches!(limit, Limit::Unlimited(_))) {
        let message =
            format!("`{id}` is unlimited in every plan, so nobody needs more: remove the pack, or limit a plan");
        report.add(path, message);
    }
}

fn check_quantity(pack: &Pack, path: &str, report: &mut Report) {
    let path = format!("{path}/quantity");
    if pack.quantity == 0 {
        report.add(path, "a pack of 0 holds nothing: write how much it gives, or remove the pack");
    } else if pack.quantity > LARGEST_LIMIT {
        report.add(path, format!("{LARGEST_LIMIT} is the largest quantity: write that or fewer"));
    }
}
