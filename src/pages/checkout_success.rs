//! The customer is back from Stripe: activates the plan at once, and says so.

use leptos::prelude::*;
use leptos_meta::Title;

use super::{query, when_loaded};
use crate::components::activating::CheckAgain;
use crate::components::notice::{Notice, Tone};
use crate::error::AppError;

/// How the activation stands.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Activation {
    active: bool,
    tier_name: String,
    until: Option<String>,
}

/// Asks Stripe how the checkout ended and activates the plan. Doing it again changes nothing.
#[server(prefix = "/pages", endpoint = "activate")]
async fn activate(session: String) -> Result<Activation, AppError> {
    let ctx = crate::server::pages::Ctx::signed_in()?;
    let done = ctx.app.activation(&ctx.account, &session).await.map_err(crate::server::error::Error::into_app)?;
    Ok(Activation { active: done.active, tier_name: done.tier_name, until: done.trial_until })
}

/// Thanks, and what now.
#[component]
pub fn CheckoutSuccessPage() -> impl IntoView {
    let session = query("session_id").unwrap_or_default();
    let activation = Resource::new_blocking(move || session.clone(), activate);
    view! {
        <Title text="Thank you" />
        {when_loaded(activation, |activation| view! { <Outcome activation /> })}
    }
}

#[component]
fn Outcome(activation: Activation) -> impl IntoView {
    if !activation.active {
        return view! {
            <section class="narrow stack">
                <h1>"Activating…"</h1>
                <Notice tone=Tone::Info>
                    "Your payment is being confirmed. This page looks again by itself; if nothing has changed in a few minutes, contact us and name this page’s address."
                </Notice>
                <CheckAgain />
            </section>
        }
        .into_any();
    }
    view! {
        <section class="narrow stack">
            <p class="big-tick" aria-hidden="true">{crate::components::icons::Icon::Check.view()}</p>
            <h1>{format!("Welcome to {}", activation.tier_name)}</h1>
            <p class="lead">
                {match activation.until {
                    Some(until) => format!("Your trial runs until {until}. Everything in the plan is unlocked now."),
                    None => "Your payment went through and everything in the plan is unlocked now.".to_owned(),
                }}
            </p>
            <div class="actions">
                <a class="button button-primary" href="/dashboard">"Go to dashboard"</a>
                <a class="button" href="/settings/billing">"See billing settings"</a>
            </div>
        </section>
    }
    .into_any()
}
