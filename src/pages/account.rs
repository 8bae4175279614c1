//! `/settings/account`: where somebody is signed in, what is known of them, and leaving for good.

use leptos::prelude::*;
use leptos_meta::Title;

use super::{query, when_loaded};
use crate::app::Findings;
use crate::components::notice::{Notice, Tone};
use crate::components::settings_nav::{Settings, SettingsNav};
use crate::error::AppError;
use crate::visitor::at;

/// A person's account.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct AccountView {
    /// What they are called.
    pub name: String,
    /// Their address.
    pub email: String,
    /// Where they sign in.
    pub provider: String,
    /// The newest first.
    pub sessions: Vec<SessionLine>,
}

/// A session in which the person is signed in.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct SessionLine {
    /// Its name in forms.
    pub id: String,
    /// Whether it is this one.
    pub current: bool,
    /// When it began.
    pub signed_in: String,
    /// When it was last used, to a few minutes.
    pub seen: String,
}

/// The account.
#[server(prefix = "/pages", endpoint = "account")]
async fn load_account() -> Result<AccountView, AppError> {
    let ctx = crate::server::pages::Ctx::signed_in()?;
    let view = ctx.app.account_view(&ctx.account, &ctx.session).await;
    view.map_err(crate::server::error::Error::into_app)
}

/// The page.
#[component]
pub fn AccountPage() -> impl IntoView {
    let account = Resource::new_blocking(|| (), |()| load_account());
    let problem = use_context::<Findings>().and_then(|findings| findings.problem);
    let ended = query("done").as_deref() == Some("ended");
    view! {
        <Title text="Account" />
        {when_loaded(account, move |account| view! { <Account account problem=problem.clone() ended /> })}
    }
}

#[component]
fn Account(account: AccountView, problem: Option<AppError>, ended: bool) -> impl IntoView {
    let ended = ended && problem.is_none();
    view! {
        <header class="page-head">
            <SettingsNav current=Settings::Account />
            <h1>"Account"</h1>
            <p class="lead">"You, whatever organization you act for."</p>
        </header>
        <div class="stack">
            {problem.map(|problem| view! { <Notice tone=Tone::Warning><p>{problem.message}</p></Notice> })}
            {ended.then(|| view! { <Notice tone=Tone::Success><p>"Signed out there."</p></Notice> })}
            <section class="card" aria-labelledby="you">
                <h2 id="you">"You"</h2>
                <dl class="facts">
                    <div><dt>"Name"</dt><dd>{account.name}</dd></div>
                    <div><dt>"E-mail"</dt><dd>{account.email.clone()}</dd></div>
                    <div><dt>"You sign in with"</dt><dd>{account.provider}</dd></div>
                </dl>
                <p class="muted small">"Name and address come from there, and are brought up to date whenever you sign in."</p>
            </section>
            <Sessions sessions=account.sessions />
            <section class="card" aria-labelledby="data">
                <h2 id="data">"Your data"</h2>
                <p class="muted">"What is known of you here: your account, your organizations, and what you did in them, as JSON."</p>
                <div class="actions"><a class="button" href=at("/settings/account/export.json") download>"Download your data"</a></div>
            </section>
            <Delete email=account.email />
        </div>
    }
}

#[component]
fn Sessions(sessions: Vec<SessionLine>) -> impl IntoView {
    let several = sessions.len() > 1;
    view! {
        <section class="card" aria-labelledby="sessions">
            <div class="card-head">
                <h2 id="sessions">"Where you are signed in"</h2>
                {several.then(|| view! {
                    <form method="post" action=at("/api/sessions/end")>
                        <button class="button" type="submit">"Sign out everywhere else"</button>
                    </form>
                })}
            </div>
            <ul class="people">{sessions.into_iter().map(session).collect_view()}</ul>
        </section>
    }
}

fn session(line: SessionLine) -> impl IntoView {
    let whom = format!(" the session from {}", line.signed_in);
    view! {
        <li class="person" data-testid="session">
            <div class="person-name">
                <strong>{format!("Signed in {}", line.signed_in)}</strong>
                {line.current.then(|| view! { <span class="badge badge-accent">"This one"</span> })}
            </div>
            <p class="muted small person-note">{format!("Last seen about {}", line.seen)}</p>
            {(!line.current).then(|| view! {
                <form class="person-end" method="post" action=at("/api/sessions/end")>
                    <input type="hidden" name="session" value=line.id />
                    <button class="button" type="submit">"End"<span class="visually-hidden">{whom}</span></button>
                </form>
            })}
        </li>
    }
}

#[component]
fn Delete(email: String) -> impl IntoView {
    view! {
        <section class="card" aria-labelledby="delete">
            <h2 id="delete">"Delete your account"</h2>
            <p>
                "You leave every organization, and your own is deleted with its API keys. Your name and address are removed; "
                "invoices stay, because the law wants them. Your account at the sign-in provider is not touched: delete it there."
            </p>
            <form class="field" method="post" action=at("/api/account/delete")>
                <label for="confirm">"Type "<strong>{email}</strong>" to confirm"</label>
                <div class="field-row">
                    <input class="wide" id="confirm" name="confirm" type="text" required autocomplete="off" spellcheck="false" />
                    <button class="button button-danger" type="submit">"Delete account"</button>
                </div>
            </form>
        </section>
    }
}
