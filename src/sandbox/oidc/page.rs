//! The provider's pages: who signs in, and what this server is. Labels and buttons are stable,
//! browser tests rely on them.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::Provider;
use super::request::Request;
use crate::config::SeedUser;
use crate::page::{escape, message, render};

/// The ready users as buttons, and a field for anybody else.
pub(super) fn picker(provider: &Provider, request: &Request, query: &str, error: Option<&str>) -> Response {
    let hint = request.login_hint.as_deref().unwrap_or_default();
    let mut users: Vec<&SeedUser> = provider.users.iter().collect();
    users.sort_by_key(|user| user.email != hint);
    let hidden = format!("<input type=\"hidden\" name=\"request\" value=\"{}\">", escape(query));
    let people: String = users.iter().map(|user| person(user)).collect();
    let error =
        error.map_or_else(String::new, |text| format!("<p class=\"alert\" role=\"alert\">{}</p>", escape(text)));
    let body = format!(
        "<main class=\"card\"><p><span class=\"test-mode\">LOCAL SIGN-IN</span></p><h1>Who are you today?</h1>\
         <p class=\"muted\">This provider runs on your machine and asks for no password.</p>\
         <form class=\"stack\" method=\"post\" action=\"/authorize\">{hidden}{people}</form>\
         <p class=\"divider\">or</p>{error}\
         <form method=\"post\" action=\"/authorize\">{hidden}<div class=\"field\"><label for=\"email\">Email</label>\
         <input id=\"email\" name=\"email\" type=\"email\" autocomplete=\"email\" required value=\"{}\"></div>\
         <button class=\"wide\">Continue with email</button></form>\
         <form method=\"post\" action=\"/authorize\">{hidden}<p></p><button class=\"plain wide\">Cancel</button></form></main>",
        escape(hint)
    );
    let status = if error.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    render(status, "Sign in", "centered", &body)
}

fn person(user: &SeedUser) -> String {
    let initial: String = user.name.chars().take(1).collect();
    format!(
        "<button class=\"person plain\" name=\"user\" value=\"{}\">\
         <span class=\"avatar\" aria-hidden=\"true\">{}</span><span>Continue as {name}</span><span class=\"mail\">{}</span></button>",
        escape(&user.sub),
        escape(&initial),
        escape(&user.email),
        name = escape(&user.name),
    )
}

/// What this server is.
pub(super) async fn about(State(provider): State<Arc<Provider>>) -> Response {
    let text = format!(
        "A sign-in service for local development. Its issuer is {}; nobody signs in here directly, the application sends people.",
        provider.issuer()
    );
    message(StatusCode::OK, "Local OpenID provider", &text)
}
