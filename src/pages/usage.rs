//! The usage settings: how every meter stands and how long it lasts, use per day, the ledger, and where days begin.

use leptos::prelude::*;
use leptos_meta::Title;

use super::{query, when_loaded};
use crate::app::Findings;
use crate::components::meter_bar::{MeterBar, MeterState};
use crate::components::packs::{PackOffer, Packs};
use crate::components::settings_nav::{Settings, SettingsNav};
use crate::components::top_ups::{TopUpForm, TopUpView, TopUps};
use crate::components::unlock::{Locked, Unlock};
use crate::components::usage_chart::{Chart, UsageChart};
use crate::error::AppError;
use crate::visitor::at;

/// What an organization uses.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct UsageView {
    /// Every meter, with its forecast.
    pub meters: Vec<MeterState>,
    /// What was used when and by whom, or why that is locked.
    pub history: Result<History, Locked>,
    /// What can be bought on top of the plan.
    pub packs: Vec<PackOffer>,
    /// Which of them are bought by themselves.
    pub top_ups: Vec<TopUpView>,
    /// Where days and months begin.
    pub zone: String,
    /// Every zone, by region.
    pub zones: Vec<(String, Vec<String>)>,
    /// Whether this person may change the zone and buy packs.
    pub may_manage: bool,
}

impl UsageView {
    /// Shows a form as it was posted, with what is wrong with it.
    fn with(mut self, posted: Option<(String, TopUpForm)>) -> Self {
        let Some((meter, form)) = posted else { return self };
        if let Some(top_up) = self.top_ups.iter_mut().find(|top_up| top_up.meter == meter) {
            // Letting a paused one go on has nothing in it but a button.
            let typed = if form.pack.is_empty() { top_up.form.clone() } else { form.clone() };
            top_up.form = TopUpForm { wrong: form.wrong, ..typed };
        }
        self
    }
}

/// What was used when and by whom.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct History {
    /// The meters: each with its name.
    pub meters: Vec<(String, String)>,
    /// The meter of the chart.
    pub meter: Option<String>,
    /// Whether the ledger is of that meter only.
    pub filtered: bool,
    /// Use per day.
    pub chart: Option<Chart>,
    /// A page of the ledger, newest first.
    pub lines: Vec<Line>,
    /// Whether this is the first page.
    pub newest: bool,
    /// The last line of this page, where there are older ones.
    pub older: Option<String>,
}

/// A line of the ledger.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Line {
    /// When, for machines.
    pub iso: String,
    /// When, for people.
    pub text: String,
    /// Of what.
    pub meter: String,
    /// How much, and how much of that came from credits.
    pub amount: String,
    /// A person or a key.
    pub who: String,
}

/// What is used.
#[server(prefix = "/pages", endpoint = "usage")]
async fn load_usage(meter: Option<String>, before: Option<String>) -> Result<UsageView, AppError> {
    let ctx = crate::server::pages::Ctx::signed_in()?;
    let view = ctx.app.usage_view(&ctx.account, meter.as_deref(), before.as_deref()).await;
    view.map_err(crate::server::error::Error::into_app)
}

/// The settings.
#[component]
pub fn UsagePage() -> impl IntoView {
    let (meter, before) = (query("meter"), query("before"));
    let usage = Resource::new_blocking(
        move || (meter.clone(), before.clone()),
        |(meter, before)| load_usage(meter.filter(|meter| !meter.is_empty()), before),
    );
    let posted = use_context::<Findings>().and_then(|findings| findings.top_up);
    view! {
        <Title text="Usage" />
        {when_loaded(usage, move |usage| view! { <Usage usage=usage.with(posted.clone()) /> })}
    }
}

#[component]
fn Usage(usage: UsageView) -> impl IntoView {
    let UsageView { meters, history, packs, top_ups, zone, zones, may_manage } = usage;
    view! {
        <header class="page-head">
            <SettingsNav current=Settings::Usage />
            <h1>"Usage"</h1>
            <p class="lead">"What you have, what you used of it, and how long the rest lasts."</p>
        </header>
        <div class="stack">
            <section class="card" aria-labelledby="meters">
                <h2 id="meters">"Now"</h2>
                <div class="meters">{meters.into_iter().map(|meter| view! { <MeterBar meter /> }).collect_view()}</div>
            </section>
            {(!packs.is_empty()).then(|| view! { <Packs packs may_buy=may_manage /> })}
            {(!top_ups.is_empty()).then(|| view! { <TopUps top_ups may_manage /> })}
            {match history {
                Ok(history) => view! { <HistoryCards history /> }.into_any(),
                Err(locked) => view! {
                    <section class="card" aria-labelledby="history">
                        <h2 id="history">"Use per day, and the ledger"</h2>
                        <Unlock locked />
                    </section>
                }
                .into_any(),
            }}
            <ZoneCard zone zones may_manage />
        </div>
    }
}

