//! The mailbox in a browser, and as JSON for tests:
//!
//! | request | does |
//! |---|---|
//! | `GET /sandbox/mailbox`, `GET /sandbox/mailbox/{id}` | the mails, one mail |
//! | `GET /sandbox/mail` | all of them, newest first: `id`, `from`, `to`, `subject`, `text`, `html`, `at`, `headers` |
//! | `DELETE /sandbox/mail` | throws them away |

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json as JsonBody, Router};
use serde_json::Value;

use super::{KEPT, Mailbox};
use crate::calendar;
use crate::json::Json;
use crate::page::{escape, message, render, see_other, table};

type Server = State<Arc<Mailbox>>;

/// A mail's own HTML brings its styles along, and loads nothing: neither may its page.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'",
);

/// The mailbox's routes.
pub(crate) fn router(mailbox: Arc<Mailbox>) -> Router {
    Router::new()
        .route("/sandbox/mail", get(all).delete(empty))
        .route("/sandbox/mailbox", get(list))
        .route("/sandbox/mailbox/empty", post(empty_form))
        .route("/sandbox/mailbox/{id}", get(show))
        .with_state(mailbox)
}

async fn all(State(mailbox): Server) -> Response {
    JsonBody(mailbox.mails()).into_response()
}

async fn empty(State(mailbox): Server) -> Response {
    match mailbox.empty() {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => failed(&error),
    }
}

async fn empty_form(State(mailbox): Server) -> Response {
    match mailbox.empty() {
        Ok(()) => see_other("/sandbox/mailbox"),
        Err(error) => failed(&error),
    }
}

fn failed(error: &crate::Error) -> Response {
    message(StatusCode::INTERNAL_SERVER_ERROR, "Mailbox", &error.to_string())
}

async fn list(State(mailbox): Server) -> Response {
    let mails = mailbox.mails();
    let rows: String = mails
        .iter()
        .map(|mail| {
            format!(
                "<tr><td>{}</td><td>{}</td><td>{}</td><td><a href=\"/sandbox/mailbox/{}\">{}</a></td></tr>",
                calendar::moment(mail.int("at")),
                escape(mail.text("from")),
                escape(&recipients(mail)),
                escape(mail.text("id")),
                escape(subject(mail))
            )
        })
        .collect();
    let clear = if rows.is_empty() {
        ""
    } else {
        "<form class=\"actions\" method=\"post\" action=\"/sandbox/mailbox/empty\"><button class=\"plain\">Empty the mailbox</button></form>"
    };
    let body = format!(
        "<main><p><a href=\"/\">← Local Stripe</a></p><p><span class=\"test-mode\">SANDBOX</span></p><h1>Mailbox</h1>\
         <p>What is sent to <code>{}</code> stays here; nobody gets it. The last {KEPT} mails are kept.</p>{}{clear}</main>",
        escape(mailbox.url()),
        table("Mails", "mails", &["When", "From", "To", "Subject"], &rows)
    );
    render(StatusCode::OK, "Mailbox", "wide-page", &body)
}

async fn show(State(mailbox): Server, Path(id): Path<String>) -> Response {
    let Some(mail) = mailbox.mail(&id) else {
        return message(StatusCode::NOT_FOUND, "Not found", "There is no such mail, or not any more.");
    };
    let body = format!(
        "<main><p><a href=\"/sandbox/mailbox\">← Mailbox</a></p><h1>{}</h1>\
         <p class=\"muted\">{} · to {}</p>{}{}{}</main>",
        escape(subject(&mail)),
        calendar::moment(mail.int("at")),
        escape(&recipients(&mail)),
        text(&mail),
        html(&mail),
        headers(&mail)
    );
    let mut response = render(StatusCode::OK, subject(&mail), "wide-page", &body);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response
}

fn subject(mail: &Value) -> &str {
    mail.maybe("subject").filter(|subject| !subject.trim().is_empty()).unwrap_or("(no subject)")
}

fn recipients(mail: &Value) -> String {
    mail.list("to").iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}

fn text(mail: &Value) -> String {
    mail.maybe("text").map_or_else(String::new, |text| {
        format!("<h2 id=\"text\">Text</h2><pre class=\"mail\" tabindex=\"0\" role=\"region\" aria-labelledby=\"text\">{}</pre>", linked(text))
    })
}

/// The mail's own page in a frame where nothing runs; its links open elsewhere.
fn html(mail: &Value) -> String {
    mail.maybe("html").map_or_else(String::new, |html| {
        format!(
            "<h2>HTML</h2><iframe class=\"mail\" title=\"The mail as HTML\" \
             sandbox=\"allow-popups allow-popups-to-escape-sandbox\" srcdoc=\"{}\"></iframe>",
            escape(&format!("<base target=\"_blank\">{html}"))
        )
    })
}

fn headers(mail: &Value) -> String {
    let rows: String = mail
        .list("headers")
        .iter()
        .map(|it| {
            format!("<tr><th scope=\"row\">{}</th><td>{}</td></tr>", escape(it.text("name")), escape(it.text("value")))
        })
        .collect();
    table("Headers", "headers", &["Name", "Value"], &rows)
}

/// Text with its web addresses as links.
fn linked(text: &str) -> String {
    text.split_inclusive(char::is_whitespace)
        .map(|word| {
            let address = word.trim_end().trim_end_matches(['.', ',', ')', '>', ';']);
            if !(address.starts_with("http://") || address.starts_with("https://")) {
                return escape(word);
            }
            let rest = &word[address.len()..];
            format!("<a href=\"{0}\" rel=\"noreferrer\">{0}</a>{1}", escape(address), escape(rest))
        })
        .collect()
}
