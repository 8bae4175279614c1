//! What the portal shows: the plan, the payment method, the invoices, and the forms behind the
//! buttons. Labels and buttons are stable, browser tests rely on them.

use std::fmt::Write;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;

use super::configuration;
use crate::calendar;
use crate::json::Json;
use crate::page::{escape, href, money, price, render};
use crate::stripe::account::Account;
use crate::stripe::checkout::{alert, field, test_cards};
use crate::stripe::{customers, products, subscriptions};

/// Everything on the overview.
pub(super) struct Overview {
    session: Value,
    configuration: Value,
    email: String,
    card: Option<Value>,
    subscriptions: Vec<(Value, String)>,
    invoices: Vec<Value>,
}

impl Overview {
    /// The overview for a session's customer.
    pub(super) fn of(account: &Account, session: &Value) -> Self {
        let customer = session.text("customer");
        let mine = |it: &&Value| it.text("customer") == customer;
        let subscriptions: Vec<(Value, String)> =
            account.data().newest("subscription").filter(mine).map(|it| (it.clone(), plan(account, it))).collect();
        let method = customers::default_payment_method(account, customer).or_else(|| {
            let (first, _) = subscriptions.first()?;
            first.maybe("default_payment_method").map(str::to_owned)
        });
        let card = method.and_then(|id| account.get("payment_method", &id)?.get("card").cloned());
        let configuration = account.get(configuration::KIND, session.text("configuration"));
        Self {
            session: session.clone(),
            configuration: configuration.cloned().unwrap_or_default(),
            email: account.get("customer", customer).map_or("", |it| it.text("email")).to_owned(),
            card,
            subscriptions,
            invoices: account.data().newest("invoice").filter(mine).cloned().collect(),
        }
    }

    /// The page, with a note about what was just done.
    pub(super) fn render(&self, note: Option<&str>) -> Response {
        let note =
            note.map_or_else(String::new, |note| format!("<p class=\"done\" role=\"status\">{}</p>", escape(note)));
        let body = format!(
            "<main>{}<h1>Billing</h1><p class=\"muted\">{}</p>{note}\
             <h2>Plan</h2>{}<h2>Payment method</h2>{}{}</main>",
            header(&self.session),
            escape(&self.email),
            self.plans(),
            self.payment_method(),
            self.history()
        );
        render(StatusCode::OK, "Billing portal", "wide-page", &body)
    }

    fn plans(&self) -> String {
        if self.subscriptions.is_empty() {
            return "<p class=\"muted\">There is no plan yet.</p>".to_owned();
        }
        self.subscriptions.iter().map(|(subscription, plan)| self.plan(subscription, plan)).collect()
    }

    fn plan(&self, subscription: &Value, plan: &str) -> String {
        let status = subscription.text("status");
        let class = match status {
            "active" | "trialing" => "good",
            "canceled" | "incomplete_expired" => "",
            _ => "bad",
        };
        format!(
            "<article class=\"box\"><header><h3>{}</h3><span class=\"badge {class}\">{}</span></header>\
             <p class=\"muted\">{}</p>{}</article>",
            escape(plan),
            escape(status),
            escape(&when(subscription)),
            self.buttons(subscription)
        )
    }

    fn buttons(&self, subscription: &Value) -> String {
        if subscriptions::has_ended(subscription) {
            return String::new();
        }
        let root = format!("/p/session/{}/subscriptions/{}", self.session.text("id"), subscription.text("id"));
        let mut buttons = String::new();
        if configuration::allows(&self.configuration, "subscription_update") {
            let _ = write!(buttons, "<a class=\"button plain\" href=\"{root}/plan\">Switch plan</a>");
        }
        if ends(subscription).is_some() {
            let _ = write!(
                buttons,
                "<form class=\"row\" method=\"post\" action=\"{root}/renew\"><button>Don’t cancel plan</button></form>"
            );
        } else if configuration::allows(&self.configuration, "subscription_cancel") {
            let _ = write!(buttons, "<a class=\"button plain\" href=\"{root}/cancel\">Cancel plan</a>");
        }
        format!("<div class=\"actions\">{buttons}</div>")
    }

