//! Invoices: listed, read, voided and given up here; built in `build`, collected in `collect`,
//! foreseen in `preview`, made by hand and paid on request in `by_hand`, shown in `page`.

mod build;
mod by_hand;
mod collect;
mod page;
mod pdf;
mod preview;

use serde_json::{Value, json};

pub(crate) use build::{Draft, Line, create};
pub(crate) use by_hand::recount;
pub(crate) use collect::{Attempt, collect, due_at, finalize, finalize_in_full, go_on, pay, stop_collecting};
pub(crate) use page::{document, hosted, pay_form};
pub(crate) use preview::{foresee, nothing_to_come, upcoming};

use super::account::Account;
use super::error::ApiError;
use super::routes::{Call, Route, delete, get, post};
use super::{customers, list, subscriptions};
use crate::json::Json;

/// Payments of invoices.
pub(crate) const PAYMENT: &str = "invoice_payment";

const LIST: &str = "@list collection_method=charge_automatically|send_invoice created:range customer \
    customer_account due_date:range status=draft|open|paid|uncollectible|void subscription";

pub(crate) const ROUTES: &[Route] = &[
    get("/v1/invoices", LIST, all),
    post("/v1/invoices/create_preview", preview::PARAMS, preview::call),
    post("/v1/invoices", by_hand::CREATE, by_hand::create),
    get("/v1/invoices/{id}", "", retrieve),
    post("/v1/invoices/{id}", by_hand::UPDATE, by_hand::update),
    delete("/v1/invoices/{id}", "", by_hand::remove),
    get("/v1/invoices/{id}/lines", "@list", lines),
    post(
        "/v1/invoices/{id}/pay",
        "forgive:bool mandate off_session:bool paid_out_of_band:bool payment_method source",
        by_hand::pay,
    ),
    post("/v1/invoices/{id}/finalize", "auto_advance:bool", by_hand::finalize),
    post("/v1/invoices/{id}/void", "", void_call),
    post("/v1/invoices/{id}/mark_uncollectible", "", uncollectible),
    get("/v1/invoice_payments", "@list created:range invoice status payment:any", payments_call),
];

/// Subscription that an invoice belongs to.
pub(crate) fn subscription(invoice: &Value) -> Option<&str> {
    invoice.get("parent")?.get("subscription_details")?.maybe("subscription")
}

/// Ids of the payments of each invoice.
const PAYMENTS: &str = "_invoice_payments";

/// The payments of an invoice, as its `payments` property.
pub(crate) fn payments(account: &Account, invoice: &str) -> Value {
    list::embedded(&payments_of(account, invoice), &format!("/v1/invoice_payments?invoice={invoice}"))
}

/// The intent of the latest payment of an invoice.
pub(crate) fn latest_intent(account: &Account, invoice: &str) -> Option<String> {
    let latest = payments_of(account, invoice).into_iter().next()?;
    latest.get("payment")?.maybe("payment_intent").map(str::to_owned)
}

/// What a browser needs to confirm the latest payment of an invoice.
pub(crate) fn confirmation_secret(account: &Account, invoice: &str) -> Value {
    let intent = latest_intent(account, invoice).and_then(|id| account.get("payment_intent", &id));
    intent
        .map_or(Value::Null, |intent| json!({ "client_secret": intent.get("client_secret"), "type": "payment_intent" }))
}

/// The payments of an invoice, newest first.
fn payments_of(account: &Account, invoice: &str) -> Vec<Value> {
    let ids = account.get(PAYMENTS, invoice).map_or(&[][..], |note| note.list("ids"));
    ids.iter().rev().filter_map(|id| account.get(PAYMENT, id.as_str()?)).cloned().collect()
}

fn remember_payment(account: &mut Account, invoice: &str, payment: &str) {
    let mut ids = account.get(PAYMENTS, invoice).map_or(&[][..], |note| note.list("ids")).to_vec();
    ids.push(payment.into());
    account.note(PAYMENTS, invoice, json!({ "ids": ids }));
}

