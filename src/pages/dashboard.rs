//! Where a signed-in person lands: the plan and why it is that one, what is used of it, what it unlocks, and what the
//! next one adds.

use leptos::prelude::*;
use leptos_meta::Title;

use super::{visitor, when_loaded};
use crate::components::icons::Icon;
use crate::components::meter_bar::{MeterBar, MeterState};
use crate::components::unlock::{Offer, OfferButton};
use crate::error::AppError;
use crate::visitor::at;

/// What an organization has.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct DashboardView {
    /// The plan that counts.
    pub plan: String,
    /// Why it is that plan, and until when.
    pub reason: String,
    /// Every meter.
    pub meters: Vec<MeterState>,
    /// Every feature, the unlocked ones first.
    pub features: Vec<FeatureLine>,
    /// The next larger plan.
    pub next: Option<NextPlan>,
}

/// A feature in the list.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct FeatureLine {
    /// Its name in addresses.
    pub id: String,
    /// What people read.
    pub name: String,
    /// Whether it is unlocked.
    pub allowed: bool,
    /// Until when, or what would unlock it.
    pub note: Option<String>,
}

/// The next larger plan.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct NextPlan {
    /// What people read.
    pub name: String,
    /// Larger limits and more features, each in a line.
    pub adds: Vec<String>,
    /// Where it is bought, for whoever may.
    pub offer: Option<Offer>,
}

/// What the organization has.
#[server(prefix = "/pages", endpoint = "dashboard")]
async fn load_dashboard() -> Result<DashboardView, AppError> {
    let ctx = crate::server::pages::Ctx::signed_in()?;
    ctx.app.dashboard_view(&ctx.account).await.map_err(crate::server::error::Error::into_app)
}

/// The plan and what is had with it.
#[component]
pub fn DashboardPage() -> impl IntoView {
    let dashboard = Resource::new_blocking(|| (), |()| load_dashboard());
    view! {
        <Title text="Dashboard" />
        {when_loaded(dashboard, |dashboard| view! { <Overview dashboard /> })}
    }
}

#[component]
fn Overview(dashboard: DashboardView) -> impl IntoView {
    let DashboardView { plan, reason, meters, features, next } = dashboard;
    let account = visitor().account;
    let first_name = account.as_ref().and_then(|account| account.name.split(' ').next()).unwrap_or_default().to_owned();
    let organization = account.map(|account| account.organization_name);
    // Where there is little to count, the columns would be far from equally long.
    let beside_usage = meters.len() < 3 && next.is_some();
    view! {
        <header class="page-head">
            <h1>{format!("Hello, {first_name}")}</h1>
            <p class="lead">
                {organization}" is on the " <strong data-testid="current-tier">{plan}</strong>" plan. "
                <span data-testid="tier-reason">{reason}</span>
            </p>
        </header>
        <div class="dashboard">
            <div class="stack">
                {(!meters.is_empty()).then(|| view! { <Usage meters /> })}
                {beside_usage.then(|| view! { <Features features=features.clone() /> })}
            </div>
            <div class="stack">
                {next.map(|next| view! { <Next next /> })}
                {(!beside_usage).then(|| view! { <Features features /> })}
            </div>
        </div>
    }
}

#[component]
fn Usage(meters: Vec<MeterState>) -> impl IntoView {
    view! {
        <section class="card" aria-labelledby="usage">
            <div class="card-head">
                <h2 id="usage">"Usage"</h2>
                <a href=at("/settings/usage")>"See details"<span class="visually-hidden">" of the usage"</span></a>
            </div>
            <div class="meters">{meters.into_iter().map(|meter| view! { <MeterBar meter /> }).collect_view()}</div>
        </section>
    }
}

#[component]
fn Features(features: Vec<FeatureLine>) -> impl IntoView {
    view! {
        <section class="card" aria-labelledby="features">
            <h2 id="features">"Features"</h2>
            <ul class="features">{features.into_iter().map(feature).collect_view()}</ul>
        </section>
    }
}

fn feature(feature: FeatureLine) -> impl IntoView {
    let (class, icon, said) = if feature.allowed {
        ("feature", Icon::Check, "Unlocked: ")
    } else {
        ("feature feature-locked", Icon::Lock, "Locked: ")
    };
    view! {
        <li class=class data-feature=feature.id.clone()>
            {icon.view()}
            <a href=at(format!("/features/{}", feature.id))><span class="visually-hidden">{said}</span>{feature.name}</a>
            {feature.note.map(|note| view! { <span class="feature-note">{note}</span> })}
        </li>
    }
}

#[component]
fn Next(next: NextPlan) -> impl IntoView {
    view! {
        <section class="card card-quiet" aria-labelledby="next">
            <h2 id="next">{format!("{} adds", next.name)}</h2>
            <ul class="ticks">
                {next.adds.into_iter().map(|line| view! { <li>{Icon::Check.view()}<span>{line}</span></li> }).collect_view()}
            </ul>
            <OfferButton offer=next.offer />
        </section>
    }
}
