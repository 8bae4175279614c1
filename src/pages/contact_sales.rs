//! Asking the people who sell what is not bought on the spot.

use domain::catalog::Catalog;
use domain::organization::Kind;
use domain::sales::{LINE, MESSAGE, SEATS, Typed, Wrong};
use leptos::prelude::*;
use leptos_meta::Title;

use super::{catalog, query, visitor};
use crate::app::Findings;
use crate::components::icons::Icon;
use crate::components::notice::{Notice, Tone};
use crate::visitor::{Account, at};

/// A request as it was posted, with what stands against it.
#[derive(Clone, Debug, Default)]
pub struct Inquiry {
    /// What was typed.
    pub typed: Typed,
    /// What is wrong with it.
    pub wrong: Wrong,
    /// Why nothing is taken at the moment.
    pub refused: Option<String>,
}

/// The form, or what happens after it.
#[component]
pub fn ContactSalesPage() -> impl IntoView {
    let posted = use_context::<Findings>().and_then(|findings| findings.inquiry);
    let sent = posted.is_none() && query("sent").is_some();
    view! {
        <Title text="Contact sales" />
        {if sent {
            view! { <Sent /> }.into_any()
        } else {
            let inquiry = posted.unwrap_or_else(|| Inquiry { typed: known(), ..Inquiry::default() });
            view! { <Ask inquiry /> }.into_any()
        }}
    }
}

/// What is known before anything is typed: the plan that somebody comes from, and who has signed in.
fn known() -> Typed {
    let of = |account: Account| Typed {
        company: if account.kind == Kind::Team { account.organization_name } else { String::new() },
        name: account.name,
        email: account.email,
        ..Typed::default()
    };
    let typed = visitor().account.map(of).unwrap_or_default();
    Typed { plan: query("plan").unwrap_or_default(), seats: query("seats").unwrap_or_default(), ..typed }
}

#[component]
fn Ask(inquiry: Inquiry) -> impl IntoView {
    let catalog = catalog();
    let Inquiry { typed, wrong, refused } = inquiry;
    let about = catalog.plans.iter().find(|plan| plan.id.as_str() == typed.plan).map(|plan| plan.name.clone());
    let title = about.map_or_else(|| "Talk to sales".to_owned(), |plan| format!("Talk to us about {plan}"));
    view! {
        <div class="narrow">
            <header class="page-head">
                <h1>{title}</h1>
                <p class="lead">
                    {format!("Tell us what you need from {}. A person reads every request and answers within one working day.", catalog.name)}
                </p>
            </header>
            {refused.map(|refused| view! { <Notice tone=Tone::Warning><p>{refused}</p></Notice> })}
            {(wrong != Wrong::default()).then(|| view! {
                <div class="notice notice-warning" role="alert">
                    {Icon::Warning.view()}
                    <div><p>"Nothing was sent yet: something below is missing or not right."</p></div>
                </div>
            })}
            <form class="card stack sales-form" method="post" action=at("/api/contact-sales")>
                <div class="field-pair">
                    <Line name="name" label="Your name" kind="text" autocomplete="name" value=typed.name wrong=wrong.name />
                    <Line name="email" label="Work e-mail" kind="email" autocomplete="email" value=typed.email wrong=wrong.email />
                </div>
                <Line name="company" label="Organization" kind="text" autocomplete="organization" value=typed.company wrong=wrong.company />
                <div class="field-pair">
                    <Plans catalog=catalog.clone() chosen=typed.plan wrong=wrong.plan />
                    <div class="field">
                        <label for="seats">"How many people "<span class="optional">"optional"</span></label>
                        <input class="wide" id="seats" name="seats" type="number" inputmode="numeric" min="1" max=SEATS value=typed.seats
                            aria-invalid=wrong.seats.is_some().then_some("true") aria-describedby=wrong.seats.map(|_| "seats-note") />
                        <FieldWrong name="seats" wrong=wrong.seats />
                    </div>
                </div>
                <div class="field">
                    <label for="message">"What do you need?"</label>
                    <textarea id="message" name="message" rows="5" required maxlength=MESSAGE
                        aria-invalid=wrong.message.is_some().then_some("true") aria-describedby=wrong.message.map(|_| "message-note")>
                        {as_text(&typed.message)}
                    </textarea>
                    <FieldWrong name="message" wrong=wrong.message />
                </div>
                // Out of people's sight and reach; what fills it in is not a person.
                <div class="trap" aria-hidden="true">
                    <label for="website">"Leave this empty"</label>
                    <input id="website" name="website" type="text" tabindex="-1" autocomplete="off" />
                </div>
                <div class="actions">
                    <button class="button button-primary button-large" type="submit">"Send to sales"</button>
                    <a class="button button-large" href=at("/pricing")>"Back to all plans"</a>
                </div>
                <p class="muted small">
                    "We use this to answer you, and for nothing else."
                    {catalog.sales_email.as_deref().map(bare).map(|address| view! {
                        " You can also write to "<a href=format!("mailto:{address}")>{address.to_owned()}</a>"."
                    })}
                </p>
            </form>
        </div>
    }
}

