//! What stands before every handler: cross-site requests are refused, private pages ask for sign-in, and every answer
//! carries the headers that keep a browser safe.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::App;
use crate::error::{AppError, Code};
use crate::visitor::Visitor;

/// Stripe's deliveries come from elsewhere by design and are signed.
const SIGNED: [&str; 3] = ["/api/webhooks/stripe", "/billing/webhook", "/api/stripe/webhook"];
/// Pages that exist only for somebody who is signed in.
const PRIVATE: [&str; 7] =
    ["/dashboard", "/features", "/playground", "/settings", "/organizations", "/checkout", "/billing/success"];

/// Refuses requests that change something and come from another site. Server functions and forms have no protection
/// of their own.
pub async fn same_site(State(app): State<App>, request: Request, next: Next) -> Response {
    let harmless = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if harmless || SIGNED.contains(&request.uri().path()) || is_own(request.headers(), &app.config.public_url) {
        return next.run(request).await;
    }
    AppError::new(Code::Forbidden, "This request came from another site. Open the page here and try again.")
        .into_response()
}

/// Browsers say where a request comes from, and pages cannot change what they say.
fn is_own(headers: &HeaderMap, public_url: &str) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("sec-fetch-site") {
        Some(site) => site == "same-origin" || site == "none",
        None => text("origin") == Some(public_url),
    }
}

/// Sends whoever is not signed in to sign in, and back; and keeps what a signed-in person sees out of every cache.
pub async fn private(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_private = PRIVATE
        .iter()
        .any(|prefix| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    let signed_in = request.extensions().get::<Visitor>().is_some_and(|visitor| visitor.account.is_some());
    if is_private && !signed_in {
        let target = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        return Redirect::to(&format!("/auth/login?return_to={}", utf8_percent_encode(target, NON_ALPHANUMERIC)))
            .into_response();
    }
    let mut response = next.run(request).await;
    if signed_in {
        // Back after sign-out must not bring anything out of the browser's memory: every page names the person.
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// What is the same in every answer.
const HEADERS: [(&str, &str); 6] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=()"),
];

/// The headers of every answer. The content security policy of pages is set where their nonce is known.
pub fn with_headers(app: &App, mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.reserve(HEADERS.len() + 2);
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if app.config.public_url.starts_with("https://") {
        let value = HeaderValue::from_static("max-age=63072000; includeSubDomains");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    response
}

/// The content security policy of a page: nothing runs but what carries this answer's nonce.
pub fn page_policy(app: &App, nonce: &str) -> String {
    // Chromium applies form-action to the redirects after a post too: to Stripe's pages and to the provider's.
    let hosted = match app.config.stripe.api_base.as_str() {
        "https://api.stripe.com" => "https://checkout.stripe.com https://billing.stripe.com".to_owned(),
        other => origin(other),
    };
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; style-src 'self'; \
         img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; \
         form-action 'self' {hosted} {issuer}; frame-ancestors 'none'",
        issuer = origin(&app.config.oidc.issuer)
    )
}

fn origin(url: &str) -> String {
    url.parse::<http::Uri>()
        .ok()
        .and_then(|uri| Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?)))
        .unwrap_or_default()
}
