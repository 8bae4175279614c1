//! What somebody is about to buy: period, seats, and what will be charged when.
//!
//! It is a part of the checkout form. Without scripts it shows the order as the URL has it and the server checks what
//! is sent; with scripts the sums follow each change, by the same rules.

#![expect(missing_docs, reason = "the island macro makes a struct for the properties, without docs")]

use domain::money::{Currency, Money};
use domain::plan::{Period, Seats};
use leptos::html::{Fieldset, Input};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

/// The terms that the sums follow from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Terms {
    /// The price of each period in which the plan is sold, in minor units.
    pub prices: Vec<(Period, u32)>,
    /// What the prices are in.
    pub currency: Currency,
    /// How many seats may be bought, where the plan has seats.
    pub seats: Option<Seats>,
    /// Length of the trial, 0 for none.
    pub trial_days: u32,
    /// When the trial would end, in words.
    pub trial_ends: String,
}

impl Terms {
    fn total(&self, period: Period, seats: u32) -> Option<Money> {
        let (_, amount) = self.prices.iter().find(|(of, _)| *of == period)?;
        Money::new(i64::from(*amount), self.currency.clone()).times(u64::from(seats))
    }
}

/// Period, seats and sums.
#[island]
pub fn OrderSummary(
    /// What the sums follow from.
    terms: Terms,
    /// The period in the URL.
    initial: Period,
    /// The seats in the URL, or the fewest.
    initial_seats: u32,
) -> impl IntoView {
    let period = RwSignal::new(initial);
    let seats = RwSignal::new(Some(initial_seats));
    let terms = StoredValue::new(terms);
    let (periods, seats_input) = (NodeRef::<Fieldset>::new(), NodeRef::<Input>::new());
    // Somebody may have chosen before the script was there.
    Effect::new(move || {
        if let Some(Ok(Some(checked))) = periods.get().map(|group| group.query_selector("input:checked"))
            && let Some(chosen) = checked.get_attribute("value").as_deref().and_then(Period::parse)
        {
            period.set(chosen);
        }
        if let Some(input) = seats_input.get() {
            seats.set(input.value().trim().parse().ok());
        }
    });
    let range = terms.with_value(|terms| terms.seats);
    let refused = move || {
        range.and_then(|range| match seats.get() {
            None => Some("Write a whole number of seats.".to_owned()),
            Some(number) => range.check(number).err().map(|refused| format!("{refused}.")),
        })
    };
    let total = move || match (refused(), seats.get()) {
        (None, Some(number)) => terms.with_value(|terms| terms.total(period.get(), number)),
        _ => None,
    };
    let total_text = move || total().map_or_else(|| "–".to_owned(), |total| total.to_string());
    view! {
        <fieldset class="choices" node_ref=periods>
            <legend>"Billing period"</legend>
            {terms.with_value(|terms| terms.prices.clone())
                .into_iter()
                .map(|(choice, amount)| {
                    let price = terms.with_value(|terms| Money::new(i64::from(amount), terms.currency.clone()));
                    let per = if range.is_some() { " per seat" } else { "" };
                    view! {
                        <label class="choice">
                            <input type="radio" name="period" value=choice.as_str() checked=choice == initial
                                on:change=move |_| period.set(choice) />
                            <span class="choice-name">{match choice { Period::Monthly => "Monthly", Period::Yearly => "Yearly" }}</span>
                            <span>{format!("{price}{per} / {}", choice.unit())}</span>
                        </label>
                    }
                })
                .collect_view()}
        </fieldset>
        {range.map(|range| view! {
            <div class="field">
                <label for="seats">"Seats"</label>
                <input id="seats" name="seats" node_ref=seats_input type="number" inputmode="numeric" required
                    min=range.min max=range.max value=initial_seats aria-describedby="seats-note"
                    aria-invalid=move || refused().is_some().to_string()
                    on:input=move |event| seats.set(event_target_value(&event).trim().parse().ok()) />
                <p id="seats-note" class="field-note" aria-live="polite">
                    {move || refused().unwrap_or_else(|| match range.max {
                        Some(max) => format!("{} to {max} seats on this plan.", range.min),
                        None => format!("{} seats or more on this plan.", range.min),
                    })}
                </p>
            </div>
        })}
        <dl class="sums" aria-live="polite">
            {terms.with_value(|terms| (terms.trial_days > 0).then(|| {
                let (days, ends) = (terms.trial_days, terms.trial_ends.clone());
                view! { <div><dt>{format!("{days}-day trial")}</dt><dd>{format!("free until {ends}")}</dd></div> }
            }))}
            <div><dt>{move || format!("Each {}", period.get().unit())}</dt><dd>{total_text}</dd></div>
            <div class="sums-total">
                <dt>"Due today"</dt>
                <dd>{move || if terms.with_value(|terms| terms.trial_days > 0) {
                    terms.with_value(|terms| Money::new(0, terms.currency.clone()).to_string())
                } else {
                    total_text()
                }}</dd>
            </div>
        </dl>
    }
}
