//! `/settings/audit`: what was done, by whom, and what came of it.

use leptos::prelude::*;
use leptos_meta::Title;

use super::{query, when_loaded};
use crate::app::Answer;
use crate::components::settings_nav::{Settings, SettingsNav};
use crate::components::unlock::{Locked, Unlock};
use crate::error::{AppError, Code};
use crate::visitor::at;

/// A page of the time line.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub enum AuditView {
    /// Another plan unlocks it.
    Locked(Locked),
    /// It is there.
    Lines {
        /// Newest first.
        lines: Vec<AuditLine>,
        /// Whether this is the first page.
        newest: bool,
        /// The last line of this page, where there are older ones.
        older: Option<String>,
    },
}

/// A line.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct AuditLine {
    /// When, for machines.
    pub iso: String,
    /// When, for people.
    pub text: String,
    /// Who.
    pub who: String,
    /// What, in a sentence.
    pub what: String,
}

/// What was done.
#[server(prefix = "/pages", endpoint = "audit")]
async fn load_audit(before: Option<String>) -> Result<AuditView, AppError> {
    let ctx = crate::server::pages::Ctx::signed_in()?;
    let view = ctx.app.audit_view(&ctx.account, before.as_deref()).await;
    view.map_err(crate::server::error::Error::into_app)
}

/// The page.
#[component]
pub fn AuditPage() -> impl IntoView {
    let before = query("before");
    let audit = Resource::new_blocking(move || before.clone(), load_audit);
    let answer = expect_context::<Answer>();
    view! {
        <Title text="Audit" />
        {when_loaded(audit, move |audit| {
            let content = match audit {
                AuditView::Locked(locked) => {
                    answer.set_status(Code::Forbidden);
                    view! {
                        <section class="card" aria-labelledby="locked">
                            <h2 id="locked">{locked.feature.clone()}</h2>
                            <Unlock locked />
                        </section>
                    }
                    .into_any()
                }
                AuditView::Lines { lines, newest, older } => view! { <Lines lines newest older /> }.into_any(),
            };
            view! {
                <header class="page-head">
                    <SettingsNav current=Settings::Audit />
                    <h1>"Audit"</h1>
                    <p class="lead">"What was done, by whom, and what came of it. Kept for good."</p>
                </header>
                {content}
            }
        })}
    }
}

#[component]
fn Lines(lines: Vec<AuditLine>, newest: bool, older: Option<String>) -> impl IntoView {
    let rows = lines.into_iter().map(|line| {
        view! {
            <li class="audit-line">
                <p>{line.what}</p>
                <p class="muted small"><time datetime=line.iso>{line.text}</time>" · "{line.who}</p>
            </li>
        }
    });
    let rows = rows.collect_view();
    view! {
        <section class="card" aria-label="Time line">
            <ol class="audit">{rows}</ol>
            {(!newest || older.is_some()).then(|| view! {
                <nav class="actions" aria-label="Time line, pages">
                    {(!newest).then(|| view! { <a class="button" href=at("/settings/audit")>"Newest"</a> })}
                    {older.map(|id| view! { <a class="button" href=at(format!("/settings/audit?before={id}"))>"Older"</a> })}
                </nav>
            })}
        </section>
    }
}
