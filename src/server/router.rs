//! Every HTTP route on one screen. The pages' own addresses are in `app.rs`.

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::handler::Handler;
use axum::http::{HeaderMap, Method};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

use super::routes::{
    account, audit, billing, health, keys, organizations, playground, sales, subscription, team, theme, top_ups,
    updates, usage, webhook,
};
use super::{App, api, assets, auth, guard, pages, request_id};
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
        // Together: a layer by itself is a box around the boxes before it, and each request would clone them all.
        .layer((
            SetRequestIdLayer::x_request_id(MakeRequestUuid),
            PropagateRequestIdLayer::x_request_id(),
            from_fn_with_state(app.clone(), complete),
            TraceLayer::new_for_http(),
            CatchPanicLayer::custom(failed),
            DefaultBodyLimit::max(BODY_LIMIT),
            TimeoutLayer::with_status_code(axum::http::StatusCode::REQUEST_TIMEOUT, TIMEOUT),
            CompressionLayer::new(),
        ))
        .with_state(app)
}

/// What every answer has, whoever made it: an id, words and headers. In one function: each function among the layers
/// makes a copy of all that are below it, for each request.
async fn complete(State(app): State<App>, request: Request, next: Next) -> Response {
    let path = request.uri().clone();
    request_id::known(request, async |request| {
        let response = next.run(request).await;
        guard::with_headers(&app, api::worded(path.path(), response))
    })
    .await
}

/// A route with a session, for one method.
pub struct Route {
    /// The method.
    pub method: Method,
    /// The address.
    pub path: &'static str,
    handler: MethodRouter<App>,
}

fn gets<H: Handler<T, App>, T: 'static>(path: &'static str, handler: H) -> Route {
    Route { method: Method::GET, path, handler: get(handler) }
}

fn posts<H: Handler<T, App>, T: 'static>(path: &'static str, handler: H) -> Route {
    Route { method: Method::POST, path, handler: post(handler) }
}

/// With a session: forms, and the API that browsers call. Each has its line in the test that tries it with somebody
/// else's ids.
pub fn with_session() -> Vec<Route> {
    vec![
        gets("/auth/login", auth::login),
        gets("/auth/callback", auth::callback),
        posts("/auth/logout", auth::logout),
        posts("/theme", theme::choose),
        gets("/api/organizations", organizations::list),
        posts("/api/organizations", team::create),
        posts("/api/organizations/rename", team::rename),
        posts("/api/organizations/delete", team::delete),
        posts("/api/members/role", team::change_role),
        posts("/api/members/remove", team::remove),
        posts("/api/members/seat", team::seat),
        posts("/api/members/transfer", team::transfer),
        posts("/api/invitations", team::invite),
        posts("/api/invitations/resend", team::resend),
        posts("/api/invitations/revoke", team::revoke),
        posts("/api/invitations/accept", team::accept),
        posts("/api/sessions/end", account::end_session),
        posts("/api/account/delete", account::delete),
        gets("/settings/account/export.json", account::export),
        posts("/api/checkout", billing::checkout),
        posts("/api/create-checkout-session", billing::checkout),
        posts("/billing/create-checkout-session", billing::checkout),
        gets("/billing/success", billing::arrive),
        gets("/api/checkout/success", billing::success),
        posts("/api/packs/checkout", billing::buy_pack),
        gets("/billing/packs/success", billing::pack_bought),
        posts("/api/billing/portal", billing::portal),
        posts("/billing/create-portal-session", billing::portal),
        gets("/billing/return", billing::come_back),
        posts("/api/subscription/cancel", subscription::cancel),
        posts("/api/subscription/reactivate", subscription::reactivate),
        posts("/api/subscription/preview", subscription::preview),
        posts("/api/subscription/change", subscription::change),
        posts("/api/subscription/keep", subscription::keep),
        posts("/api/subscription/downgrade-to-free", subscription::downgrade_to_free),
        posts("/api/keys", keys::create),
        posts("/api/keys/revoke", keys::revoke),
        gets("/playground", pages::render),
        posts("/playground", playground::press),
        posts("/api/top-ups", top_ups::set),
        posts("/api/contact-sales", sales::contact),
        posts("/api/time-zone", usage::time_zone),
        gets("/settings/usage/ledger.csv", usage::ledger),
        gets("/settings/audit/log.csv", audit::log),
        gets("/api/updates", updates::updates),
        posts("/pages/{*function}", pages::server_function),
        gets("/api/{*rest}", pages::missing),
        posts("/api/{*rest}", pages::missing),
    ]
}

/// With a session: the above, and the pages.
fn for_people(app: &App) -> Router<App> {
    let routes = with_session().into_iter();
    routes
        .fold(Router::new(), |router, route| router.route(route.path, route.handler))
        .fallback(get(pages::render))
        .layer((
            auth::layer(app.store.clone(), &app.config.public_url),
            from_fn_with_state(app.clone(), pages::failures_as_pages),
            from_fn_with_state(app.clone(), pages::visitor),
            from_fn_with_state(app.clone(), guard::same_site),
            from_fn(guard::private),
        ))
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

/// A handler that panicked answers like any other failure. The panic itself is in the log, beside this line.
fn failed(_: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!(request = request_id::current().unwrap_or_default(), "a handler panicked");
    AppError::new(Code::Internal, "Something went wrong on our side. Please try again.").into_response()
}
