//! How a meter stands: the numbers, a bar, a warning where it is due, and when the count starts again.

use leptos::prelude::*;

use super::icons::Icon;

/// A meter in words.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct MeterState {
    /// Its name in addresses.
    pub id: String,
    /// What people read.
    pub name: String,
    /// `12 of 40 build hours used`, or that there is no limit.
    pub amount: String,
    /// How much of all that there is, in percent; none without a limit.
    pub percent: Option<u32>,
    /// Whether nothing of it is used.
    pub untouched: bool,
    /// That little is left, or nothing.
    pub warning: Option<Warning>,
    /// How long it lasts at this pace.
    pub forecast: Option<String>,
    /// When it is reset, what there is on top of the plan, and what is held.
    pub notes: Vec<String>,
}

/// That little is left, or nothing.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Warning {
    /// Whether it is the last one.
    pub critical: bool,
    /// In words.
    pub text: String,
}

/// A meter. The bar is decoration: the words beside it say the same.
#[component]
pub fn MeterBar(
    /// How it stands.
    meter: MeterState,
) -> impl IntoView {
    let level = match &meter.warning {
        None => "meter",
        Some(warning) if warning.critical => "meter meter-critical",
        Some(_) => "meter meter-warning",
    };
    let heading = format!("meter-{}", meter.id);
    view! {
        <div class=level role="group" aria-labelledby=heading.clone()>
            <div class="meter-head">
                <h3 id=heading.clone()>{meter.name}</h3>
                <span class="meter-amount">{meter.amount}</span>
            </div>
            {meter.percent.map(|percent| bar(percent, meter.untouched))}
            {meter.warning.map(|warning| view! {
                <p class="meter-alert">{Icon::Warning.view()}<span>{warning.text}</span></p>
            })}
            {meter.notes.into_iter().chain(meter.forecast).map(|note| view! { <p class="meter-note">{note}</p> }).collect_view()}
        </div>
    }
}

/// Drawn with attributes: the content security policy lets no style in.
fn bar(percent: u32, untouched: bool) -> impl IntoView {
    // A little is not nothing.
    let words = if percent == 0 && !untouched { "under 1% used".to_owned() } else { format!("{percent}% used") };
    let width = if untouched { 0 } else { percent.clamp(1, 100) };
    view! {
        <div class="meter-line">
            <svg class="meter-bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
                <rect class="meter-track" width="100" height="8" />
                <rect class="meter-fill" width=width.to_string() height="8" />
            </svg>
            <span class="meter-percent">{words}</span>
        </div>
    }
}
