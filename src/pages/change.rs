//! Changing plan, period or seats: what it does, when, and what it costs to the cent, before anybody confirms.

use domain::change::Timing;
use domain::plan::{Period, PlanId, Seats};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

use super::{query, when_loaded};
use crate::components::notice::{Notice, Tone};
use crate::components::organization_field::OrganizationField;
use crate::error::AppError;
use crate::visitor::at;

/// A change, as somebody considers it.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct ChangeView {
    /// The plan that is wanted.
    pub plan: PlanId,
    /// Its name.
    pub name: String,
    /// What is had: `Pro, monthly`.
    pub from: String,
    /// What is wanted: `Scale, yearly`.
    pub to: String,
    /// The periods in which it is sold, each with its price in words.
    pub periods: Vec<(Period, String)>,
    /// The period that is wanted.
    pub period: Period,
    /// How many seats can be had, where the plan has seats.
    pub seats: Option<Seats>,
    /// How many are wanted.
    pub quantity: u32,
    /// What the change would do, or why it cannot be made.
    pub outcome: Outcome,
}

/// What a change would do.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub enum Outcome {
    /// It takes effect at once.
    Now {
        /// What is on the invoice: each with its amount.
        lines: Vec<(String, String)>,
        /// What is charged today.
        due: String,
        /// Whether that is anything.
        charged: bool,
        /// What is credited, where that is more than what is charged.
        credit: Option<String>,
        /// The moment for which this is right, UTC seconds.
        at: i64,
        /// What is charged next, and when: `$60 on 21 December 2026`.
        next: String,
    },
    /// It takes effect when the period ends.
    Later {
        /// When, in words.
        on: String,
        /// What is charged then.
        next: String,
    },
    /// It cannot be made.
    Refused(String),
}

/// The next invoice is not made yet: what is taken off or added is in it when it is.
const BEFORE: &str = "The next invoice is named before tax, discounts and credit.";

/// What a change would do.
#[server(prefix = "/pages", endpoint = "change")]
async fn load_change(plan: String, period: Option<String>, seats: Option<String>) -> Result<ChangeView, AppError> {
    let ctx = crate::server::pages::Ctx::signed_in()?;
    let view = ctx.app.change_view(&ctx.account, &plan, period.as_deref(), seats.as_deref()).await;
    view.map_err(crate::server::error::Error::into_app)
}

/// The change.
#[component]
pub fn ChangePage() -> impl IntoView {
    let plan = use_params_map().read_untracked().get("plan").unwrap_or_default();
    let (period, seats) = (query("period"), query("seats"));
    let change = Resource::new_blocking(
        move || (plan.clone(), period.clone(), seats.clone()),
        |(plan, period, seats)| load_change(plan, period, seats),
    );
    view! {
        <Title text="Change plan" />
        {when_loaded(change, |change| view! { <Change change /> })}
    }
}

#[component]
fn Change(change: ChangeView) -> impl IntoView {
    let fields = (change.plan.to_string(), change.period, change.quantity);
    view! {
        <div class="narrow stack">
            <header class="page-head">
                <h1>{format!("Change to {}", change.name)}</h1>
                <p class="lead">{format!("From {} to {}.", change.from, change.to)}</p>
            </header>
            <Choices change=change.clone() />
            {match change.outcome {
                Outcome::Refused(why) => view! { <Notice tone=Tone::Warning>{why}</Notice> }.into_any(),
                Outcome::Now { lines, due, charged, credit, at, next } => view! {
                    <section class="card" aria-labelledby="costs">
                        <h2 id="costs">"Today"</h2>
                        <dl class="sums">
                            {lines.into_iter().map(|(what, amount)| view! { <div><dt>{what}</dt><dd>{amount}</dd></div> }).collect_view()}
                            <div class="sums-total"><dt>"Due today"</dt><dd data-testid="due-today">{due}</dd></div>
                            {credit.map(|credit| view! { <div><dt>"Credited to your balance"</dt><dd>{credit}</dd></div> })}
                            <div><dt>"Next invoice"</dt><dd class="long" data-testid="next-invoice">{next}</dd></div>
                        </dl>
                        <p class="muted small">{BEFORE}</p>
                        <Confirm fields timing=Timing::Now moment=Some(at) words=if charged { "Confirm and pay" } else { "Confirm the change" } />
                    </section>
                }
                .into_any(),
                Outcome::Later { on, next } => view! {
                    <section class="card" aria-labelledby="costs">
                        <h2 id="costs">{format!("On {on}")}</h2>
                        <p>{format!("You keep {} until then. Nothing is charged today.", change.from)}</p>
                        <dl class="sums">
                            <div class="sums-total"><dt>"Due today"</dt><dd data-testid="due-today">"Nothing"</dd></div>
                            <div><dt>"Next invoice"</dt><dd class="long" data-testid="next-invoice">{next}</dd></div>
                        </dl>
                        <p class="muted small">{BEFORE}</p>
                        <Confirm fields timing=Timing::PeriodEnd moment=None words="Schedule the change" />
                    </section>
                }
                .into_any(),
            }}
            <p><a href=at("/settings/billing")>"Keep what I have"</a></p>
        </div>
    }
}

/// Period and seats, where there is a choice: shows the page again for another one.
#[component]
fn Choices(change: ChangeView) -> impl IntoView {
    let choice = change.periods.len() > 1 || change.seats.is_some();
    choice.then(|| view! {
        <form class="card stack" method="get" action=format!("/settings/billing/change/{}", change.plan)>
            <OrganizationField />
            <fieldset class="choices">
                <legend>"Billing period"</legend>
                {change.periods.into_iter().map(|(period, price)| view! {
                    <label class="choice">
                        <input type="radio" name="period" value=period.as_str() checked=period == change.period />
                        <span class="choice-name">{match period { Period::Monthly => "Monthly", Period::Yearly => "Yearly" }}</span>
                        <span>{price}</span>
                    </label>
                }).collect_view()}
            </fieldset>
            {change.seats.map(|range| view! {
                <div class="field">
                    <label for="seats">"Seats"</label>
                    <input id="seats" name="seats" type="number" inputmode="numeric" required min=range.min max=range.max value=change.quantity />
                </div>
            })}
            <div class="actions"><button class="button" type="submit">"Show what it costs"</button></div>
        </form>
    })
}

/// The button that does it, with what was shown.
#[component]
fn Confirm(fields: (String, Period, u32), timing: Timing, moment: Option<i64>, words: &'static str) -> impl IntoView {
    let (plan, period, quantity) = fields;
    view! {
        <form method="post" action=at("/api/subscription/change")>
            <input type="hidden" name="plan" value=plan />
            <input type="hidden" name="period" value=period.as_str() />
            <input type="hidden" name="seats" value=quantity />
            <input type="hidden" name="takes_effect" value=timing.as_str() />
            {moment.map(|moment| view! { <input type="hidden" name="proration_date" value=moment /> })}
            <button class="button button-primary button-large button-wide" type="submit">{words}</button>
        </form>
    }
}
