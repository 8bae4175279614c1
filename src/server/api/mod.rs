//! The HTTP API for services: what an organization may do, and what it uses. Callers have a key. The description of
//! it at `/api/openapi.json` is made from the handlers.

mod caller;
mod check;
mod idempotency;
mod organization;
mod problem;
mod rate;
mod usage;

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use aide::openapi::{Info, OpenApi, SecurityScheme, Server};
use aide::transform::{TransformOpenApi, TransformOperation};
use axum::routing::get;
use axum::{Json, Router};

pub use check::CheckAnswer;
pub use problem::Failure;
pub use rate::{Rates, limit};

use super::App;

/// Every route of the API.
pub fn router(app: &App) -> Router<App> {
    let mut description = OpenApi {
        info: Info { title: format!("{} billing", app.catalog.name), version: "1".to_owned(), ..Info::default() },
        servers: vec![Server { url: app.config.public_url.clone(), ..Server::default() }],
        ..OpenApi::default()
    };
    let router = routes().finish_api_with(&mut description, describe);
    let description = Json(description);
    router.route("/api/openapi.json", get(move || async move { description }))
}

fn routes() -> ApiRouter<App> {
    ApiRouter::new()
        .api_route("/api/v1/check", post_with(check::check, |o| operation(o, "check", "Entitlements")))
        .api_route("/api/v1/check/batch", post_with(check::batch, |o| operation(o, "checkBatch", "Entitlements")))
        .api_route("/api/v1/usage", post_with(usage::consume, |o| operation(o, "consume", "Usage")))
        .api_route("/api/v1/reserve", post_with(usage::reserve, |o| operation(o, "reserve", "Usage")))
        .api_route("/api/v1/confirm", post_with(usage::confirm, |o| operation(o, "confirm", "Usage")))
        .api_route("/api/v1/release", post_with(usage::release, |o| operation(o, "release", "Usage")))
        .api_route(
            "/api/v1/organizations/{id}/entitlements",
            get_with(organization::entitlements, |o| operation(o, "entitlements", "Entitlements")),
        )
        .api_route(
            "/api/v1/organizations/{id}/usage",
            get_with(organization::usage, |o| operation(o, "usage", "Usage")),
        )
        .api_route(
            "/api/v1/organizations/{id}/subscription",
            get_with(organization::subscription, |o| operation(o, "subscription", "Plans")),
        )
        .api_route("/api/v1/plans", get_with(organization::plans, |o| operation(o, "plans", "Plans")))
        // In the words of those who call it so.
        .api_route(
            "/billing/check-feature-access",
            post_with(check::feature_access, |o| operation(o, "checkFeatureAccess", "Aliases")),
        )
        .api_route(
            "/billing/check-usage-limits",
            post_with(check::usage_limits, |o| operation(o, "checkUsageLimits", "Aliases")),
        )
        .api_route(
            "/billing/subscription/status/{id}",
            get_with(organization::subscription, |o| operation(o, "subscriptionStatus", "Aliases")),
        )
        .api_route("/billing/plans", get_with(organization::plans, |o| operation(o, "billingPlans", "Aliases")))
}

fn operation<'o>(operation: TransformOperation<'o>, id: &str, tag: &str) -> TransformOperation<'o> {
    operation.id(id).tag(tag).default_response::<Json<problem::Problem>>()
}

fn describe(api: TransformOpenApi<'_>) -> TransformOpenApi<'_> {
    let scheme = SecurityScheme::Http {
        scheme: "bearer".to_owned(),
        bearer_format: None,
        description: Some("A key of this API, `bhk_…`: `billhook keys create`.".to_owned()),
        extensions: Default::default(),
    };
    api.security_scheme("key", scheme)
        .description("Times are UTC seconds. A write takes an `Idempotency-Key`; a failure is a problem document.")
}
