//! The billing settings: how the plan stands and what can be done about it, what it is paid with, and the invoices.

use domain::plan::Period;
use leptos::prelude::*;
use leptos_meta::Title;

use super::cancel::{CancelForm, CancelView};
use super::{query, when_loaded};
use crate::components::dialog::AskInDialog;
use crate::components::notice::{Notice, Tone};
use crate::components::settings_nav::{Settings as SettingsPage, SettingsNav};
use crate::error::AppError;
use crate::visitor::at;

/// A date that matters: `Renews on` / `21 December 2026`.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct KeyDate {
    /// What happens.
    pub label: String,
    /// When, for people.
    pub text: String,
    /// When, for machines.
    pub iso: String,
}

/// The seats of a subscription.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Seated {
    /// How many.
    pub quantity: u32,
    /// The plan that they are of.
    pub plan: String,
}

/// How a plan can be changed, beside going to another.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Changing {
    /// The plan and the other period in which it is sold.
    pub other_period: Option<(String, Period)>,
}

/// How an organization's billing stands.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct BillingView {
    /// The organization's name.
    pub organization: String,
    /// The tier's name.
    pub tier_name: String,
    /// One sentence on the plan.
    pub summary: String,
    /// `Active`, `Trial` …
    pub status: String,
    /// What deserves a banner, the most urgent first.
    pub banners: Vec<Banner>,
    /// `$60 / month`, where something is paid.
    pub price: Option<String>,
    /// How the plan can be changed, where nothing stands against it.
    pub changing: Option<Changing>,
    /// How many seats, where the plan has seats.
    pub seats: Option<Seated>,
    /// What happens next, and when.
    pub date: Option<KeyDate>,
    /// What it is paid with: its name and, for a card, its expiry.
    pub payment_method: Option<(String, Option<String>)>,
    /// What canceling would mean, where there is something to cancel.
    pub cancel: Option<CancelView>,
    /// Whether there is anything to manage at Stripe.
    pub has_customer: bool,
    /// Whether this person may.
    pub may_manage: bool,
    /// A page of invoices, newest first.
    pub invoices: Vec<InvoiceLine>,
    /// Which page it is, from 1.
    pub page: u32,
    /// Whether there are older ones.
    pub more: bool,
}

/// Something that deserves a banner, with what can be done about it.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Banner {
    /// How much it matters.
    pub tone: Tone,
    /// What happened, and until when what holds.
    pub text: String,
    /// What can be done.
    pub remedies: Vec<Remedy>,
}

/// What can be done about something.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub enum Remedy {
    /// Take a scheduled end back.
    Reactivate,
    /// End at once what is locked anyway.
    EndNow,
    /// Take a scheduled change back, to keep this plan.
    KeepPlan(String),
    /// Pay with something else.
    PaymentMethod,
    /// Have another number of seats of this plan.
    Seats(String),
    /// Pay an invoice on Stripe's page.
    PayInvoice(String),
    /// Pay the price that was agreed on with sales.
    PayAgreed(String),
}

/// An invoice in the list.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct InvoiceLine {
    /// Its number.
    pub number: String,
    /// When it was made.
    pub date: KeyDate,
    /// `Paid`, `Open` …
    pub status: String,
    /// Whether somebody must pay it.
    pub open: bool,
    /// The sum.
    pub amount: String,
    /// Stripe's page.
    pub hosted_url: Option<String>,
    /// The paper.
    pub pdf_url: Option<String>,
}

/// How the billing of the organization stands.
#[server(prefix = "/pages", endpoint = "billing")]
async fn load_billing(page: Option<String>) -> Result<BillingView, AppError> {
    let ctx = crate::server::pages::Ctx::signed_in()?;
    let page = page.and_then(|page| page.parse().ok()).filter(|page| *page > 0).unwrap_or(1);
    ctx.app.billing_view(&ctx.account, page).await.map_err(crate::server::error::Error::into_app)
}

/// The settings.
#[component]
pub fn BillingPage() -> impl IntoView {
    let page = query("page");
    let billing = Resource::new_blocking(move || page.clone(), load_billing);
    view! {
        <Title text="Billing" />
        {when_loaded(billing, |billing| view! { <Settings billing /> })}
    }
}

