//! The keys with which an organization's services call the API: the list, making one, and revoking one. A secret is
//! shown once, in the answer to the form that made it.

use std::fmt;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

use super::when_loaded;
use crate::app::{Answer, Findings};
use crate::components::notice::{Notice, Tone};
use crate::components::settings_nav::{Settings, SettingsNav};
use crate::components::unlock::{Locked, Unlock};
use crate::error::{AppError, Code};
use crate::visitor::at;

/// A key that was just made. Its secret is in no log.
#[derive(Clone)]
pub struct MadeKey {
    /// What people call it.
    pub name: String,
    /// What is shown once.
    pub secret: String,
}

impl fmt::Debug for MadeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MadeKey(…)")
    }
}

/// The keys of an organization.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct KeysView {
    /// Newest first, those that are good before those that are not.
    pub keys: Vec<KeyLine>,
    /// Why no key can be made, where that is locked.
    pub locked: Option<Locked>,
    /// What the form is known by, so that it makes one key however often it is sent.
    pub token: String,
}

/// A key in the list.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct KeyLine {
    /// Its name in addresses.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The end of its secret.
    pub hint: String,
    /// What it may do.
    pub access: String,
    /// When it was made.
    pub created: String,
    /// When it was last used.
    pub used: String,
    /// When it was revoked.
    pub revoked: Option<String>,
}

/// The keys.
#[server(prefix = "/pages", endpoint = "api-keys")]
async fn load_keys() -> Result<KeysView, AppError> {
    let ctx = crate::server::pages::Ctx::signed_in()?;
    ctx.app.keys_view(&ctx.account).await.map_err(crate::server::error::Error::into_app)
}

/// The settings. Where keys are locked they are answered as a refusal, and those that there are can be revoked.
#[component]
pub fn ApiKeysPage() -> impl IntoView {
    let keys = Resource::new_blocking(|| (), |()| load_keys());
    let answer = expect_context::<Answer>();
    let made = use_context::<Findings>().and_then(|findings| findings.made_key);
    view! {
        <Title text="API keys" />
        {when_loaded(keys, move |keys| {
            if keys.locked.is_some() {
                answer.set_status(Code::Forbidden);
            }
            view! { <Keys keys made=made.clone() /> }
        })}
    }
}

#[component]
fn Keys(keys: KeysView, made: Option<MadeKey>) -> impl IntoView {
    view! {
        <header class="page-head">
            <SettingsNav current=Settings::ApiKeys />
            <h1>"API keys"</h1>
            <p class="lead">
                "Your services ask with a key what is allowed, and record what is used. See "
                <a href=at("/docs/api")>"the description of the API"</a>", or try it in the "
                <a href=at("/playground")>"playground"</a>"."
            </p>
        </header>
        <div class="stack">
            {made.map(|made| view! { <Made made /> })}
            {match keys.locked {
                Some(locked) => view! {
                    <section class="card" aria-labelledby="locked">
                        <h2 id="locked">{locked.feature.clone()}</h2>
                        <Unlock locked />
                    </section>
                }
                .into_any(),
                None => view! { <NewKey token=keys.token /> }.into_any(),
            }}
            <List keys=keys.keys />
        </div>
    }
}

#[component]
fn Made(made: MadeKey) -> impl IntoView {
    view! {
        <section class="card" aria-labelledby="made">
            <h2 id="made">{format!("{} is ready", made.name)}</h2>
            <Notice tone=Tone::Warning><p>"Copy the key now and keep it secret: it is not shown again."</p></Notice>
            <div class="field">
                <label for="secret">"The key"</label>
                <input class="secret" id="secret" data-testid="secret" type="text" readonly autocomplete="off" spellcheck="false" value=made.secret />
            </div>
            <p><a class="button" href=at("/settings/api-keys")>"I have copied it"</a></p>
        </section>
    }
}

#[component]
fn NewKey(token: String) -> impl IntoView {
    view! {
        <section class="card" aria-labelledby="new">
            <h2 id="new">"New key"</h2>
            <form class="stack" method="post" action=at("/api/keys")>
                <input type="hidden" name="token" value=token autocomplete="off" />
                <div class="field">
                    <label for="name">"Name"</label>
                    <input class="wide" id="name" name="name" type="text" required maxlength="80" autocomplete="off" aria-describedby="name-note" />
                    <p class="field-note" id="name-note">"The service that will use it. The ledger shows this name."</p>
                </div>
                <fieldset class="choices">
                    <legend>"What it may do"</legend>
                    <label class="choice">
                        <input type="radio" name="access" value="write" checked />
                        <span class="choice-name">"Ask and use"</span>
                        <span class="muted small">"read and write"</span>
                    </label>
                    <label class="choice">
                        <input type="radio" name="access" value="read" />
                        <span class="choice-name">"Only ask"</span>
                        <span class="muted small">"read"</span>
                    </label>
                </fieldset>
                <div class="actions"><button class="button button-primary" type="submit">"Create key"</button></div>
            </form>
        </section>
    }
}

#[component]
fn List(keys: Vec<KeyLine>) -> impl IntoView {
    view! {
        <section class="card" aria-labelledby="keys">
            <h2 id="keys">"Keys"</h2>
            {if keys.is_empty() {
                view! { <p class="muted">"There are no keys yet."</p> }.into_any()
            } else {
                view! { <ul class="keys">{keys.into_iter().map(key).collect_view()}</ul> }.into_any()
            }}
        </section>
    }
}

fn key(key: KeyLine) -> impl IntoView {
    let revoke = format!("/settings/api-keys/{}/revoke", key.id);
    let name = key.name.clone();
    view! {
        <li class="key" data-testid="key">
            <div class="key-name">
                <strong>{key.name}</strong>
                <code>{format!("bhk_…{}", key.hint)}</code>
                <span class="badge">{key.access}</span>
            </div>
            <p class="muted small">{format!("Created {}. {}.", key.created, key.used)}</p>
            <div class="key-end">
                {match key.revoked {
                    Some(revoked) => view! { <span class="badge badge-warning">{format!("Revoked {revoked}")}</span> }.into_any(),
                    None => view! { <a class="button" href=at(revoke)>"Revoke"<span class="visually-hidden">{format!(" {name}")}</span></a> }.into_any(),
                }}
            </div>
        </li>
    }
}

/// One key of the organization that is good.
#[server(prefix = "/pages", endpoint = "api-key")]
async fn load_key(key: String) -> Result<KeyLine, AppError> {
    let ctx = crate::server::pages::Ctx::signed_in()?;
    ctx.app.key_to_revoke(&ctx.account, &key).await.map_err(crate::server::error::Error::into_app)
}

/// The question before a key is revoked.
#[component]
pub fn RevokeKeyPage() -> impl IntoView {
    let key = use_params_map().read_untracked().get("key").unwrap_or_default();
    let key = Resource::new_blocking(move || key.clone(), load_key);
    view! {
        <Title text="Revoke key" />
        {when_loaded(key, |key| view! {
            <div class="narrow">
                <section class="card">
                    <h1 class="question-title">{format!("Revoke {}?", key.name)}</h1>
                    <p>"Whatever still calls with the key that ends in " <code>{key.hint}</code>" is refused at once. "{key.used}". This cannot be undone."</p>
                    <form class="actions" method="post" action=at("/api/keys/revoke")>
                        <input type="hidden" name="key" value=key.id />
                        <button class="button button-danger" type="submit">"Revoke key"</button>
                        <a class="button" href=at("/settings/api-keys")>"Keep it"</a>
                    </form>
                </section>
            </div>
        })}
    }
}
