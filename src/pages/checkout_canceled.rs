//! Back from Stripe without having paid: nothing happened, and the same plan is one click away.

use domain::plan::PlanId;
use leptos::prelude::*;
use leptos_meta::Title;

use super::{catalog, period_in_query, query};
use crate::visitor::at;

/// Nothing was charged.
#[component]
pub fn CheckoutCanceledPage() -> impl IntoView {
    let catalog = catalog();
    let plan = query("plan").and_then(|plan| PlanId::parse(&plan).ok());
    let plan = plan.and_then(|plan| catalog.plan(&plan).filter(|plan| plan.is_sold()).cloned());
    let period = period_in_query().as_str();
    view! {
        <Title text="Checkout canceled" />
        <section class="narrow stack">
            <h1>"Nothing was charged"</h1>
            <p class="lead">"You left the checkout before it was complete, so nothing has changed."</p>
            <div class="actions">
                {plan.map(|plan| view! {
                    <a class="button button-primary" href=at(format!("/checkout/{}?period={period}", plan.id))>
                        {format!("Back to {}", plan.name)}
                    </a>
                })}
                <a class="button" href=at(format!("/pricing?period={period}"))>"See all plans"</a>
                <a class="button" href=at("/contact-sales")>"Ask us a question"</a>
            </div>
        </section>
    }
}
