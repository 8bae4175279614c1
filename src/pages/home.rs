//! The landing page.

use leptos::prelude::*;
use leptos_meta::{Meta, Title};

use super::{catalog, query, visitor};
use crate::components::icons::Icon;
use crate::components::notice::{Notice, Tone};
use crate::visitor::at;

/// What the product is, and the way to the plans.
#[component]
pub fn HomePage() -> impl IntoView {
    let catalog = catalog();
    let signed_in = visitor().account.is_some();
    let trial = catalog.trial.map(|trial| format!("{} days free on every paid plan. ", trial.days));
    let features = catalog
        .features
        .iter()
        .take(6)
        .map(|feature| view! {
            <li class="tile">{Icon::Check.view()}<div><h3>{feature.name.clone()}</h3><p>{feature.description.clone()}</p></div></li>
        })
        .collect_view();
    view! {
        <Title text="" />
        <Meta name="description" content=catalog.tagline.clone() />
        {(query("signin").as_deref() == Some("declined")).then(|| view! {
            <Notice tone=Tone::Info>"You were not signed in. Nothing has changed; try again whenever you like."</Notice>
        })}
        {(query("account").as_deref() == Some("deleted")).then(|| view! {
            <Notice tone=Tone::Info>"Your account is deleted. Your account at the sign-in provider is still there."</Notice>
        })}
        <section class="hero">
            <h1>{catalog.tagline.clone()}</h1>
            <p class="lead">{trial}"Change or cancel at any time."</p>
            <div class="actions">
                <a class="button button-primary button-large" href=at("/pricing")>"See plans and pricing"</a>
                {if signed_in {
                    view! { <a class="button button-large" href=at("/dashboard")>"Go to dashboard"</a> }
                } else {
                    view! { <a class="button button-large" href=at("/auth/login?return_to=%2Fdashboard")>"Sign in"</a> }
                }}
            </div>
        </section>
        <section aria-labelledby="what">
            <h2 id="what">"What you get"</h2>
            <ul class="tiles">{features}</ul>
        </section>
    }
}
