//! The hosted invoice page and its PDF: what was billed, and a form to pay what is open.

use std::sync::Arc;

use axum::extract::{Form, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Attempt, pdf};
use crate::calendar;
use crate::json::Json;
use crate::page::{escape, message, money, render, see_other};
use crate::stripe::account::{Account, Origin};
use crate::stripe::checkout::{alert, expiry, field, test_cards};
use crate::stripe::error::ApiError;
use crate::stripe::payment_methods::{self, Entry};
use crate::stripe::{Stripe, subscriptions, test_clocks, timers};

/// A card to pay with.
#[derive(Deserialize)]
pub(crate) struct Card {
    number: String,
    expiry: String,
    cvc: String,
}

/// Shows an invoice.
pub(crate) async fn hosted(State(stripe): State<Arc<Stripe>>, Path(id): Path<String>) -> Response {
    show(&stripe, &id, None)
}

/// Pays an open invoice with a card.
pub(crate) async fn pay_form(
    State(stripe): State<Arc<Stripe>>,
    Path(id): Path<String>,
    Form(card): Form<Card>,
) -> Response {
    let outcome = stripe.run(Origin::default(), |account| {
        timers::run_due(account);
        let invoice = account.path("invoice", &id)?;
        if invoice.text("status") != "open" {
            return Ok(());
        }
        let moment = test_clocks::moment_of(account, invoice.text("customer"));
        account.at(moment, |account| pay(account, &invoice, &card))
    });
    match outcome {
        Ok(()) => see_other(&format!("/i/{id}")),
        Err(error) => show(&stripe, &id, Some(error.message())),
    }
}

fn pay(account: &mut Account, invoice: &Value, card: &Card) -> Result<(), ApiError> {
    let (month, year) = expiry(&card.expiry);
    let entry = Entry::read(&card.number, month, year, card.cvc.trim(), account.now())?;
    let customer = invoice.text("customer").to_owned();
    let method = payment_methods::save(account, &entry, Some(&customer), &json!({}));
    let method = method.text("id").to_owned();
    let attempt = Attempt { method: Some(method.clone()), present: true, ..Attempt::default() };
    super::pay(account, invoice.clone(), &attempt)?;
    let paid_for = super::subscription(invoice).and_then(|id| account.get("subscription", id)).cloned();
    if let Some(subscription) = paid_for {
        subscriptions::set_payment_method(account, subscription, &method);
    }
    Ok(())
}

/// The invoice as a PDF.
pub(crate) async fn document(State(stripe): State<Arc<Stripe>>, Path(id): Path<String>) -> Response {
    let Some(invoice) = find(&stripe, &id) else {
        return missing();
    };
    let name = format!("inline; filename=\"Invoice-{}.pdf\"", invoice.text("number"));
    let headers = [(header::CONTENT_TYPE, "application/pdf".to_owned()), (header::CONTENT_DISPOSITION, name)];
    (headers, pdf::of_lines(&in_words(&invoice))).into_response()
}

fn find(stripe: &Stripe, id: &str) -> Option<Value> {
    stripe.store.read(|data| data.get("invoice", id).cloned())
}

fn missing() -> Response {
    message(StatusCode::NOT_FOUND, "Not found", "There is no such invoice.")
}

fn lines(invoice: &Value) -> &[Value] {
    invoice.get("lines").map_or(&[], |lines| lines.list("data"))
}

fn in_words(invoice: &Value) -> Vec<String> {
    let currency = invoice.text("currency");
    let mut words = vec![
        format!("Invoice {}", invoice.text("number")),
        format!("Date: {}", calendar::date(invoice.int("created"))),
        format!("Bill to: {}", invoice.maybe("customer_email").unwrap_or("customer")),
        format!("Status: {}", invoice.text("status")),
        String::new(),
    ];
    for line in lines(invoice) {
        words.push(format!("{}   {}", line.text("description"), money(line.int("amount"), currency)));
    }
    words.push(String::new());
    words.push(format!("Total: {}", money(invoice.int("total"), currency)));
    words.push(format!("Amount due: {}", money(invoice.int("amount_remaining"), currency)));
    words.push("Sandbox document: no money was asked for or moved.".to_owned());
    words
}

fn show(stripe: &Stripe, id: &str, error: Option<&str>) -> Response {
    let Some(invoice) = find(stripe, id) else {
        return missing();
    };
    let status = if error.is_some() { StatusCode::PAYMENT_REQUIRED } else { StatusCode::OK };
    let currency = invoice.text("currency");
    let rows: String = lines(&invoice)
        .iter()
        .map(|line| {
            format!(
                "<li><span>{}</span><span class=\"num\">{}</span></li>",
                escape(line.text("description")),
                escape(&money(line.int("amount"), currency))
            )
        })
        .collect();
    let form = if invoice.text("status") == "open" { pay_section(&invoice) } else { String::new() };
    let body = format!(
        "<main><p><span class=\"test-mode\">TEST MODE</span></p><h1>Invoice {number}</h1>\
         <p class=\"muted\">{date} · <span class=\"badge\">{state}</span></p>\
         <p class=\"total num\">{total}</p><ul class=\"lines\">{rows}\
         <li class=\"sum\"><span>Amount due</span><span class=\"num\">{due}</span></li></ul>\
         <p><a href=\"/i/{id}/pdf\">Download PDF</a></p>{}{form}</main>",
        alert(error),
        number = escape(invoice.text("number")),
        date = calendar::date(invoice.int("created")),
        state = escape(invoice.text("status")),
        total = escape(&money(invoice.int("total"), currency)),
        due = escape(&money(invoice.int("amount_remaining"), currency)),
        id = escape(id),
    );
    render(status, "Invoice", "wide-page", &body)
}

fn pay_section(invoice: &Value) -> String {
    format!(
        "<h2>Pay this invoice</h2><form method=\"post\" action=\"/i/{}\">{}<div class=\"pair\">{}{}</div>\
         <button>Pay {}</button></form>{}",
        escape(invoice.text("id")),
        field("number", "Card number", "text", "4242 4242 4242 4242", "inputmode=\"numeric\" required"),
        field("expiry", "Expiry", "text", "12 / 40", "required"),
        field("cvc", "CVC", "text", "123", "inputmode=\"numeric\" required"),
        escape(&money(invoice.int("amount_remaining"), invoice.text("currency"))),
        test_cards()
    )
}
