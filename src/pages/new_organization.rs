//! `/organizations/new`: makes a team organization.

use leptos::prelude::*;
use leptos_meta::Title;

use super::visitor;
use crate::app::Findings;
use crate::components::notice::{Notice, Tone};
use crate::visitor::at;

/// The form. It is known by the request that it was made for: sent twice, it makes one organization.
#[component]
pub fn NewOrganizationPage() -> impl IntoView {
    view! {
        <Title text="New organization" />
        <div class="narrow stack">
            <header class="page-head">
                <h1>"New organization"</h1>
                <p class="lead">"For a company, a department or a client: with members, roles, and a plan of its own."</p>
            </header>
            <NewOrganization back="/settings/team" />
        </div>
    }
}

/// The form alone.
#[component]
pub fn NewOrganization(
    /// Where whoever would rather not goes back to.
    back: &'static str,
    /// What is bought for the organization once it is there.
    #[prop(optional)]
    order: Vec<(&'static str, String)>,
) -> impl IntoView {
    let problem = use_context::<Findings>().and_then(|findings| findings.problem);
    let order = order.into_iter().map(|(name, value)| view! { <input type="hidden" name=name value=value /> });
    view! {
        {problem.map(|problem| view! { <Notice tone=Tone::Warning><p>{problem.message}</p></Notice> })}
        <section class="card">
            <form class="stack" method="post" action=at("/api/organizations")>
                <input type="hidden" name="token" value=visitor().request_id autocomplete="off" />
                {order.collect_view()}
                <div class="field">
                    <label for="name">"Name"</label>
                    <input class="wide" id="name" name="name" type="text" required maxlength="80" autocomplete="organization" aria-describedby="name-note" />
                    <p class="field-note" id="name-note">"It stands on invoices and in invitations. You can change it later."</p>
                </div>
                <div class="actions">
                    <button class="button button-primary" type="submit">"Create organization"</button>
                    <a class="button" href=at(back)>"Not now"</a>
                </div>
            </form>
        </section>
    }
}
