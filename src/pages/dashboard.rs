//! Where a signed-in person lands: the plan, what it includes, and what the next one adds.

use domain::plan::Plan;
use leptos::prelude::*;
use leptos_meta::Title;

use super::{catalog, visitor};
use crate::components::icons::Icon;

/// The plan and what it unlocks.
#[component]
pub fn DashboardPage() -> impl IntoView {
    let account = visitor().account;
    let catalog = catalog();
    account.map(|account| {
        let plan = catalog.plan(&account.tier).cloned();
        let next = plan.as_ref().and_then(next_plan);
        view! {
            <Title text="Dashboard" />
            <header class="page-head">
                <h1>{format!("Hello, {}", account.name.split(' ').next().unwrap_or_default())}</h1>
                <p class="lead">
                    {account.organization_name}" is on the "
                    <strong data-testid="current-tier">{account.tier_name}</strong>" plan."
                </p>
            </header>
            <div class="columns">
                {plan.map(|plan| view! { <Included plan /> })}
                {next.map(|next| view! { <Next plan=next /> })}
            </div>
        }
    })
}

/// The next larger plan for the same audience that can be bought on the spot.
fn next_plan(plan: &Plan) -> Option<Plan> {
    let catalog = catalog();
    let rank = catalog.rank(&plan.id)?;
    catalog.plans_for(plan.audience).find(|next| next.is_sold() && catalog.rank(&next.id) > Some(rank)).cloned()
}

#[component]
fn Included(plan: Plan) -> impl IntoView {
    let catalog = catalog();
    let limits = catalog
        .meters
        .iter()
        .filter_map(|meter| Some((meter, plan.limits.get(&meter.id)?)))
        .map(|(meter, limit)| view! { <div><dt>{meter.name.clone()}</dt><dd data-meter=meter.id.to_string()>{meter.allowance(*limit)}</dd></div> })
        .collect_view();
    let features = catalog
        .features
        .iter()
        .filter(|feature| plan.features.contains(&feature.id))
        .map(|feature| view! { <li>{Icon::Check.view()}<span>{feature.name.clone()}</span></li> })
        .collect_view();
    view! {
        <section class="card" aria-labelledby="included">
            <h2 id="included">"Included in your plan"</h2>
            <dl class="facts">{limits}</dl>
            <ul class="ticks">{features}</ul>
        </section>
    }
}

#[component]
fn Next(plan: Plan) -> impl IntoView {
    let catalog = catalog();
    let current = visitor().account.and_then(|account| catalog.plan(&account.tier).cloned());
    let added = catalog
        .features
        .iter()
        .filter(|feature| plan.features.contains(&feature.id))
        .filter(|feature| current.as_ref().is_none_or(|current| !current.features.contains(&feature.id)))
        .map(|feature| view! { <li>{Icon::Check.view()}<span>{feature.name.clone()}</span></li> })
        .collect_view();
    let limits = catalog
        .meters
        .iter()
        .filter_map(|meter| Some((meter, plan.limits.get(&meter.id)?)))
        .filter(|(meter, limit)| current.as_ref().is_none_or(|current| current.limits.get(&meter.id) != Some(limit)))
        .map(|(meter, limit)| view! { <li>{Icon::Check.view()}<span>{meter.line(*limit)}</span></li> })
        .collect_view();
    // Whoever pays already changes the subscription they have; a checkout would make a second one.
    let pays = current.is_some_and(|current| current.id != catalog.free_plan);
    let (address, words) = if pays {
        ("/settings/billing".to_owned(), "Change plan".to_owned())
    } else {
        (format!("/checkout/{}", plan.id), format!("Upgrade to {}", plan.name))
    };
    view! {
        <section class="card card-quiet" aria-labelledby="next">
            <h2 id="next">{format!("{} adds", plan.name)}</h2>
            <ul class="ticks">{limits}{added}</ul>
            <a class="button button-primary" href=address>{words}</a>
        </section>
    }
}