#[component]
fn Settings(billing: BillingView) -> impl IntoView {
    let may_manage = billing.may_manage;
    let banners = billing.banners.clone();
    view! {
        <header class="page-head">
            <SettingsNav current=SettingsPage::Billing />
            <h1>"Billing"</h1>
            <p class="lead">{format!("Plan and payment of {}.", billing.organization)}</p>
        </header>
        <div class="stack">
            {banners.into_iter().map(|banner| view! { <BannerNotice banner may_manage /> }).collect_view()}
            <PlanCard billing=billing.clone() />
            {billing.has_customer.then(|| view! { <Payment billing=billing.clone() /> })}
            {(billing.has_customer || !billing.invoices.is_empty()).then(|| view! { <Invoices billing=billing.clone() /> })}
        </div>
    }
}

#[component]
fn BannerNotice(banner: Banner, may_manage: bool) -> impl IntoView {
    view! {
        <Notice tone=banner.tone>
            <p>{banner.text}</p>
            {(may_manage && !banner.remedies.is_empty()).then(|| view! {
                <div class="actions">{banner.remedies.into_iter().map(remedy).collect_view()}</div>
            })}
        </Notice>
    }
}

fn remedy(remedy: Remedy) -> AnyView {
    let post = |action: &'static str, words: String| {
        view! { <form method="post" action=at(action)><button class="button" type="submit">{words}</button></form> }
            .into_any()
    };
    match remedy {
        Remedy::Reactivate => post("/api/subscription/reactivate", "Reactivate".to_owned()),
        Remedy::EndNow => post("/api/subscription/downgrade-to-free", "End the subscription now".to_owned()),
        Remedy::KeepPlan(plan) => post("/api/subscription/keep", format!("Keep {plan}")),
        Remedy::PaymentMethod => view! { <PaymentMethodButton words="Update payment method" /> }.into_any(),
        Remedy::Seats(plan) => view! { <ChangeSeats plan /> }.into_any(),
        Remedy::PayInvoice(url) => view! { <a class="button" href=url>"Pay the invoice"</a> }.into_any(),
        Remedy::PayAgreed(url) => {
            view! { <a class="button button-primary" href=url>"Pay the agreed price"</a> }.into_any()
        }
    }
}

#[component]
fn ChangePeriod(plan: String, period: Period) -> impl IntoView {
    let words = match period {
        Period::Monthly => "Pay monthly",
        Period::Yearly => "Pay yearly",
    };
    view! { <a class="button" href=at(format!("/settings/billing/change/{plan}?period={}", period.as_str()))>{words}</a> }
}

#[component]
fn ChangeSeats(plan: String) -> impl IntoView {
    view! { <a class="button" href=at(format!("/settings/billing/change/{plan}"))>"Change seats"</a> }
}

#[component]
fn PaymentMethodButton(words: &'static str) -> impl IntoView {
    view! {
        <form method="post" action=at("/api/billing/portal")>
            <input type="hidden" name="flow" value="payment_method" />
            <button class="button" type="submit">{words}</button>
        </form>
    }
}

#[component]
fn PlanCard(billing: BillingView) -> impl IntoView {
    let (paying, may_change) = (billing.price.is_some(), billing.changing.is_some());
    let other_period = billing.changing.and_then(|changing| changing.other_period);
    view! {
        <section class="card" aria-labelledby="plan">
            <div class="card-head">
                <div>
                    <h2 id="plan"><span data-testid="current-tier">{billing.tier_name}</span>" plan"</h2>
                    <p class="muted">{billing.summary}</p>
                </div>
                <span class="badge badge-accent" data-testid="subscription-status">{billing.status}</span>
            </div>
            <dl class="facts">
                {billing.price.map(|price| view! { <div><dt>"Price"</dt><dd>{price}</dd></div> })}
                {billing.seats.as_ref().map(|seats| view! { <div><dt>"Seats"</dt><dd data-testid="seats">{seats.quantity}</dd></div> })}
                {billing.date.map(|date| view! { <div><dt>{date.label}</dt><dd><time datetime=date.iso>{date.text}</time></dd></div> })}
            </dl>
            {billing.may_manage.then(|| view! {
                <div class="actions">
                    {(!paying).then(|| view! { <a class="button button-primary" href=at("/pricing")>"See plans"</a> })}
                    {may_change.then(|| view! { <a class="button button-primary" href=at("/pricing")>"Change plan"</a> })}
                    {other_period.map(|(plan, period)| view! { <ChangePeriod plan period /> })}
                    {billing.seats.filter(|_| may_change).map(|seats| view! { <ChangeSeats plan=seats.plan /> })}
                    {billing.cancel.map(|cancel| view! {
                        <AskInDialog label="Cancel subscription".to_owned() href=at("/settings/billing/cancel") title=format!("Cancel {}?", cancel.plan)>
                            <h2>{format!("Cancel {}?", cancel.plan)}</h2>
                            <CancelForm cancel />
                            <form method="dialog"><button class="button button-quiet" type="submit">"Keep my plan"</button></form>
                        </AskInDialog>
                    })}
                </div>
            })}
            {(!billing.may_manage).then(|| view! {
                <p class="muted small">"Owners, admins and billing members can change the plan and the payment."</p>
            })}
        </section>
    }
}

