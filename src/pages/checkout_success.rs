//! The customer is back from Stripe. The plan has been activated before this page is rendered, so that everything on
//! it, the header included, shows the tier that counts now.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::app::Findings;
use crate::components::activating::CheckAgain;
use crate::components::icons::Icon;
use crate::components::notice::{Notice, Tone};
use crate::error::AppError;
use crate::pages::failure::FailurePage;
use crate::visitor::at;

/// How the activation after a checkout stands.
#[derive(Clone, Debug)]
pub struct Activation {
    /// Whether the plan is active.
    pub active: bool,
    /// The tier's name.
    pub tier_name: String,
    /// When the trial ends, in words, where there is one.
    pub trial_until: Option<String>,
}

/// Thanks, and what now.
#[component]
pub fn CheckoutSuccessPage() -> impl IntoView {
    match use_context::<Findings>().and_then(|findings| findings.activation) {
        Some(Activation { active: true, tier_name, trial_until }) => {
            view! { <Active tier_name trial_until /> }.into_any()
        }
        Some(_) => view! { <Activating /> }.into_any(),
        None => view! { <FailurePage error=AppError::not_found() /> }.into_any(),
    }
}

#[component]
fn Activating() -> impl IntoView {
    view! {
        <Title text="Activating" />
        <section class="narrow stack">
            <h1>"Activating…"</h1>
            <Notice tone=Tone::Info>
                "Your payment is being confirmed. This page looks again by itself; if nothing has changed in a few minutes, contact us and name this page’s address."
            </Notice>
            <CheckAgain />
        </section>
    }
}

#[component]
fn Active(tier_name: String, trial_until: Option<String>) -> impl IntoView {
    view! {
        <Title text="Thank you" />
        <section class="narrow stack">
            <p class="big-tick" aria-hidden="true">{Icon::Check.view()}</p>
            <h1>{format!("Welcome to {tier_name}")}</h1>
            <p class="lead">
                {match trial_until {
                    Some(until) => format!("Your trial runs until {until}. Everything in the plan is unlocked now."),
                    None => "Your payment went through and everything in the plan is unlocked now.".to_owned(),
                }}
            </p>
            <div class="actions">
                <a class="button button-primary" href=at("/dashboard")>"Go to dashboard"</a>
                <a class="button" href=at("/settings/billing")>"See billing settings"</a>
            </div>
        </section>
    }
}
