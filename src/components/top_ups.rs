//! Automatic top-ups: how each stands, and the form by which it is agreed to.

use leptos::prelude::*;

use super::icons::Icon;
use crate::visitor::at;

/// An automatic top-up in words.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct TopUpView {
    /// The meter's name in forms.
    pub meter: String,
    /// What people read.
    pub name: String,
    /// What the meter counts.
    pub unit: String,
    /// What the cap is in: a code in capitals.
    pub currency: String,
    /// How it stands.
    pub state: TopUpState,
    /// What was agreed to, what was spent, and what follows from that.
    pub lines: Vec<String>,
    /// What can be bought: the pack's name in forms, and in words.
    pub packs: Vec<(String, String)>,
    /// What the form shows.
    pub form: TopUpForm,
}

/// How an automatic top-up stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum TopUpState {
    /// Nothing is bought.
    Off,
    /// It is on.
    On,
    /// A pack is being bought.
    Buying,
    /// The cap is reached for this month.
    Capped,
    /// Something is owed: it waits for that.
    Waiting,
    /// A pack could not be paid: it waits for somebody.
    Paused,
}

impl TopUpState {
    fn badge(self) -> (&'static str, &'static str) {
        match self {
            Self::Off => ("badge", "Off"),
            Self::On => ("badge badge-good", "On"),
            Self::Buying => ("badge badge-accent", "Buying a pack"),
            Self::Capped => ("badge badge-warning", "Monthly cap reached"),
            Self::Waiting => ("badge badge-warning", "Waiting"),
            Self::Paused => ("badge badge-warning", "Paused"),
        }
    }
}

/// What was typed, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TopUpForm {
    /// Which pack.
    pub pack: String,
    /// When less than this is left.
    pub threshold: String,
    /// The most in a month.
    pub cap: String,
    /// Whether it was agreed to.
    pub agreed: bool,
    /// What is wrong.
    pub wrong: Wrong,
}

/// What is wrong with a form, by field.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Wrong {
    /// Which pack.
    pub pack: Option<String>,
    /// When less than this is left.
    pub threshold: Option<String>,
    /// The most in a month.
    pub cap: Option<String>,
    /// The agreement.
    pub agreed: Option<String>,
    /// There is nothing that could be charged.
    pub card: Option<String>,
}

/// The automatic top-ups of all meters that have packs. Whoever may not set them sees how they stand.
#[component]
pub fn TopUps(
    /// One for each meter.
    top_ups: Vec<TopUpView>,
    /// Whether this person may set them.
    may_manage: bool,
) -> impl IntoView {
    let each = top_ups.into_iter().map(|top_up| view! { <TopUp top_up may_manage /> }).collect_view();
    view! {
        <section class="card" aria-labelledby="top-ups">
            <h2 id="top-ups">"Automatic top-ups"</h2>
            <p class="muted">
                "Buy a pack by itself when little is left, up to a monthly cap that you set. Off until you turn it on."
            </p>
            <div class="top-ups">{each}</div>
            {(!may_manage).then(|| view! {
                <p class="muted small">"Owners, admins and billing members can change automatic top-ups."</p>
            })}
        </section>
    }
}

#[component]
fn TopUp(top_up: TopUpView, may_manage: bool) -> impl IntoView {
    let group = format!("Automatic top-up: {}", top_up.name);
    let (badge, words) = top_up.state.badge();
    let is_on = top_up.state != TopUpState::Off;
    let card = top_up.form.wrong.card.clone();
    let meter = top_up.meter.clone();
    let paused = top_up.state == TopUpState::Paused;
    let lines = top_up.lines.clone();
    view! {
        <div class="top-up" role="group" aria-label=group data-testid="top-up">
            <div class="top-up-head">
                <h3>{top_up.name.clone()}</h3>
                <span class=badge>{words}</span>
            </div>
            {(paused || card.is_some()).then(|| view! { <Mend meter=meter.clone() lines=lines.clone() card=card.clone() paused may_manage /> })}
            {(!paused).then(|| lines.into_iter().map(|line| view! { <p class="meter-note">{line}</p> }).collect_view())}
            {may_manage.then(|| view! { <Settings top_up is_on /> })}
        </div>
    }
}

/// What happened, and what mends it.
#[component]
fn Mend(meter: String, lines: Vec<String>, card: Option<String>, paused: bool, may_manage: bool) -> impl IntoView {
    let said = if paused { lines } else { Vec::new() };
    view! {
        <div class="notice notice-warning" role="alert">
            {Icon::Warning.view()}
            <div>
                {said.into_iter().chain(card).map(|line| view! { <p>{line}</p> }).collect_view()}
                {may_manage.then(|| view! {
                    <div class="actions">
                        <form method="post" action=at("/api/billing/portal")>
                            <input type="hidden" name="flow" value="payment_method" />
                            <input type="hidden" name="returnTo" value="/settings/usage" />
                            <button class="button" type="submit">"Add or change the card"</button>
                        </form>
                        {paused.then(|| view! {
                            <form method="post" action=at("/api/top-ups#top-ups")>
                                <input type="hidden" name="meter" value=meter />
                                <button class="button button-primary" type="submit" name="action" value="resume">"Try again"</button>
                            </form>
                        })}
                    </div>
                })}
            </div>
        </div>
    }
}

