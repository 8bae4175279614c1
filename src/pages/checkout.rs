//! The last page before Stripe: what is bought, how often and when it is charged.

use domain::plan::PlanId;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

use super::{period_in_query, query, when_loaded};
use crate::components::order_summary::{OrderSummary, Terms};
use crate::error::AppError;
use crate::visitor::at;

/// What the page shows of an order.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct CheckoutView {
    plan: PlanId,
    name: String,
    summary: String,
    organization: String,
    email: String,
    terms: Terms,
}

/// The terms of a plan for whoever asks.
#[server(prefix = "/pages", endpoint = "checkout")]
async fn load_checkout(plan: String) -> Result<CheckoutView, AppError> {
    let ctx = crate::server::pages::Ctx::signed_in()?;
    let terms = ctx.app.checkout_terms(&ctx.account, &plan).await.map_err(crate::server::error::Error::into_app)?;
    Ok(CheckoutView {
        plan: terms.plan.id,
        name: terms.plan.name,
        summary: terms.plan.summary,
        organization: ctx.account.organization_name,
        email: ctx.account.email,
        terms: terms.terms,
    })
}

/// The order.
#[component]
pub fn CheckoutPage() -> impl IntoView {
    let plan = use_params_map().read_untracked().get("plan").unwrap_or_default();
    let order = Resource::new_blocking(move || plan.clone(), load_checkout);
    view! {
        <Title text="Checkout" />
        {when_loaded(order, |order| view! { <Order order /> })}
    }
}

#[component]
fn Order(order: CheckoutView) -> impl IntoView {
    let seats = order.terms.seats.map_or(1, |range| {
        let asked = query("seats").and_then(|seats| seats.parse().ok()).unwrap_or(range.min);
        range.check(asked).unwrap_or(range.min)
    });
    let trial = order.terms.trial_days > 0;
    view! {
        <div class="narrow">
            <header class="page-head">
                <h1>{format!("Subscribe to {}", order.name)}</h1>
                <p class="lead">{order.summary}</p>
            </header>
            <form class="card stack" method="post" action=at("/api/checkout")>
                <input type="hidden" name="plan" value=order.plan.to_string() />
                <dl class="facts">
                    <div><dt>"Organization"</dt><dd>{order.organization}</dd></div>
                    <div><dt>"Receipts go to"</dt><dd>{order.email}</dd></div>
                </dl>
                <OrderSummary terms=order.terms initial=period_in_query() initial_seats=seats />
                <button class="button button-primary button-large button-wide" type="submit">
                    {if trial { "Continue to start the trial" } else { "Continue to payment" }}
                </button>
                <p class="muted small">
                    "You enter your card on Stripe’s page; it never reaches us. A promotion code can be used there. "
                    {trial.then_some("Cancel before the trial ends and nothing is charged. ")}
                    "Tax may be added."
                </p>
            </form>
            <p><a href=at("/pricing")>"Back to all plans"</a></p>
        </div>
    }
}
