//! The billing settings: plan, status, price, dates, and the way to Stripe's portal.

use leptos::prelude::*;
use leptos_meta::Title;

use super::when_loaded;
use crate::components::notice::{Notice, Tone};
use crate::error::AppError;

/// A date that matters: `Renews on` / `21 December 2026`.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct KeyDate {
    /// What happens.
    pub label: String,
    /// When, for people.
    pub text: String,
    /// When, for machines.
    pub iso: String,
}

/// How an organization's billing stands.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct BillingView {
    /// The organization's name.
    pub organization: String,
    /// The tier's name.
    pub tier_name: String,
    /// One sentence on the plan.
    pub summary: String,
    /// `Active`, `Trial` …
    pub status: String,
    /// What deserves a banner.
    pub notice: Option<(Tone, String)>,
    /// `$60 / month`, where something is paid.
    pub price: Option<String>,
    /// How many seats, where the plan has seats.
    pub seats: Option<u32>,
    /// What happens next, and when.
    pub date: Option<KeyDate>,
    /// Whether there is anything to manage at Stripe.
    pub has_customer: bool,
    /// Whether this person may.
    pub may_manage: bool,
}

/// How the billing of the organization stands.
#[server(prefix = "/pages", endpoint = "billing")]
async fn load_billing() -> Result<BillingView, AppError> {
    let ctx = crate::server::pages::Ctx::signed_in()?;
    ctx.app.billing_view(&ctx.account).await.map_err(crate::server::error::Error::into_app)
}

/// The settings.
#[component]
pub fn BillingPage() -> impl IntoView {
    let billing = Resource::new_blocking(|| (), |()| load_billing());
    view! {
        <Title text="Billing" />
        {when_loaded(billing, |billing| view! { <Settings billing /> })}
    }
}

#[component]
fn Settings(billing: BillingView) -> impl IntoView {
    let paying = billing.price.is_some();
    view! {
        <header class="page-head">
            <h1>"Billing"</h1>
            <p class="lead">{format!("Plan and payment of {}.", billing.organization)}</p>
        </header>
        {billing.notice.map(|(tone, text)| view! { <Notice tone>{text}</Notice> })}
        <section class="card" aria-labelledby="plan">
            <div class="card-head">
                <div>
                    <h2 id="plan"><span data-testid="current-tier">{billing.tier_name}</span>" plan"</h2>
                    <p class="muted">{billing.summary}</p>
                </div>
                <span class="badge badge-accent">{billing.status}</span>
            </div>
            <dl class="facts">
                {billing.price.map(|price| view! { <div><dt>"Price"</dt><dd>{price}</dd></div> })}
                {billing.seats.map(|seats| view! { <div><dt>"Seats"</dt><dd>{seats}</dd></div> })}
                {billing.date.map(|date| view! { <div><dt>{date.label}</dt><dd><time datetime=date.iso>{date.text}</time></dd></div> })}
            </dl>
            <div class="actions">
                {(!paying).then(|| view! { <a class="button button-primary" href="/pricing">"See plans"</a> })}
                {(billing.has_customer && billing.may_manage).then(|| view! {
                    <form method="post" action="/api/billing/portal">
                        <button class="button" type="submit">"Manage payment and invoices"</button>
                    </form>
                })}
            </div>
            {(!billing.may_manage).then(|| view! {
                <p class="muted small">"Owners, admins and billing members can change the plan and the payment."</p>
            })}
        </section>
    }
}
