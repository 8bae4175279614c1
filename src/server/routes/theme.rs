//! `POST /theme`: remembers the colours that a person chose, so that the next page comes in them from the first byte.

use axum::Form;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use serde::Deserialize;
use time::Duration;

use crate::server::App;
use crate::server::auth::ReturnTo;
use crate::visitor::Theme;

/// The form in the user menu.
#[derive(Debug, Deserialize)]
pub struct Choice {
    theme: String,
}

/// Sets the cookie and goes back to where the person was.
pub async fn choose(
    State(app): State<App>,
    headers: HeaderMap,
    jar: CookieJar,
    Form(choice): Form<Choice>,
) -> Response {
    let cookie = Cookie::build(("theme", Theme::parse(&choice.theme).as_str()))
        .path("/")
        .same_site(SameSite::Lax)
        .secure(app.config.public_url.starts_with("https://"))
        .http_only(true)
        .max_age(Duration::days(365));
    let came_from = headers
        .get("referer")
        .and_then(|value| value.to_str().ok())
        .and_then(|url| url.strip_prefix(&app.config.public_url));
    let back = match came_from {
        Some(path) if !path.is_empty() => ReturnTo::parse(Some(path)),
        _ => ReturnTo::parse(Some("/")),
    };
    (jar.add(cookie), Redirect::to(back.as_str())).into_response()
}
