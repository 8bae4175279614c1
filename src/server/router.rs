//! Every HTTP route on one screen. The pages' own addresses are in `app.rs`.

use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::HeaderMap;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

use super::routes::{
    billing, health, keys, organizations, playground, subscription, theme, top_ups, updates, usage, webhook,
};
use super::{App, api, assets, auth, guard, pages};
use crate::error::{AppError, Code};

/// The largest body that anybody may send: an event is a few kilobytes.
const BODY_LIMIT: usize = 1024 * 1024;
/// The longest that an answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Everything that answers over HTTP.
pub fn router(app: App) -> Router {
    // Where several apps share a process, as in tests, the first has set it already.
    drop(any_spawner::Executor::init_tokio());
    Router::new()
        .merge(for_people(&app))
        .merge(for_machines())
        .merge(for_services(&app))
        .layer(from_fn_with_state(app.clone(), guard::headers))
        .layer(CompressionLayer::new())
        .layer(TimeoutLayer::with_status_code(axum::http::StatusCode::REQUEST_TIMEOUT, TIMEOUT))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(CatchPanicLayer::custom(failed))
        .layer(TraceLayer::new_for_http())
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .with_state(app)
}

/// With a session: pages, their functions and forms, and the API that browsers call.
fn for_people(app: &App) -> Router<App> {
    Router::new()
        .route("/auth/login", get(auth::login))
        .route("/auth/callback", get(auth::callback))
        .route("/auth/logout", post(auth::logout))
        .route("/theme", post(theme::choose))
        .route("/api/organizations", get(organizations::list))
        .route("/api/checkout", post(billing::checkout))
        .route("/api/create-checkout-session", post(billing::checkout))
        .route("/billing/create-checkout-session", post(billing::checkout))
        .route("/billing/success", get(billing::arrive))
        .route("/api/checkout/success", get(billing::success))
        .route("/api/packs/checkout", post(billing::buy_pack))
        .route("/billing/packs/success", get(billing::pack_bought))
        .route("/api/billing/portal", post(billing::portal))
        .route("/billing/create-portal-session", post(billing::portal))
        .route("/billing/return", get(billing::come_back))
        .route("/api/subscription/cancel", post(subscription::cancel))
        .route("/api/subscription/reactivate", post(subscription::reactivate))
        .route("/api/subscription/preview", post(subscription::preview))
        .route("/api/subscription/change", post(subscription::change))
        .route("/api/subscription/keep", post(subscription::keep))
        .route("/api/subscription/downgrade-to-free", post(subscription::downgrade_to_free))
        .route("/api/keys", post(keys::create))
        .route("/api/keys/revoke", post(keys::revoke))
        .route("/playground", get(pages::render).post(playground::press))
        .route("/api/top-ups", post(top_ups::set))
        .route("/api/time-zone", post(usage::time_zone))
        .route("/settings/usage/ledger.csv", get(usage::ledger))
        .route("/api/updates", get(updates::updates))
        .route("/pages/{*function}", post(pages::server_function))
        .route("/api/{*rest}", get(pages::missing).post(pages::missing))
        .fallback(get(pages::render))
        .layer(from_fn(guard::private))
        .layer(from_fn_with_state(app.clone(), guard::same_site))
        .layer(from_fn_with_state(app.clone(), pages::visitor))
        .layer(from_fn_with_state(app.clone(), pages::failures_as_pages))
        .layer(auth::layer(app.store.clone(), &app.config.public_url))
}

/// With a key: the API.
fn for_services(app: &App) -> Router<App> {
    api::router(app).layer(from_fn_with_state(app.clone(), api::limit))
}

/// Without a session: Stripe, probes and files.
fn for_machines() -> Router<App> {
    let public = |path| get(move |headers: HeaderMap| async move { assets::public(path, &headers) });
    Router::new()
        .route("/api/webhooks/stripe", post(webhook::receive))
        .route("/billing/webhook", post(webhook::receive))
        .route("/api/stripe/webhook", post(webhook::receive))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/pkg/{file}", get(assets::package))
        .route("/favicon.svg", public("favicon.svg"))
        .route("/robots.txt", public("robots.txt"))
}

/// A handler that panicked answers like any other failure. The panic itself is in the log.
fn failed(_: Box<dyn std::any::Any + Send>) -> Response {
    AppError::new(Code::Internal, "Something went wrong on our side. Please try again.").into_response()
}