/// The form, folded away until it is wanted or something in it is wrong.
#[component]
fn Settings(top_up: TopUpView, is_on: bool) -> impl IntoView {
    let TopUpView { meter, unit, currency, packs, form, .. } = top_up;
    let open = form.wrong != Wrong::default();
    let summary = if is_on { "Change" } else { "Set up" };
    let id = |field: &str| format!("top-up-{meter}-{field}");
    let (threshold, cap, agree) = (id("threshold"), id("cap"), id("agree"));
    let label = format!("Automatic top-ups of {unit}: ");
    let off = is_on.then(|| {
        view! { <button class="button" type="submit" name="action" value="off" formnovalidate>"Turn off"</button> }
    });
    view! {
        <details class="top-up-settings" open=open>
            <summary><span class="visually-hidden">{label}</span>{summary}</summary>
            <form class="top-up-form" method="post" action=at("/api/top-ups#top-ups")>
                <input type="hidden" name="meter" value=meter.clone() />
                <div class="field">
                    <label for=threshold.clone()>"When less than this is left"</label>
                    <div class="field-row">
                        <input id=threshold.clone() name="threshold" type="text" inputmode="numeric" required autocomplete="off"
                            value=form.threshold aria-invalid=form.wrong.threshold.is_some().then_some("true")
                            aria-describedby=format!("{threshold}-note") />
                        <span class="muted">{unit.clone()}</span>
                    </div>
                    <FieldNote id=format!("{threshold}-note") wrong=form.wrong.threshold
                        note="The plan’s share and credits together. If less is left already, a pack is bought right away." />
                </div>
                <PackField id=id("pack") packs chosen=form.pack wrong=form.wrong.pack />
                <div class="field">
                    <label for=cap.clone()>"At most, in a calendar month"</label>
                    <div class="field-row">
                        <input id=cap.clone() name="cap" type="text" inputmode="decimal" required autocomplete="off" value=form.cap
                            aria-invalid=form.wrong.cap.is_some().then_some("true") aria-describedby=format!("{cap}-note") />
                        <span class="muted">{currency}</span>
                    </div>
                    <FieldNote id=format!("{cap}-note") wrong=form.wrong.cap
                        note="Never more than this. When the next pack would pass it, nothing is bought until the next month." />
                </div>
                <div class="field">
                    <label class="consent">
                        <input id=agree.clone() type="checkbox" name="agree" value="yes" required checked=form.agreed
                            aria-invalid=form.wrong.agreed.is_some().then_some("true")
                            aria-describedby=form.wrong.agreed.as_ref().map(|_| format!("{agree}-note")) />
                        <span>"I agree that the saved card is charged for packs without asking me each time, up to the monthly cap, until I turn this off."</span>
                    </label>
                    {form.wrong.agreed.map(|wrong| view! { <p class="field-note field-wrong" id=format!("{agree}-note")>{wrong}</p> })}
                </div>
                <div class="actions">
                    <button class="button button-primary" type="submit" name="action" value="on">
                        {if is_on { "Save" } else { "Turn on automatic top-ups" }}
                    </button>
                    {off}
                </div>
            </form>
        </details>
    }
}

#[component]
fn PackField(id: String, packs: Vec<(String, String)>, chosen: String, wrong: Option<String>) -> impl IntoView {
    if let ([(only, words)], None) = (&packs[..], &wrong) {
        let (only, words) = (only.clone(), words.clone());
        return view! {
            <p class="top-up-pack">"Buy "<strong>{words}</strong><input type="hidden" name="pack" value=only /></p>
        }
        .into_any();
    }
    let options = packs
        .into_iter()
        .map(|(pack, words)| {
            let selected = pack == chosen;
            view! { <option value=pack selected=selected>{words}</option> }
        })
        .collect_view();
    view! {
        <div class="field">
            <label for=id.clone()>"Buy"</label>
            <select id=id.clone() name="pack" aria-invalid=wrong.is_some().then_some("true") aria-describedby=format!("{id}-note")>{options}</select>
            <FieldNote id=format!("{id}-note") wrong note="One at a time." />
        </div>
    }
    .into_any()
}

/// What is wrong with a field, or else what it is for.
#[component]
fn FieldNote(id: String, wrong: Option<String>, note: &'static str) -> impl IntoView {
    let class = if wrong.is_some() { "field-note field-wrong" } else { "field-note" };
    view! { <p class=class id=id>{wrong.unwrap_or_else(|| note.to_owned())}</p> }
}
