//! The question before somebody is removed from an organization, or leaves it.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

use super::team::MemberLine;
use super::{visitor, when_loaded};
use crate::error::AppError;
use crate::visitor::at;

/// Somebody who can be removed, or can leave.
#[server(prefix = "/pages", endpoint = "member")]
async fn load_member(user: String) -> Result<MemberLine, AppError> {
    let ctx = crate::server::pages::Ctx::signed_in()?;
    ctx.app.member_to_remove(&ctx.account, &user).await.map_err(crate::server::error::Error::into_app)
}

/// The question.
#[component]
pub fn RemoveMemberPage() -> impl IntoView {
    let user = use_params_map().read_untracked().get("user").unwrap_or_default();
    let member = Resource::new_blocking(move || user.clone(), load_member);
    view! {
        <Title text="Remove member" />
        {when_loaded(member, |member| view! { <Question member /> })}
    }
}

#[component]
fn Question(member: MemberLine) -> impl IntoView {
    let organization = visitor().account.map(|account| account.organization_name).unwrap_or_default();
    let (question, what, words) = if member.own {
        let what = "You lose what it gives you at once. To come back you need another invitation.";
        (format!("Leave {organization}?"), what, "Leave")
    } else {
        let what = "Their next click there is refused. To come back they need another invitation.";
        (format!("Remove {} from {organization}?", member.name), what, "Remove")
    };
    view! {
        <div class="narrow">
            <section class="card">
                <h1 class="question-title">{question}</h1>
                <p>{what}</p>
                <form class="actions" method="post" action=at("/api/members/remove")>
                    <input type="hidden" name="user" value=member.user />
                    <button class="button button-danger" type="submit">{words}</button>
                    <a class="button" href=at("/settings/team")>"Keep everything as it is"</a>
                </form>
            </section>
        </div>
    }
}