/// `sales@example.org` of `Sales <sales@example.org>`.
fn bare(address: &str) -> &str {
    address.split_once('<').map_or(address, |(_, rest)| rest.trim_end_matches('>'))
}

/// Text inside a `textarea`, which Leptos writes as it is: without this somebody's words would be part of the page.
fn as_text(typed: &str) -> String {
    typed.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A line that must be filled in.
#[component]
fn Line(
    name: &'static str,
    label: &'static str,
    kind: &'static str,
    autocomplete: &'static str,
    value: String,
    wrong: Option<&'static str>,
) -> impl IntoView {
    view! {
        <div class="field">
            <label for=name>{label}</label>
            <input class="wide" id=name name=name type=kind required maxlength=LINE autocomplete=autocomplete value=value
                aria-invalid=wrong.is_some().then_some("true") aria-describedby=wrong.map(|_| format!("{name}-note")) />
            <FieldWrong name wrong />
        </div>
    }
}

#[component]
fn FieldWrong(name: &'static str, wrong: Option<&'static str>) -> impl IntoView {
    wrong.map(|wrong| view! { <p class="field-note field-wrong" id=format!("{name}-note")>{wrong}</p> })
}

/// The plans that are sold by contact first: they are what most people come for.
#[component]
fn Plans(catalog: std::sync::Arc<Catalog>, chosen: String, wrong: Option<&'static str>) -> impl IntoView {
    let by_contact = catalog.plans.iter().filter(|plan| plan.contact_sales);
    let options = by_contact
        .chain(catalog.plans.iter().filter(|plan| plan.is_sold()))
        .map(|plan| {
            let selected = plan.id.as_str() == chosen;
            view! { <option value=plan.id.to_string() selected=selected>{plan.name.clone()}</option> }
        })
        .collect_view();
    view! {
        <div class="field">
            <label for="plan">"Plan "<span class="optional">"optional"</span></label>
            <select id="plan" name="plan" aria-invalid=wrong.is_some().then_some("true") aria-describedby=wrong.map(|_| "plan-note")>
                <option value="">"Not sure yet"</option>
                {options}
            </select>
            <FieldWrong name="plan" wrong />
        </div>
    }
}

#[component]
fn Sent() -> impl IntoView {
    let signed_in = visitor().account.is_some();
    view! {
        <div class="narrow">
            <section class="card stack" data-testid="sent">
                <Notice tone=Tone::Success><p>"Your request is with our sales team."</p></Notice>
                <h1>"Thank you. Here is what happens next"</h1>
                <ol class="steps">
                    <li><strong>"A person reads it."</strong>" You hear from us by e-mail within one working day."</li>
                    <li><strong>"We agree on a plan."</strong>" How many people, what is included, what it costs, and for how long."</li>
                    <li><strong>"It is switched on for your organization."</strong>" You see it in the billing settings at once; nothing has to be installed."</li>
                </ol>
                <p class="muted">"Until then nothing changes: what you use today goes on as it is."</p>
                <div class="actions">
                    {if signed_in {
                        view! { <a class="button button-primary" href=at("/dashboard")>"Go to the dashboard"</a> }.into_any()
                    } else {
                        view! { <a class="button button-primary" href=at("/pricing")>"Back to all plans"</a> }.into_any()
                    }}
                    <a class="button" href=at("/docs/api")>"Read the API"</a>
                </div>
            </section>
        </div>
    }
}
