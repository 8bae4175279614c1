//! The switch between monthly and yearly, and the prices that follow it.
//!
//! Without scripts the switch is two radio buttons of a form: whatever the form submits next (another view of the
//! page, or a checkout) carries the period in its URL. With scripts the prices follow at once.

#![expect(missing_docs, reason = "the island macro makes a struct for the properties, without docs")]

use domain::plan::Period;
use leptos::prelude::*;

/// Gives the period to the prices inside it.
#[island]
pub fn PeriodSwitch(
    /// The period in the URL.
    initial: Period,
    /// The largest saving of a year, in percent.
    saving: Option<u32>,
    /// What follows the switch.
    children: Children,
) -> impl IntoView {
    let period = RwSignal::new(initial);
    provide_context(period.read_only());
    let group = NodeRef::<leptos::html::Fieldset>::new();
    let follow = move |input: &leptos::web_sys::Element| {
        if let Some(chosen) = input.get_attribute("value").as_deref().and_then(Period::parse) {
            period.set(chosen);
            keep_in_url(chosen);
        }
    };
    // Somebody may have switched before the script was there.
    Effect::new(move || {
        if let Some(Ok(Some(checked))) = group.get().map(|group| group.query_selector("input:checked"))
            && checked.get_attribute("value").as_deref() != Some(initial.as_str())
        {
            follow(&checked);
        }
    });
    let on_change = move |event: leptos::ev::Event| follow(&event_target::<leptos::web_sys::Element>(&event));
    let option = move |choice: Period, test_id: Option<&'static str>| {
        let words = match choice {
            Period::Monthly => "Monthly",
            Period::Yearly => "Yearly",
        };
        let saved = (choice == Period::Yearly).then_some(saving).flatten();
        view! {
            <label class="segment" data-testid=test_id>
                <input type="radio" name="period" value=choice.as_str() checked=choice == initial />
                <span>{words}</span>
                {saved.map(|percent| view! { <span class="saving">{format!("Save {percent}%")}</span> })}
            </label>
        }
    };
    view! {
        <fieldset class="segments" node_ref=group on:change=on_change>
            <legend class="visually-hidden">"Billing period"</legend>
            {option(Period::Monthly, None)}
            {option(Period::Yearly, Some("billing-toggle"))}
        </fieldset>
        {children()}
    }
}

/// Keeps the period when the page is reloaded or shared.
fn keep_in_url(period: Period) {
    let query = window().location().search().unwrap_or_default();
    // Whatever else the address says stays.
    let others =
        query.trim_start_matches('?').split('&').filter(|part| !part.is_empty() && !part.starts_with("period="));
    let url = others.fold(format!("?period={}", period.as_str()), |url, part| format!("{url}&{part}"));
    if let Ok(history) = window().history() {
        // A browser may refuse this in a sandboxed frame; the page works all the same.
        drop(history.replace_state_with_url(&leptos::wasm_bindgen::JsValue::NULL, "", Some(&url)));
    }
}

/// A price for each period, as text.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PriceText {
    /// The large figure.
    pub figure: String,
    /// What it is for: `per seat / month`.
    pub unit: String,
    /// The line below: how it is billed.
    pub note: String,
}

/// A price that follows the switch.
#[island]
pub fn Price(
    /// The plan, to find the figure by.
    plan: String,
    /// The price of a month.
    monthly: PriceText,
    /// The price of a year.
    yearly: PriceText,
    /// The period in the URL, where no switch is around.
    initial: Period,
) -> impl IntoView {
    // What is on the page is the price of the period in the URL; the switch may have moved on before this wakes.
    let shown = RwSignal::new(initial);
    if let Some(period) = use_context::<ReadSignal<Period>>() {
        Effect::new(move || shown.set(period.get()));
    }
    let now = Memo::new(move |_| match shown.get() {
        Period::Monthly => monthly.clone(),
        Period::Yearly => yearly.clone(),
    });
    view! {
        <p class="price">
            <span class="price-figure" data-testid=format!("price-{plan}")>{move || now.get().figure}</span>
            <span class="price-unit">{move || now.get().unit}</span>
        </p>
        <p class="price-note">{move || now.get().note}</p>
    }
}