    fn payment_method(&self) -> String {
        let card = self.card.as_ref().map_or_else(
            || "<p class=\"muted\">None on file.</p>".to_owned(),
            |card| {
                format!(
                    "<p>{} •••• {} <span class=\"muted\">expires {:02}/{}</span></p>",
                    escape(card.text("brand")),
                    escape(card.text("last4")),
                    card.int("exp_month"),
                    card.int("exp_year")
                )
            },
        );
        if !configuration::allows(&self.configuration, "payment_method_update") {
            return card;
        }
        format!(
            "{card}<p><a class=\"button plain\" href=\"/p/session/{}/payment-method\">Update payment method</a></p>",
            self.session.text("id")
        )
    }

    fn history(&self) -> String {
        if !configuration::allows(&self.configuration, "invoice_history") || self.invoices.is_empty() {
            return String::new();
        }
        let rows: String = self.invoices.iter().map(invoice_row).collect();
        format!(
            "<h2>Invoices</h2><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Invoices\"><table class=\"grid\">\
             <thead><tr><th scope=\"col\">Date</th><th scope=\"col\">Number</th><th scope=\"col\">Amount</th><th scope=\"col\">Status</th></tr></thead>\
             <tbody>{rows}</tbody></table></div>"
        )
    }
}

fn invoice_row(invoice: &Value) -> String {
    format!(
        "<tr><td>{}</td><td><a href=\"{}\">{}</a></td><td class=\"num\">{}</td><td>{}</td></tr>",
        calendar::date(invoice.int("created")),
        href(invoice.text("hosted_invoice_url")),
        escape(invoice.text("number")),
        escape(&money(invoice.int("total"), invoice.text("currency"))),
        escape(invoice.text("status"))
    )
}

fn header(session: &Value) -> String {
    let back = session.maybe("return_url").map_or_else(String::new, |url| {
        let site = url.split('/').nth(2).unwrap_or(url);
        format!("<a href=\"{}\">← Return to {}</a>", href(url), escape(site))
    });
    format!("<p class=\"inline\">{back}<span class=\"test-mode\">TEST MODE</span></p>")
}

/// A subscription's plan in words.
fn plan(account: &Account, subscription: &Value) -> String {
    let items = subscription.get("items").map_or(&[][..], |items| items.list("data"));
    let names: Vec<String> = items
        .iter()
        .filter_map(|item| {
            let of = item.get("price")?;
            let name = products::name(account, of.text("product"));
            Some(format!("{name} ({})", price(of)))
        })
        .collect();
    names.join(", ")
}

/// When the subscription is scheduled to end.
fn ends(subscription: &Value) -> Option<i64> {
    let scheduled = subscription.maybe_int("cancel_at");
    scheduled.or_else(|| subscription.flag("cancel_at_period_end").then(|| subscriptions::period_end(subscription)))
}

fn when(subscription: &Value) -> String {
    if let Some(at) = subscription.maybe_int("ended_at") {
        return format!("Ended on {}.", calendar::date(at));
    }
    if let Some(at) = ends(subscription) {
        return format!("Cancels on {}.", calendar::date(at));
    }
    let end = calendar::date(subscriptions::period_end(subscription));
    match subscription.text("status") {
        "trialing" => format!("Trial ends on {end}."),
        _ => format!("Renews on {end}."),
    }
}

/// The form for a new card.
pub(super) fn card_form(session: &Value, error: Option<&str>) -> Response {
    let id = session.text("id");
    let body = format!(
        "<main class=\"card\">{}<h1>Update payment method</h1>{}\
         <form method=\"post\" action=\"/p/session/{id}/payment-method\">{}<div class=\"pair\">{}{}</div>{}\
         <button class=\"wide\">Update</button></form>{}</main>",
        header(session),
        alert(error),
        field(
            "number",
            "Card number",
            "text",
            "4242 4242 4242 4242",
            "inputmode=\"numeric\" autocomplete=\"off\" required"
        ),
        field("expiry", "Expiry", "text", "12 / 40", "autocomplete=\"off\" required"),
        field("cvc", "CVC", "text", "123", "inputmode=\"numeric\" autocomplete=\"off\" required"),
        field("name", "Name on card", "text", "", "autocomplete=\"cc-name\""),
        test_cards()
    );
    let status = if error.is_some() { StatusCode::PAYMENT_REQUIRED } else { StatusCode::OK };
    render(status, "Update payment method", "centered", &body)
}

