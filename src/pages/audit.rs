//! `/settings/audit`: what was done, by whom, and what came of it.

use leptos::prelude::*;
use leptos_meta::Title;

use super::{query, when_loaded};
use crate::app::Answer;
use crate::components::organization_field::OrganizationField;
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
    Lines(Box<AuditLines>),
}

/// Some lines, and how they were chosen.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct AuditLines {
    /// What they are about, empty for everything.
    pub about: String,
    /// Who did it, empty for anybody.
    pub by: String,
    /// What can be chosen there, each with its name.
    pub abouts: Vec<(String, String)>,
    /// Who can be chosen.
    pub people: Vec<(String, String)>,
    /// Newest first.
    pub lines: Vec<AuditLine>,
    /// Whether this is the first page.
    pub newest: bool,
    /// The last line of this page, where there are older ones.
    pub older: Option<String>,
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
async fn load_audit(about: Option<String>, by: Option<String>, before: Option<String>) -> Result<AuditView, AppError> {
    let ctx = crate::server::pages::Ctx::signed_in()?;
    let view = ctx.app.audit_view(&ctx.account, about.as_deref(), by.as_deref(), before.as_deref()).await;
    view.map_err(crate::server::error::Error::into_app)
}

/// The page.
#[component]
pub fn AuditPage() -> impl IntoView {
    let asked = (query("about"), query("by"), query("before"));
    let audit = Resource::new_blocking(move || asked.clone(), |(about, by, before)| load_audit(about, by, before));
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
                AuditView::Lines(lines) => view! { <Lines lines=*lines /> }.into_any(),
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
fn Lines(lines: AuditLines) -> impl IntoView {
    let AuditLines { about, by, abouts, people, lines, newest, older } = lines;
    let chosen = [("about", &about), ("by", &by)];
    let filter: Vec<_> =
        chosen.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name}={value}")).collect();
    let with = |path: &str, more: Option<String>| {
        let query = filter.iter().cloned().chain(more).collect::<Vec<_>>().join("&");
        at(if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") })
    };
    let (filtered, empty) = (!filter.is_empty(), lines.is_empty());
    let csv = with("/settings/audit/log.csv", None);
    let first = (!newest).then(|| with("/settings/audit", None));
    let next = older.map(|id| with("/settings/audit", Some(format!("before={id}"))));
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
        <section class="card" aria-labelledby="log">
            <div class="card-head">
                <h2 id="log">"Time line"</h2>
                <a class="button" href=csv>"Download CSV"</a>
            </div>
            <form class="choose" method="get" action="/settings/audit">
                <OrganizationField />
                <Choice name="about" label="About" all="Everything" options=abouts chosen=about />
                <Choice name="by" label="By" all="Anybody" options=people chosen=by />
                <div class="actions">
                    <button class="button" type="submit">"Show"</button>
                    {filtered.then(|| view! { <a class="button" href=at("/settings/audit")>"Show all"</a> })}
                </div>
            </form>
            {if empty {
                view! { <p class="muted">"Nothing like that was done."</p> }.into_any()
            } else {
                view! { <ol class="audit">{rows}</ol> }.into_any()
            }}
            {(first.is_some() || next.is_some()).then(|| view! {
                <nav class="actions" aria-label="Time line, pages">
                    {first.map(|first| view! { <a class="button" href=first>"Newest"</a> })}
                    {next.map(|next| view! { <a class="button" href=next>"Older"</a> })}
                </nav>
            })}
        </section>
    }
}

#[component]
fn Choice(
    name: &'static str,
    label: &'static str,
    all: &'static str,
    options: Vec<(String, String)>,
    chosen: String,
) -> impl IntoView {
    let id = format!("choose-{name}");
    let options = options.into_iter().map(|(value, text)| {
        let selected = value == chosen;
        view! { <option value=value selected=selected>{text}</option> }
    });
    let options = options.collect_view();
    view! {
        <div class="field">
            <label for=id.clone()>{label}</label>
            <select id=id name=name>
                <option value="">{all}</option>
                {options}
            </select>
        </div>
    }
}
