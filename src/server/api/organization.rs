//! What there is to read of an organization, and the plans.

use axum::Json;
use axum::extract::{Path, Query, State};
use domain::catalog::{Feature, Meter};
use domain::entitlement::{Entitlements, MeterAnswer};
use domain::plan::{Plan, PlanId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::caller::Reader;
use super::problem::Failure;
use crate::server::App;
use crate::server::entitlements::meter_of;
use crate::server::overview::SubscriptionView;
use crate::server::store::LedgerEntry;

/// How many lines a page of the ledger has if nothing is said, and at most.
const LINES: u32 = 100;
const MOST_LINES: u32 = 1000;

/// Whose answers.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberQuery {
    /// A member's, by our id or the identity provider's; without a seat they have what the free plan gives. Left out,
    /// they are the organization's as a whole.
    user: Option<String>,
}

/// Everything that an organization may do.
pub async fn entitlements(
    State(app): State<App>,
    reader: Reader,
    Path(id): Path<String>,
    query: Result<Query<MemberQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Entitlements>, Failure> {
    let MemberQuery { user } = read(query)?;
    let organization = reader.organization(Some(&id))?;
    let (standing, now) = app.standing_for(&organization, user.as_deref()).await?;
    Ok(Json(Entitlements::of(&app.catalog, &standing, now)))
}

/// Which lines of the ledger.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LedgerQuery {
    /// Only of this meter.
    meter: Option<String>,
    /// How many, 100 if nothing is said, 1,000 at most.
    limit: Option<u32>,
    /// Only those before this line: the last one of the page before.
    before: Option<String>,
}

/// How the meters stand, and what was used.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct UsageAnswer {
    /// How every meter stands.
    meters: Vec<MeterAnswer>,
    /// Lines of the ledger, newest first.
    entries: Vec<LedgerEntry>,
}

/// How an organization's meters stand, and its ledger.
pub async fn usage(
    State(app): State<App>,
    reader: Reader,
    Path(id): Path<String>,
    query: Result<Query<LedgerQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<UsageAnswer>, Failure> {
    let query = read(query)?;
    let organization = reader.organization(Some(&id))?;
    let meter = query.meter.as_deref().map(|meter| meter_of(&app.catalog, meter)).transpose()?;
    let (standing, now) = app.standing(&organization).await?;
    let limit = query.limit.unwrap_or(LINES).clamp(1, MOST_LINES);
    let entries = app.store.ledger(&organization, meter.map(|meter| &meter.id), query.before.as_deref(), limit).await?;
    let meters = app.catalog.meters.iter().filter(|each| meter.is_none_or(|meter| meter.id == each.id));
    Ok(Json(UsageAnswer { meters: meters.map(|meter| standing.meter(&app.catalog, meter, 1, now)).collect(), entries }))
}

/// A query, or what is wrong with it.
fn read<T>(query: Result<Query<T>, axum::extract::rejection::QueryRejection>) -> Result<T, Failure> {
    query.map(|Query(value)| value).map_err(|error| {
        Failure::refused(crate::error::Code::Invalid, format!("The query cannot be read: {}", error.body_text()))
    })
}

/// The tier with its reason, and the subscription behind it.
pub async fn subscription(
    State(app): State<App>,
    reader: Reader,
    Path(id): Path<String>,
) -> Result<Json<SubscriptionView>, Failure> {
    let organization = reader.organization(Some(&id))?;
    app.standing(&organization).await?;
    Ok(Json(app.subscription_view(&organization).await?))
}

/// What is sold.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Plans {
    /// What every price is in.
    currency: String,
    /// The plan of everybody who pays nothing.
    free_plan: PlanId,
    /// Days of trial that a first subscription starts with.
    trial_days: u32,
    /// The plans, each worth at least as much as the one before it for the same audience.
    #[serde(rename = "plans")]
    sold: Vec<Plan>,
    /// What each feature is.
    features: Vec<Feature>,
    /// What is counted.
    meters: Vec<Meter>,
}

/// The plans, for services and for other front ends. Needs no key.
pub async fn plans(State(app): State<App>) -> Json<Plans> {
    let catalog = &app.catalog;
    Json(Plans {
        currency: catalog.currency.code().to_owned(),
        free_plan: catalog.free_plan.clone(),
        trial_days: catalog.trial.map_or(0, |trial| trial.days),
        sold: catalog.plans.clone(),
        features: catalog.features.clone(),
        meters: catalog.meters.clone(),
    })
}