/// Leaves a draft as it is until somebody finalizes it.
pub(crate) fn keep_as_draft(account: &mut Account, mut invoice: Value) -> Value {
    invoice.set("auto_advance", false);
    account.update(&invoice, "invoice.updated");
    invoice
}

fn give_up(account: &mut Account, mut invoice: Value) -> Value {
    invoice.set("status", "uncollectible");
    invoice.set("next_payment_attempt", Value::Null);
    transition(&mut invoice, "marked_uncollectible_at", account.now());
    account.announce(&invoice, "invoice.marked_uncollectible");
    invoice
}

/// Voids an open invoice that will never be paid.
pub(crate) fn void(account: &mut Account, id: &str) {
    if let Some(mut invoice) = account.get("invoice", id).cloned()
        && ["open", "draft", "uncollectible"].contains(&invoice.text("status"))
    {
        invoice.set("status", "void");
        invoice.set("next_payment_attempt", Value::Null);
        transition(&mut invoice, "voided_at", account.now());
        account.announce(&invoice, "invoice.voided");
    }
}

/// Writes down when an invoice changed its status.
pub(crate) fn transition(invoice: &mut Value, moment: &str, at: i64) {
    if let Some(transitions) = invoice.get_mut("status_transitions") {
        transitions.set(moment, at);
    }
}

fn retrieve(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    account.path("invoice", call.id())
}

fn all(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let params = &call.params;
    customers::check_filter(account, params)?;
    list::page(account, "invoice", "/v1/invoices", params, |invoice| {
        ["collection_method", "customer", "status"].iter().all(|field| list::matches(invoice, field, params))
            && list::in_range(invoice, "due_date", params)
            && params.maybe("subscription").is_none_or(|wanted| subscription(invoice) == Some(wanted))
    })
}

fn lines(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let invoice = account.path("invoice", call.id())?;
    let lines = invoice.get("lines").cloned().unwrap_or_default();
    let url = format!("/v1/invoices/{}/lines", call.id());
    list::of(lines.list("data").iter(), &url, &call.params)
}

fn void_call(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let invoice = account.path("invoice", call.id())?;
    if !["open", "uncollectible"].contains(&invoice.text("status")) {
        return Err(ApiError::invalid("You can only void invoices that are open or uncollectible."));
    }
    void(account, call.id());
    subscriptions::invoice_closed(account, &invoice);
    account.path("invoice", call.id())
}

fn uncollectible(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let invoice = account.path("invoice", call.id())?;
    if invoice.text("status") != "open" {
        return Err(ApiError::invalid("You can only mark open invoices as uncollectible."));
    }
    let invoice = give_up(account, invoice);
    subscriptions::invoice_closed(account, &invoice);
    Ok(invoice)
}

fn payments_call(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let wanted = call.params.get("payment").cloned().unwrap_or_default();
    let same = |payment: &Value, field: &str| list::matches(&payment["payment"], field, &wanted);
    list::page(account, PAYMENT, "/v1/invoice_payments", &call.params, |payment| {
        list::matches(payment, "invoice", &call.params)
            && list::matches(payment, "status", &call.params)
            && same(payment, "type")
            && same(payment, "payment_intent")
    })
}

/// A payment of an invoice by an intent.
fn payment_object(account: &Account, invoice: &Value, intent: &str, paid: bool) -> Value {
    let now = account.now();
    json!({
        "id": crate::ids::new("inpay_"),
        "object": PAYMENT,
        "amount_paid": paid.then(|| invoice.int("amount_due")),
        "amount_requested": invoice.int("amount_due"),
        "created": now,
        "currency": invoice.text("currency"),
        "invoice": invoice.text("id"),
        "is_default": true,
        "livemode": false,
        "payment": { "payment_intent": intent, "type": "payment_intent" },
        "status": if paid { "paid" } else { "open" },
        "status_transitions": { "canceled_at": null, "paid_at": paid.then_some(now) },
    })
}