/// The question before a cancellation.
pub(super) fn cancel_form(account: &Account, session: &Value, subscription: &Value) -> Response {
    let (id, of) = (session.text("id"), subscription.text("id"));
    let body = format!(
        "<main class=\"card\">{}<h1>Cancel plan</h1><p>{}</p>\
         <p class=\"muted\">It stays available until {}.</p>\
         <form class=\"stack\" method=\"post\" action=\"/p/session/{id}/subscriptions/{of}/cancel\">\
         <button class=\"wide danger\">Cancel plan</button><a class=\"button plain wide\" href=\"{}\">Go back</a></form></main>",
        header(session),
        escape(&plan(account, subscription)),
        calendar::date(subscriptions::period_end(subscription)),
        href(session.maybe("return_url").unwrap_or("/")),
    );
    render(StatusCode::OK, "Cancel plan", "centered", &body)
}

/// The plans to switch to.
pub(super) fn plan_form(account: &Account, session: &Value, subscription: &Value, offered: &[Value]) -> Response {
    let (id, of) = (session.text("id"), subscription.text("id"));
    let current = subscription
        .get("items")
        .and_then(|items| items.list("data").first()?.get("price")?.maybe("id"))
        .unwrap_or_default();
    let choices: String = offered
        .iter()
        .filter(|it| it.text("id") != current)
        .map(|it| {
            format!(
                "<button class=\"plain wide\" name=\"price\" value=\"{}\">{} – {}</button>",
                escape(it.text("id")),
                escape(&products::name(account, it.text("product"))),
                escape(&price(it))
            )
        })
        .collect();
    let body = format!(
        "<main class=\"card\">{}<h1>Switch plan</h1><p class=\"muted\">Now: {}</p>\
         <form class=\"stack\" method=\"post\" action=\"/p/session/{id}/subscriptions/{of}/plan\">{choices}</form></main>",
        header(session),
        escape(&plan(account, subscription))
    );
    render(StatusCode::OK, "Switch plan", "centered", &body)
}

/// A prepared change with the invoice that it leads to, and the button that makes it.
pub(super) fn confirm_form(account: &Account, session: &Value, subscription: &Value, invoice: &Value) -> Response {
    let (id, of) = (session.text("id"), subscription.text("id"));
    let currency = invoice.text("currency");
    let lines: String = invoice
        .get("lines")
        .map_or(&[][..], |lines| lines.list("data"))
        .iter()
        .map(|line| {
            format!(
                "<li><span>{}</span><span class=\"num\">{}</span></li>",
                escape(line.text("description")),
                escape(&money(line.int("amount"), currency))
            )
        })
        .collect();
    let due = if invoice.text("billing_reason") == "subscription_update" {
        "Amount due today".to_owned()
    } else {
        format!("Amount due on {}", calendar::date(invoice.int("period_end")))
    };
    let body = format!(
        "<main class=\"card\">{}<h1>Confirm your update</h1><p class=\"muted\">Now: {}</p><ul class=\"lines\">{lines}\
         <li class=\"sum\"><span>{due}</span><span class=\"num\">{}</span></li></ul>\
         <form class=\"stack\" method=\"post\" action=\"/p/session/{id}/subscriptions/{of}/confirm\">\
         <button class=\"wide\">Confirm</button><a class=\"button plain wide\" href=\"{}\">Go back</a></form></main>",
        header(session),
        escape(&plan(account, subscription)),
        escape(&money(invoice.int("amount_due"), currency)),
        href(session.maybe("return_url").unwrap_or("/")),
    );
    render(StatusCode::OK, "Confirm your update", "centered", &body)
}
