//! The last page before Stripe: what is bought, how often and when it is charged.

use domain::plan::{Period, PlanId};
use domain::role::Permission;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

use super::new_organization::NewOrganization;
use super::{period_in_query, query, visitor, when_loaded};
use crate::components::order_summary::{OrderSummary, Terms};
use crate::error::AppError;
use crate::visitor::{address_in, at};

/// What the page shows.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub enum CheckoutView {
    /// The order.
    Order(Box<OrderView>),
    /// The plan is for teams, and this is one person's own organization.
    ForTeams {
        /// Which plan.
        plan: PlanId,
        /// What it is called.
        name: String,
    },
}

/// What the page shows of an order.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct OrderView {
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
    if let Some((plan, name)) = ctx.app.for_teams(&ctx.account, &plan) {
        return Ok(CheckoutView::ForTeams { plan, name });
    }
    let terms = ctx.app.checkout_terms(&ctx.account, &plan).await.map_err(crate::server::error::Error::into_app)?;
    Ok(CheckoutView::Order(Box::new(OrderView {
        plan: terms.plan.id,
        name: terms.plan.name,
        summary: terms.plan.summary,
        organization: ctx.account.organization_name,
        email: ctx.account.email,
        terms: terms.terms,
    })))
}

/// The order, or whom it needs first.
#[component]
pub fn CheckoutPage() -> impl IntoView {
    let plan = use_params_map().read_untracked().get("plan").unwrap_or_default();
    let order = Resource::new_blocking(move || plan.clone(), load_checkout);
    view! {
        <Title text="Checkout" />
        {when_loaded(order, |view| match view {
            CheckoutView::Order(order) => view! { <Order order=*order /> }.into_any(),
            CheckoutView::ForTeams { plan, name } => view! { <ForTeams plan name /> }.into_any(),
        })}
    }
}

/// The organizations that it can be bought for, and a form that makes one and goes on to its checkout.
#[component]
fn ForTeams(plan: PlanId, name: String) -> impl IntoView {
    let asked = ["period", "seats"].into_iter().filter_map(|field| Some((field, query(field)?)));
    let order: Vec<_> = [("plan", plan.to_string())].into_iter().chain(asked).collect();
    let teams = visitor().account.map(|account| account.organizations).unwrap_or_default();
    let teams: Vec<_> = teams.into_iter().skip(1).filter(|team| team.role.may(Permission::ManageBilling)).collect();
    let links = teams.iter().map(|team| {
        let address = order_address(&order);
        view! { <li><a href=address_in(&team.id, &address)>{team.name.clone()}</a></li> }
    });
    view! {
        <div class="narrow stack">
            <header class="page-head">
                <h1>{format!("{name} is for teams")}</h1>
                <p class="lead">"Make an organization for yours and buy it there. You invite the others afterwards."</p>
            </header>
            {(!teams.is_empty()).then(|| view! {
                <section class="card" aria-labelledby="teams">
                    <h2 id="teams">"Buy it for"</h2>
                    <ul>{links.collect_view()}</ul>
                </section>
            })}
            <NewOrganization back="/pricing" order=order.clone() />
        </div>
    }
}

/// The checkout of an order: `plan` first, then what else is asked for.
pub fn order_address(order: &[(&'static str, String)]) -> String {
    let field = |name| order.iter().find(|(field, _)| *field == name).map(|(_, value)| value.as_str());
    let plan = field("plan").unwrap_or_default();
    let period = field("period").and_then(Period::parse).unwrap_or_default();
    let seats = field("seats").and_then(|seats| seats.parse::<u32>().ok());
    let seats = seats.map(|seats| format!("&seats={seats}")).unwrap_or_default();
    format!("/checkout/{plan}?period={}{seats}", period.as_str())
}

#[component]
fn Order(order: OrderView) -> impl IntoView {
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
