//! The HTTP API for services: what an organization may do, and what it uses. Callers have a key. The description of
//! it at `/api/openapi.json` is made from the handlers.

mod caller;
mod check;
mod description;
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
pub use problem::{Failure, Problem, unreadable, worded};
pub use rate::{Rates, limit};

use domain::catalog::Catalog;

use super::App;
use super::config::Config;
use crate::pages::api_docs::ApiDescription;

/// Every route of the API, and how it describes itself.
pub fn router(app: &App) -> Router<App> {
    let (router, document) = described(&app.config, &app.catalog);
    let document = Json(document);
    router.route("/api/openapi.json", get(move || async move { document }))
}

/// The description for people.
pub fn description(config: &Config) -> ApiDescription {
    let (_, document) = described(config, &config.catalog);
    // It is made of strings, lists and maps.
    description::read(&serde_json::to_value(document).unwrap_or_default())
}

fn described(config: &Config, catalog: &Catalog) -> (Router<App>, OpenApi) {
    let mut document = OpenApi {
        info: Info { title: format!("{} billing", catalog.name), version: "1".to_owned(), ..Info::default() },
        servers: vec![Server { url: config.public_url.clone(), ..Server::default() }],
        ..OpenApi::default()
    };
    let router = routes().finish_api_with(&mut document, describe);
    (router, document)
}

fn routes() -> ApiRouter<App> {
    ApiRouter::new()
        .api_route("/api/v1/check", post_with(check::check, |o| operation(o, "check", "Entitlements", "May this organization do this? With the reason, whether yes or no. Changes nothing.")))
        .api_route("/api/v1/check/batch", post_with(check::batch, |o| operation(o, "checkBatch", "Entitlements", "Up to 100 questions at once, each answered by itself.")))
        .api_route("/api/v1/usage", post_with(usage::consume, |o| operation(o, "consume", "Usage", "Uses so much of a meter, or nothing where there is not enough left. Less than 0 gives back what exists no longer.")))
        .api_route("/api/v1/reserve", post_with(usage::reserve, |o| operation(o, "reserve", "Usage", "Holds so much of a meter for work whose cost is known later, or nothing where there is not enough left.")))
        .api_route("/api/v1/confirm", post_with(usage::confirm, |o| operation(o, "confirm", "Usage", "Uses what is held; less than all lets the rest go, more is used where it is left.")))
        .api_route("/api/v1/release", post_with(usage::release, |o| operation(o, "release", "Usage", "Lets go what is held.")))
        .api_route(
            "/api/v1/organizations/{id}/entitlements",
            get_with(organization::entitlements, |o| operation(o, "entitlements", "Entitlements", "Everything that an organization may do, at once.")),
        )
        .api_route(
            "/api/v1/organizations/{id}/usage",
            get_with(organization::usage, |o| operation(o, "usage", "Usage", "How an organization's meters stand, and its ledger, newest first.")),
        )
        .api_route(
            "/api/v1/organizations/{id}/subscription",
            get_with(organization::subscription, |o| operation(o, "subscription", "Plans", "The tier with its reason, and the subscription behind it.")),
        )
        .api_route("/api/v1/plans", get_with(organization::plans, |o| operation(o, "plans", "Plans", "What is sold.")))
        // In the words of those who call it so.
        .api_route(
            "/billing/check-feature-access",
            post_with(check::feature_access, |o| operation(o, "checkFeatureAccess", "Aliases", "The same as a check of a feature, in other words.")),
        )
        .api_route(
            "/billing/check-usage-limits",
            post_with(check::usage_limits, |o| operation(o, "checkUsageLimits", "Aliases", "The same as a check of one meter or all, in other words.")),
        )
        .api_route(
            "/billing/subscription/status/{id}",
            get_with(organization::subscription, |o| operation(o, "subscriptionStatus", "Aliases", "The same as the subscription, at another address.")),
        )
        .api_route("/billing/plans", get_with(organization::plans, |o| operation(o, "billingPlans", "Aliases", "The same as the plans, at another address.")))
}

fn operation<'o>(operation: TransformOperation<'o>, id: &str, group: &str, summary: &str) -> TransformOperation<'o> {
    operation.id(id).tag(group).summary(summary).default_response::<Json<problem::Problem>>()
}

fn describe(api: TransformOpenApi<'_>) -> TransformOpenApi<'_> {
    let scheme = SecurityScheme::Http {
        scheme: "bearer".to_owned(),
        bearer_format: None,
        description: Some("A key of this API, `bhk_…`: `billhook keys create`.".to_owned()),
        extensions: [].into_iter().collect(),
    };
    api.security_scheme("key", scheme).description(
        "Times are UTC seconds. A write takes an `Idempotency-Key`; a failure is a problem document \
             with the id of the request. Where a team's plan has seats, name the member as `user`: with a seat they \
             have what the plan gives, without one what the free plan gives. Without `user` an answer is about the \
             team as a whole. An answer that a person has through a seat says so in its `source`.",
    )
}
