//! The pricing page: the catalogue's plans in order, for each audience, with a comparison and questions.

use domain::organization::Kind;
use domain::plan::{Audience, Period, Plan};
use leptos::prelude::*;
use leptos_meta::{Meta, Title};

use super::{catalog, period_in_query, visitor};
use crate::components::organization_field::OrganizationField;
use crate::components::period::PeriodSwitch;
use crate::components::plan_card::{Offer, PlanCard};
use crate::components::plan_table::plan_table;
use crate::visitor::Account;

/// Plans and prices.
#[component]
pub fn PricingPage() -> impl IntoView {
    let catalog = catalog();
    let visitor = visitor();
    let period = period_in_query();
    let both = catalog.sells(Period::Monthly) && catalog.sells(Period::Yearly);
    let plans = view! { <Plans account=visitor.account.clone() period /> };
    let trial = catalog.trial.map(|trial| format!("Try any paid plan free for {} days. ", trial.days));
    view! {
        <Title text="Pricing" />
        <Meta name="description" content=format!("Plans and prices of {}.", catalog.name) />
        <header class="page-head page-head-center">
            <h1>"Plans and pricing"</h1>
            <p class="lead">{trial}"Prices in "{catalog.currency.code().to_uppercase()}", before tax. Cancel at any time."</p>
        </header>
        <form class="pricing" method="get" action="/pricing">
            <OrganizationField />
            {if both {
                view! {
                    <PeriodSwitch initial=period saving=catalog.best_yearly_saving_percent()>
                        <noscript><button class="button button-quiet" type="submit">"Show prices"</button></noscript>
                        {plans}
                    </PeriodSwitch>
                }
                .into_any()
            } else {
                plans.into_any()
            }}
        </form>
        <Comparison />
        <Questions />
    }
}

#[component]
fn Plans(account: Option<Account>, period: Period) -> impl IntoView {
    let catalog = catalog();
    let team = catalog.plans_for(Audience::Team).next().is_some();
    [(Audience::Individual, "For individuals"), (Audience::Team, "For teams")]
        .into_iter()
        .filter_map(|(audience, heading)| {
            let plans: Vec<Plan> = catalog.plans_for(audience).cloned().collect();
            let count = plans.len();
            let heading_class = if team { "plans-heading" } else { "visually-hidden" };
            (count > 0).then(|| {
                let cards = plans
                    .into_iter()
                    .map(|plan| {
                        let offer = offer(&plan, account.as_ref());
                        view! { <PlanCard plan catalog=catalog.clone() period offer /> }
                    })
                    .collect_view();
                view! {
                    <h2 class=heading_class>{if team { heading } else { "Plans" }}</h2>
                    <div class=format!("plans plans-{count}")>{cards}</div>
                }
            })
        })
        .collect_view()
}

/// What a plan's button does for whoever is looking. The server checks it all again.
fn offer(plan: &Plan, account: Option<&Account>) -> Offer {
    let catalog = catalog();
    let free = plan.id == catalog.free_plan;
    if plan.contact_sales {
        return Offer::ContactSales;
    }
    let Some(account) = account else {
        return if free { Offer::Free } else { buy(catalog.trial.is_some()) };
    };
    let current = plan.id == account.tier;
    let other = !free && catalog.audience_of(account.kind) != plan.audience && !current;
    if other && account.kind == Kind::Team {
        return Offer::Refused("For one person, in their own organization.");
    }
    if other {
        return buy(catalog.trial.is_some() && !account.trial_used);
    }
    match (account.subscribed, current, free) {
        (true, true, _) | (false, true, true) => Offer::Current,
        (true, false, true) => Offer::Refused("To go back to this plan, cancel in the billing settings."),
        (true, false, false) if catalog.rank(&plan.id) > catalog.rank(&account.tier) => Offer::Change("Upgrade"),
        (true, false, false) => Offer::Change("Downgrade"),
        (false, false, true) => Offer::Free,
        (false, _, false) => buy(catalog.trial.is_some() && !account.trial_used),
    }
}

fn buy(with_trial: bool) -> Offer {
    Offer::Buy(if with_trial { "Start Trial" } else { "Upgrade Now" })
}

#[component]
fn Comparison() -> impl IntoView {
    let catalog = catalog();
    let of = |audience| catalog.plans_for(audience).collect::<Vec<_>>();
    let (individual, team) = (of(Audience::Individual), of(Audience::Team));
    view! {
        <section aria-labelledby="compare">
            <h2 id="compare">"Compare plans"</h2>
            {(!individual.is_empty()).then(|| plan_table(&catalog, &individual, "Plans compared"))}
            {(!team.is_empty()).then(|| plan_table(&catalog, &team, "Team plans compared"))}
        </section>
    }
}

#[component]
fn Questions() -> impl IntoView {
    let catalog = catalog();
    (!catalog.questions.is_empty()).then(|| {
        let items = catalog
            .questions
            .iter()
            .map(|item| view! { <details class="question"><summary>{item.question.clone()}</summary><p>{item.answer.clone()}</p></details> })
            .collect_view();
        view! { <section class="narrow" aria-labelledby="questions"><h2 id="questions">"Questions"</h2>{items}</section> }
    })
}