#[component]
fn Payment(billing: BillingView) -> impl IntoView {
    let known = billing.payment_method.is_some();
    view! {
        <section class="card" aria-labelledby="payment">
            <h2 id="payment">"Payment method"</h2>
            {match billing.payment_method {
                Some((name, expires)) => view! {
                    <dl class="facts">
                        <div><dt>{name}</dt><dd>{expires.map(|expires| format!("Expires {expires}"))}</dd></div>
                    </dl>
                }
                .into_any(),
                None => view! { <p class="muted">"None on file."</p> }.into_any(),
            }}
            {billing.may_manage.then(|| view! {
                <div class="actions">
                    <PaymentMethodButton words=if known { "Update" } else { "Add a payment method" } />
                    <form method="post" action=at("/api/billing/portal")>
                        <button class="button" type="submit">"Billing address and tax id"</button>
                    </form>
                </div>
            })}
        </section>
    }
}

#[component]
fn Invoices(billing: BillingView) -> impl IntoView {
    let (page, more, empty) = (billing.page, billing.more, billing.invoices.is_empty());
    view! {
        <section class="card" aria-labelledby="invoices" id="invoices-card">
            <h2 id="invoices">"Invoices"</h2>
            {if empty {
                view! { <p class="muted">"No invoices yet. The first one appears here when it is made."</p> }.into_any()
            } else {
                view! {
                    <div class="table-scroll" tabindex="0" role="region" aria-labelledby="invoices">
                        <table class="list">
                            <thead><tr><th scope="col">"Date"</th><th scope="col">"Number"</th><th scope="col">"Status"</th><th scope="col" class="number">"Amount"</th><th scope="col"><span class="visually-hidden">"Documents"</span></th></tr></thead>
                            <tbody>{billing.invoices.into_iter().map(invoice_row).collect_view()}</tbody>
                        </table>
                    </div>
                }
                .into_any()
            }}
            {(page > 1 || more).then(|| view! {
                <nav class="actions" aria-label="Invoices, pages">
                    {(page > 1).then(|| view! { <a class="button" href=at(format!("/settings/billing?page={}#invoices-card", page - 1))>"Newer"</a> })}
                    {more.then(|| view! { <a class="button" href=at(format!("/settings/billing?page={}#invoices-card", page + 1))>"Older"</a> })}
                </nav>
            })}
        </section>
    }
}

fn invoice_row(invoice: InvoiceLine) -> impl IntoView {
    let number = invoice.number.clone();
    let named = move |what: &str| format!(" {what} of invoice {number}");
    view! {
        <tr data-testid="invoice">
            <td><time datetime=invoice.date.iso>{invoice.date.text}</time></td>
            <td>{invoice.number}</td>
            <td><span class=if invoice.open { "badge badge-warning" } else { "badge" }>{invoice.status}</span></td>
            <td class="number">{invoice.amount}</td>
            <td class="links">
                {invoice.hosted_url.map(|url| view! {
                    <a href=url>{if invoice.open { "Pay" } else { "View" }}<span class="visually-hidden">{named("page")}</span></a>
                })}
                {invoice.pdf_url.map(|url| view! { <a href=url>"PDF"<span class="visually-hidden">{named("PDF")}</span></a> })}
            </td>
        </tr>
    }
}
