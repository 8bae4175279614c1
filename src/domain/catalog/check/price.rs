//! Prices: what Stripe would refuse, what nobody can have meant, and the variables that name Stripe's prices.

use std::collections::HashMap;

use super::Report;
use crate::catalog::Catalog;
use crate::money::{Currency, Money};
use crate::plan::{Period, Plan};

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
        let least_bought = plan.seats.map_or(1, |seats| seats.min.max(1));
        if let Some(message) = wrong_amount(price.amount, least_bought, "price", &catalog.currency) {
            report.add(format!("{path}/amount"), message);
        }
        if let Some(message) = wrong_variable(&price.stripe_price) {
            report.add(format!("{path}/stripePrice"), message);
        }
    }
    check_year(catalog, plan, path, report);
}

/// What is wrong with the amount of a price or pack of which one buys at least so many at once.
pub(super) fn wrong_amount(amount: u32, least_bought: u32, what: &str, currency: &Currency) -> Option<String> {
    if amount == 0 {
        return Some(format!("a price of 0 is no price: write minor units (3000 for $30), or remove the {what}"));
    }
    let step = currency.step();
    if !amount.is_multiple_of(step) {
        let code = currency.code();
        return Some(format!("Stripe charges `{code}` in multiples of {step}: round the amount to one"));
    }
    let money = |amount: u32| Money::new(i64::from(amount), currency.clone());
    let least_sale = u64::from(amount) * u64::from(least_bought);
    if let Some(least) = smallest_charge(currency).filter(|least| least_sale < u64::from(*least)) {
        let (charged, least) = (money(amount), money(least));
        return Some(format!("{charged} is less than {least}, the least that Stripe charges: amounts are minor units"));
    }
    let largest = largest_charge(currency)?;
    (amount > largest).then(|| {
        let (charged, largest) = (money(amount), money(largest));
        format!("{charged} is more than {largest}, the most that Stripe charges at once")
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

pub(super) fn wrong_variable(name: &str) -> Option<String> {
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
    let prices = catalog.plans.iter().enumerate().flat_map(|(place, plan)| {
        let path = move |index| format!("/plans/{place}/prices/{index}/stripePrice");
        let owner = format!("a price of `{}`", plan.id);
        plan.prices.iter().enumerate().map(move |(index, price)| (&price.stripe_price, path(index), owner.clone()))
    });
    let packs = catalog.packs.iter().enumerate().map(|(place, pack)| {
        (&pack.stripe_price, format!("/packs/{place}/stripePrice"), format!("the price of the pack `{}`", pack.id))
    });
    let mut seen = HashMap::new();
    for (name, path, owner) in prices.chain(packs).filter(|(name, ..)| wrong_variable(name).is_none()) {
        if let Some(first) = seen.insert(name, owner) {
            report.add(path, format!("`{name}` already names {first}: each price needs its own variable"));
        }
    }
}
