//! `/invitations/…`: who invites into what, and the button that accepts it.

use domain::organization::OrganizationId;
use domain::role::Role;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

use super::{visitor, when_loaded};
use crate::components::notice::{Notice, Tone};
use crate::error::AppError;
use crate::visitor::{address_in, at};

/// An invitation, for whoever has its link.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct InvitationView {
    /// Into what.
    pub organization: String,
    /// Who invites.
    pub by: String,
    /// Who is invited.
    pub email: String,
    /// As what.
    pub role: Role,
    /// Until when it is good.
    pub until: String,
    /// The link's token.
    pub token: String,
    /// What this person can do about it.
    pub standing: Standing,
}

/// What somebody can do about an invitation.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub enum Standing {
    /// Nobody is signed in.
    SignIn,
    /// Accept it.
    Open,
    /// They are in that organization.
    Member(String),
    /// Somebody else could: why not this person.
    OtherPerson(String),
    /// Nobody can: why not.
    Over(String),
}

/// The invitation. It is shown to whoever has the link, signed in or not.
#[server(prefix = "/pages", endpoint = "invitation")]
async fn load_invitation(token: String) -> Result<InvitationView, AppError> {
    let app = expect_context::<crate::server::App>();
    let account = use_context::<crate::visitor::Visitor>().and_then(|visitor| visitor.account);
    app.invitation_view(&token, account.as_ref()).await.map_err(crate::server::error::Error::into_app)
}

/// The page.
#[component]
pub fn InvitationPage() -> impl IntoView {
    let token = use_params_map().read_untracked().get("token").unwrap_or_default();
    let invitation = Resource::new_blocking(move || token.clone(), load_invitation);
    view! {
        <Title text="Invitation" />
        {when_loaded(invitation, |invitation| view! { <Invitation invitation /> })}
    }
}

#[component]
fn Invitation(invitation: InvitationView) -> impl IntoView {
    let InvitationView { organization, by, email, role, until, token, standing } = invitation;
    let signed_in_as = visitor().account.map(|account| account.email);
    let sign_in = format!("/auth/login?return_to=%2Finvitations%2F{token}");
    let what = match standing {
        Standing::SignIn => view! {
            <p>{format!("Sign in with {email} to accept. The invitation is good until {until}.")}</p>
            <div class="actions"><a class="button button-primary" href=sign_in>"Sign in to accept"</a></div>
        }
        .into_any(),
        Standing::Open => view! {
            <p>{format!("The invitation is good until {until}.")}</p>
            <form class="actions" method="post" action=at("/api/invitations/accept")>
                <input type="hidden" name="token" value=token />
                <button class="button button-primary" type="submit">{format!("Join {organization}")}</button>
                <a class="button" href=at("/dashboard")>"Not now"</a>
            </form>
        }
        .into_any(),
        Standing::Member(id) => {
            let dashboard = address_in(&OrganizationId(id), "/dashboard");
            view! {
                <Notice tone=Tone::Info><p>"You are a member of this organization already."</p></Notice>
                <div class="actions"><a class="button button-primary" href=dashboard>{format!("Go to {organization}")}</a></div>
            }
            .into_any()
        }
        Standing::OtherPerson(why) => view! {
            <Notice tone=Tone::Warning><p>{why}</p></Notice>
            <dl class="facts">
                <div><dt>"Invited"</dt><dd>{email}</dd></div>
                <div><dt>"Signed in"</dt><dd>{signed_in_as}</dd></div>
            </dl>
            <form class="actions" method="post" action="/auth/logout">
                <button class="button button-primary" type="submit">"Sign out"</button>
            </form>
            <p class="muted small">"Then open the link in the mail once more."</p>
        }
        .into_any(),
        Standing::Over(why) => view! {
            <Notice tone=Tone::Warning><p>{why}</p></Notice>
            <div class="actions"><a class="button" href=at("/")>"Go to the start page"</a></div>
        }
        .into_any(),
    };
    view! {
        <div class="narrow">
            <section class="card">
                <h1 class="question-title">{format!("{by} invites you to {organization}")}</h1>
                <p class="muted">{format!("As {}: {}", role.name().to_lowercase(), role.description())}</p>
                {what}
            </section>
        </div>
    }
}
