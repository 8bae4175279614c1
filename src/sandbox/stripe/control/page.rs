//! The control page: what this sandbox is, what it holds, what it sent, and the few switches.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;

use super::forms;
use crate::calendar;
use crate::json::Json;
use crate::mail;
use crate::page::{escape, render, table};
use crate::store::Data;
use crate::stripe::{SECRET_KEY, Stripe, events};

/// How many rows a table has at most.
pub(super) const SHOWN: usize = 25;

const KINDS: &[(&str, &str)] = &[
    ("Customers", "customer"),
    ("Subscriptions", "subscription"),
    ("Invoices", "invoice"),
    ("Checkouts", "checkout.session"),
    ("Products", "product"),
    ("Prices", "price"),
    ("Promotion codes", "promotion_code"),
    ("Events", "event"),
];

/// Shows the page.
pub(crate) async fn show(State(stripe): State<Arc<Stripe>>) -> Response {
    let body = stripe.store.read(|data| {
        format!(
            "<main><p><span class=\"test-mode\">SANDBOX</span></p><h1>Local Stripe</h1>\
             <p>This server answers Stripe’s API at <code>{}</code> with the key <code>{}</code>. \
             It holds one test account on this machine; nothing is charged and nothing leaves it.</p>\
             <h2>What it holds</h2>{}\
             <p class=\"actions\"><a class=\"button plain\" href=\"/sandbox/mailbox\">Mailbox ({})</a></p>{}{}{}{}{}</main>",
            escape(stripe.base_url()),
            SECRET_KEY,
            counts(data),
            data.count(mail::KIND),
            forms::switches(data),
            subscriptions(data),
            forms::disputes(data),
            recent(data),
            endpoints(data)
        )
    });
    render(StatusCode::OK, "Local Stripe", "wide-page", &body)
}

fn counts(data: &Data) -> String {
    let items: String =
        KINDS.iter().map(|(name, kind)| format!("<li><b class=\"num\">{}</b>{name}</li>", data.count(kind))).collect();
    format!("<ul class=\"counts\">{items}</ul>")
}

fn subscriptions(data: &Data) -> String {
    let rows: String = data
        .newest("subscription")
        .take(SHOWN)
        .map(|it| {
            let customer = data.get("customer", it.text("customer"));
            format!(
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td></tr>",
                escape(it.text("id")),
                escape(customer.map_or("", |it| it.text("email"))),
                badge(it.text("status")),
                data.due_of("subscription", it.text("id")).map_or_else(String::new, calendar::moment)
            )
        })
        .collect();
    table("Subscriptions", "subscriptions", &["Id", "Customer", "Status", "Next due"], &rows)
}

fn recent(data: &Data) -> String {
    let rows: String = data
        .newest("event")
        .take(SHOWN)
        .map(|event| {
            let id = escape(event.text("id"));
            format!(
                "<tr><td>{}</td><td>{}<br><code class=\"muted\">{id}</code></td><td>{}</td><td>\
                 <form class=\"row\" method=\"post\" action=\"/sandbox/page/redeliver\"><input type=\"hidden\" name=\"event\" value=\"{id}\">\
                 <button class=\"plain small\" aria-label=\"Resend {id}\">Resend</button></form></td></tr>",
                calendar::moment(event.int("created")),
                escape(event.text("type")),
                delivery(data, event)
            )
        })
        .collect();
    table("Events", "events", &["When", "Type", "Delivery", "Again"], &rows)
}

fn delivery(data: &Data, event: &Value) -> String {
    let states: String = data
        .newest("webhook_endpoint")
        .filter_map(|endpoint| {
            let id = events::delivery_id(event.text("id"), endpoint.text("id"));
            let delivery = data.get(events::OUTBOX, &id).or_else(|| data.get(events::DELIVERED, &id))?;
            let tries = match delivery.int("attempts") {
                0 | 1 => String::new(),
                many => format!(" ({many} tries)"),
            };
            Some(format!("{}{tries} ", badge(delivery.text("state"))))
        })
        .collect();
    if states.is_empty() { "<span class=\"muted\">no endpoint</span>".to_owned() } else { states }
}

/// A word that stands for a state.
pub(super) fn badge(state: &str) -> String {
    let class = match state {
        "active" | "trialing" | "delivered" | "enabled" => "good",
        "past_due" | "unpaid" | "failed" | "incomplete" => "bad",
        "pending" | "dropped" => "note",
        _ => "",
    };
    format!("<span class=\"badge {class}\">{}</span>", escape(state))
}

fn endpoints(data: &Data) -> String {
    let rows: String = data
        .newest("webhook_endpoint")
        .map(|it| {
            format!(
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
                escape(it.text("url")),
                badge(it.text("status")),
                it.list("enabled_events").len()
            )
        })
        .collect();
    table("Webhook endpoints", "endpoints", &["URL", "Status", "Subscriptions"], &rows)
}
