//! Prices: what Stripe would refuse, what nobody can have meant, and the variables that name Stripe's prices.

use std::collections::HashMap;

use super::Report;
use crate::catalog::Catalog;
use crate::money::{Currency, Money};
use crate::plan::{Period, Plan, Price};

pub(super) fn check(catalog: &Catalog, plan: &Plan, path: &str, report: &mut Report) {
    if plan.id == catalog.free_plan {
        return;
    }
    for (place, price) in plan.prices.iter().enumerate() {
        let path = format!("{path}/prices/{place}");
        if plan.prices[..place].iter().any(|earlier| earlier.period == price.period) {
            let message = format!("there is already a {} price: keep one of the two", price.period.as_str());
            report.add(format!("{path}/period"), message);
        }
        if let Some(message) = wrong_amount(price, plan, &catalog.currency) {
            report.add(format!("{path}/amount"), message);
        }
        if let Some(message) = wrong_variable(&price.stripe_price) {
            report.add(format!("{path}/stripePrice"), message);
        }
    }
    check_year(catalog, plan, path, report);
}

fn wrong_amount(price: &Price, plan: &Plan, currency: &Currency) -> Option<String> {
    let amount = price.amount;
    if amount == 0 {
        return Some("a price of 0 is no price: write minor units (3000 for $30), or remove the price".to_owned());
    }
    let step = currency.step();
    if !amount.is_multiple_of(step) {
        let code = currency.code();
        return Some(format!("Stripe charges `{code}` in multiples of {step}: round the amount to one"));
    }
    let least_sale = u64::from(amount) * u64::from(plan.seats.map_or(1, |seats| seats.min.max(1)));
    if let Some(least) = smallest_charge(currency).filter(|least| least_sale < u64::from(*least)) {
        let least = Money::new(i64::from(least), currency.clone());
        let charged = price.money(currency);
        return Some(format!("{charged} is less than {least}, the least that Stripe charges: amounts are minor units"));
    }
    let largest = largest_charge(currency)?;
    (amount > largest).then(|| {
        let largest = Money::new(i64::from(largest), currency.clone());
        format!("{} is more than {largest}, the most that Stripe charges at once", price.money(currency))
    })
}

/// Stripe's smallest charge. Source: Stripe's list of minimum amounts; a currency that it does not list has none here.
fn smallest_charge(currency: &Currency) -> Option<u32> {
    Some(match currency.code() {
        "gbp" => 30,
        "usd" | "eur" | "aud" | "brl" | "cad" | "chf" | "inr" | "jpy" | "nzd" | "sgd" => 50,
        "bgn" => 100,
        "aed" | "myr" | "pln" | "ron" => 200,
        "dkk" => 250,
        "nok" | "sek" => 300,
        "hkd" => 400,
        "mxn" | "thb" => 1_000,
        "czk" => 1_500,
        "huf" => 17_500,
        _ => return None,
    })
}

/// Eight digits, in the currencies for which Stripe allows no more.
fn largest_charge(currency: &Currency) -> Option<u32> {
    match currency.code() {
        "usd" | "eur" | "gbp" | "aud" | "cad" | "chf" | "dkk" | "nok" | "nzd" | "pln" | "sek" | "sgd" => {
            Some(99_999_999)
        }
        _ => None,
    }
}

fn wrong_variable(name: &str) -> Option<String> {
    if name.starts_with("price_") {
        let message = "this is a Stripe price's id: put it into an environment variable and write that variable's name";
        return Some(message.to_owned());
    }
    let is_variable = name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    (!is_variable).then(|| {
        format!(
            "`{name}` cannot name an environment variable: write capital letters, digits and `_`, for example \
             STRIPE_PRO_MONTHLY_PRICE_ID"
        )
    })
}

/// A year against twelve months, and against one.
fn check_year(catalog: &Catalog, plan: &Plan, path: &str, report: &mut Report) {
    let Some(place) = plan.prices.iter().position(|price| price.period == Period::Yearly) else { return };
    let Some(monthly) = plan.price(Period::Monthly) else { return };
    let yearly = &plan.prices[place];
    if monthly.amount == 0 || yearly.amount == 0 {
        return;
    }
    let year = yearly.money(&catalog.currency);
    let month = monthly.money(&catalog.currency);
    let months = Money::new(i64::from(monthly.amount) * 12, catalog.currency.clone());
    let path = format!("{path}/prices/{place}/amount");
    if year.amount > months.amount {
        let most = months.amount;
        report.add(path, format!("{year} a year is dearer than twelve months at {month}: write at most {most}"));
    } else if year.amount <= month.amount {
        let message = format!("{year} for a year is no more than {month} for a month: write what the whole year costs");
        report.add(path, message);
    }
}

/// A variable names one price. Used for two, one of the two would be sold at the other's.
pub(super) fn check_variables(catalog: &Catalog, report: &mut Report) {
    let mut seen = HashMap::new();
    for (place, plan) in catalog.plans.iter().enumerate() {
        for (index, price) in plan.prices.iter().enumerate() {
            let name = price.stripe_price.as_str();
            if let Some(first) = seen.insert(name, &plan.id).filter(|_| wrong_variable(name).is_none()) {
                let message = format!("`{name}` already names a price of `{first}`: each price needs its own variable");
                report.add(format!("/plans/{place}/prices/{index}/stripePrice"), message);
            }
        }
    }
}