#[component]
fn HistoryCards(history: History) -> impl IntoView {
    let chosen = history.meter.clone().unwrap_or_default();
    let name = history.meters.iter().find(|(id, _)| *id == chosen).map(|(_, name)| name.clone());
    let ledger = history.clone();
    let shown = name.clone();
    view! {
        <section class="card" aria-labelledby="chart" id="chart-card">
            <h2 id="chart">"Last 30 days"</h2>
            {(history.meters.len() > 1).then(|| view! { <Choice meters=history.meters chosen /> })}
            {name.map(|name| view! { <h3>{format!("{name} per day")}</h3> })}
            {history.chart.map(|chart| view! { <UsageChart chart /> })}
        </section>
        <Ledger history=ledger name=shown />
    }
}

/// Links, so that it works without scripts and an address says what is shown.
#[component]
fn Choice(meters: Vec<(String, String)>, chosen: String) -> impl IntoView {
    let links = meters
        .into_iter()
        .map(|(id, name)| {
            let current = (id == chosen).then_some("true");
            view! { <a class="pill" href=at(format!("/settings/usage?meter={id}#chart-card")) aria-current=current>{name}</a> }
        })
        .collect_view();
    view! { <nav class="pills" aria-label="Meter of the chart and the ledger">{links}</nav> }
}

#[component]
fn Ledger(history: History, name: Option<String>) -> impl IntoView {
    let History { meter, filtered, lines, newest, older, .. } = history;
    let filter = meter.filter(|_| filtered).map(|meter| format!("meter={meter}"));
    let with = |more: &str| {
        let parts: Vec<&str> = filter.as_deref().into_iter().chain((!more.is_empty()).then_some(more)).collect();
        if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) }
    };
    let csv = format!("/settings/usage/ledger.csv{}", with(""));
    let first = format!("/settings/usage{}#ledger-card", with(""));
    let next = older.map(|id| format!("/settings/usage{}#ledger-card", with(&format!("before={id}"))));
    let empty = if newest { "Nothing has been used so far." } else { "There is nothing older." };
    view! {
        <section class="card" aria-labelledby="ledger" id="ledger-card">
            <div class="card-head">
                <h2 id="ledger">"Ledger"</h2>
                <a class="button" href=at(csv)>"Download CSV"</a>
            </div>
            <p class="muted">
                {match name.filter(|_| filtered) {
                    Some(name) => view! {
                        {format!("Only {name}. ")}<a href=at("/settings/usage#ledger-card")>"Show all meters"</a>
                    }.into_any(),
                    None => view! { "Every use of every meter, the newest first." }.into_any(),
                }}
            </p>
            {if lines.is_empty() {
                view! { <p class="muted">{empty}</p> }.into_any()
            } else {
                view! {
                    <div class="table-scroll" tabindex="0" role="region" aria-labelledby="ledger">
                        <table class="list ledger">
                            <thead><tr><th scope="col">"When"</th><th scope="col">"Used by"</th><th scope="col">"Meter"</th><th scope="col" class="number">"Amount"</th></tr></thead>
                            <tbody>{lines.into_iter().map(line).collect_view()}</tbody>
                        </table>
                    </div>
                }
                .into_any()
            }}
            {(!newest || next.is_some()).then(|| view! {
                <nav class="actions" aria-label="Ledger, pages">
                    {(!newest).then(|| view! { <a class="button" href=at(first)>"Newest"</a> })}
                    {next.map(|next| view! { <a class="button" href=at(next)>"Older"</a> })}
                </nav>
            })}
        </section>
    }
}

fn line(line: Line) -> impl IntoView {
    view! {
        <tr data-testid="ledger-line">
            <td><time datetime=line.iso>{line.text}</time></td>
            <td>{line.who}</td>
            <td>{line.meter}</td>
            <td class="number">{line.amount}</td>
        </tr>
    }
}

#[component]
fn ZoneCard(zone: String, zones: Vec<(String, Vec<String>)>, may_manage: bool) -> impl IntoView {
    let groups = {
        let chosen = zone.clone();
        move || {
            let of = |name: String| {
                let selected = name == chosen;
                view! { <option value=name.clone() selected=selected>{name.replace('_', " ")}</option> }
            };
            zones
                .iter()
                .map(|(region, names)| {
                    view! {
                        <optgroup label=region.clone()>{names.iter().cloned().map(&of).collect_view()}</optgroup>
                    }
                })
                .collect_view()
        }
    };
    view! {
        <section class="card" aria-labelledby="zone">
            <h2 id="zone">"Time zone"</h2>
            <p class="muted">"Days and months begin at midnight there: for limits, for the chart and for the ledger."</p>
            {if may_manage {
                view! {
                    <form class="field" method="post" action=at("/api/time-zone")>
                        <label for="time-zone">"Days begin in"</label>
                        <div class="field-row">
                            <select id="time-zone" name="zone">{groups()}</select>
                            <button class="button" type="submit">"Save"</button>
                        </div>
                    </form>
                }
                .into_any()
            } else {
                view! { <p><strong data-testid="time-zone">{zone}</strong></p> }.into_any()
            }}
        </section>
    }
}
