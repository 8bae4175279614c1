//! One plan of the pricing page.

use std::sync::Arc;

use domain::catalog::Catalog;
use domain::money::Currency;
use domain::plan::{Limit, Period, Plan};
use leptos::prelude::*;

use super::icons::Icon;
use super::period::{Price, PriceText};
use crate::visitor::at;

/// What the card's button does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offer {
    /// The plan that the organization is on.
    Current,
    /// Goes to checkout, with these words.
    Buy(&'static str),
    /// Goes to what a change of the running subscription would cost, with these words.
    Change(&'static str),
    /// Goes to the contact form.
    ContactSales,
    /// Signs up for nothing to pay.
    Free,
    /// Nothing to do, for this reason.
    Refused(&'static str),
}

/// A plan with its price, what it includes and the button.
#[component]
pub fn PlanCard(
    /// The plan.
    plan: Plan,
    /// Names and units.
    catalog: Arc<Catalog>,
    /// The period in the URL.
    period: Period,
    /// The button.
    offer: Offer,
) -> impl IntoView {
    let class = if plan.recommended { "plan plan-recommended" } else { "plan" };
    let heading = format!("plan-{}", plan.id);
    let labelled = heading.clone();
    let included = included(&plan, &catalog);
    view! {
        <article class=class aria-labelledby=labelled>
            <header class="plan-head">
                <h3 id=heading>{plan.name.clone()}</h3>
                {(offer == Offer::Current).then(|| view! { <span class="badge badge-accent">"Current plan"</span> })}
                {(plan.recommended && offer != Offer::Current)
                    .then(|| view! { <span class="badge badge-accent">"Recommended"</span> })}
            </header>
            <p class="plan-summary">{plan.summary.clone()}</p>
            <div class="plan-price">{price(&plan, &catalog.currency, period)}</div>
            {button(&plan, &offer)}
            <ul class="ticks">
                {included.into_iter().map(|line| view! { <li>{Icon::Check.view()}<span>{line}</span></li> }).collect_view()}
            </ul>
        </article>
    }
}

fn price(plan: &Plan, currency: &Currency, period: Period) -> AnyView {
    let id = plan.id.to_string();
    if plan.contact_sales {
        let seats = plan.seats.map(|seats| format!("{}+ seats, billed as agreed", seats.min));
        return fixed(id, "Custom".to_owned(), seats.unwrap_or_else(|| "Priced to what you need".to_owned()));
    }
    let (Some(monthly), yearly) = (plan.price(Period::Monthly), plan.price(Period::Yearly)) else {
        return fixed(id, domain::money::Money::new(0, currency.clone()).to_string(), "Free for good".to_owned());
    };
    let seat = if plan.seats.is_some() { " per seat" } else { "" };
    let monthly_text = PriceText {
        figure: monthly.money(currency).to_string(),
        unit: format!("{seat} / month"),
        note: "Billed monthly, cancel any time".to_owned(),
    };
    let yearly_text = yearly.map(|price| PriceText {
        figure: price.money(currency).per_month_of_year().to_string(),
        unit: format!("{seat} / month"),
        note: format!("Billed yearly: {}{seat} a year", price.money(currency)),
    });
    let yearly_text = yearly_text.unwrap_or_else(|| monthly_text.clone());
    view! { <Price plan=id monthly=monthly_text yearly=yearly_text initial=period /> }.into_any()
}

fn fixed(id: String, figure: String, note: String) -> AnyView {
    view! {
        <p class="price"><span class="price-figure" data-testid=format!("price-{id}")>{figure}</span></p>
        <p class="price-note">{note}</p>
    }
    .into_any()
}

/// Buttons submit the form around the cards, so the period that the switch shows goes with them.
fn button(plan: &Plan, offer: &Offer) -> AnyView {
    let class = if plan.recommended { "button button-primary" } else { "button" };
    let name = plan.name.clone();
    let to = |address: String, words: &'static str| {
        view! { <button class=class formaction=address>{words}<span class="visually-hidden">{format!(": {name}")}</span></button> }
            .into_any()
    };
    match offer {
        Offer::Current => view! { <a class="button" href=at("/settings/billing")>"Manage plan"</a> }.into_any(),
        Offer::Buy(words) => to(format!("/checkout/{}", plan.id), words),
        Offer::Change(words) => to(format!("/settings/billing/change/{}", plan.id), words),
        // A link: the form around the cards would leave the plan out of the address.
        Offer::ContactSales => view! {
            <a class=class href=format!("/contact-sales?plan={}", plan.id)>"Contact Sales"<span class="visually-hidden">{format!(": {name}")}</span></a>
        }
        .into_any(),
        Offer::Free => {
            view! { <a class="button" href="/auth/login?return_to=%2Fdashboard">"Get started"</a> }.into_any()
        }
        Offer::Refused(reason) => view! { <p class="plan-refused">{*reason}</p> }.into_any(),
    }
}

/// What the plan includes, in lines: seats, limits, features, and what else is promised.
fn included(plan: &Plan, catalog: &Catalog) -> Vec<String> {
    let seats = plan.seats.map(|seats| match seats.max {
        Some(max) => format!("{} to {max} seats", seats.min),
        None => format!("{} seats or more", seats.min),
    });
    let limits = catalog.meters.iter().filter_map(|meter| {
        let limit = plan.limits.get(&meter.id)?;
        (*limit != Limit::AtMost(0)).then(|| meter.line(*limit))
    });
    let features = catalog
        .features
        .iter()
        .filter(|feature| plan.features.contains(&feature.id))
        .map(|feature| feature.name.clone());
    seats.into_iter().chain(limits).chain(features).chain(plan.highlights.iter().cloned()).collect()
}
