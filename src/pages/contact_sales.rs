//! How to reach the people who sell what is not bought on the spot.

use leptos::prelude::*;
use leptos_meta::Title;

use super::catalog;
use crate::visitor::at;

/// Whom to write to, and about what.
#[component]
pub fn ContactSalesPage() -> impl IntoView {
    let catalog = catalog();
    let plans = catalog
        .plans
        .iter()
        .filter(|plan| plan.contact_sales)
        .map(|plan| view! { <li><strong>{plan.name.clone()}</strong>": "{plan.summary.clone()}</li> })
        .collect_view();
    let address = catalog.sales_email.clone();
    view! {
        <Title text="Contact sales" />
        <section class="narrow stack">
            <h1>"Talk to sales"</h1>
            {match address {
                Some(address) => view! {
                    <p class="lead">"Tell us how many people will use "{catalog.name.clone()}" and what you need; you will hear from a person within one working day."</p>
                    <ul>{plans}</ul>
                    <p>
                        <a class="button button-primary" href=format!("mailto:{address}?subject={}", "Plans%20and%20pricing")>{format!("Write to {address}")}</a>
                    </p>
                }
                .into_any(),
                None => view! {
                    <p class="lead">"Every plan of "{catalog.name.clone()}" is sold online: choose one and start at once."</p>
                }
                .into_any(),
            }}
            <p><a href=at("/pricing")>"Back to all plans"</a></p>
        </section>
    }
}
