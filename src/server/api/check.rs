//! `POST /api/v1/check`: may this organization do this? With the reason, whether yes or no. It changes nothing.

use axum::Json;
use axum::extract::State;
use domain::entitlement::{FeatureAnswer, MeterAnswer};
use domain::plan::PlanId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::caller::Reader;
use super::problem::{Failure, Problem};
use crate::error::Code;
use crate::server::App;
use crate::server::api::unreadable;
use crate::server::entitlements::Question;

/// How many questions one request may have.
const BATCH: usize = 100;

/// A question: a feature, a meter, or both.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CheckBody {
    /// Whose; may be left out where the key is for one organization.
    #[serde(alias = "customerId", alias = "customer_id")]
    organization: Option<String>,
    /// For which member, by our id or the identity provider's; without a seat they have what the free plan gives. Left
    /// out, it is for the organization as a whole.
    user: Option<String>,
    /// A feature of the catalogue.
    #[serde(alias = "featureId", alias = "feature_id")]
    feature: Option<String>,
    /// A meter of the catalogue.
    #[serde(alias = "resource")]
    meter: Option<String>,
    /// How much of the meter; 1 if nothing is said.
    amount: Option<u64>,
}

/// The answer.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckAnswer {
    /// Whose.
    pub organization: String,
    /// The plan that counts.
    pub plan: PlanId,
    /// Whether everything that was asked is allowed.
    pub allowed: bool,
    /// About the feature, where one was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature: Option<FeatureAnswer>,
    /// About the meter, where one was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meter: Option<MeterAnswer>,
}

/// May this organization do this?
pub async fn check(
    State(app): State<App>,
    reader: Reader,
    body: Result<Json<CheckBody>, axum::extract::rejection::JsonRejection>,
) -> Result<Json<CheckAnswer>, Failure> {
    answer(&app, &reader, read(body)?).await.map(Json)
}

async fn answer(app: &App, reader: &Reader, body: CheckBody) -> Result<CheckAnswer, Failure> {
    let organization = reader.organization(body.organization.as_deref())?;
    let question = Question::parse(&app.catalog, body.feature.as_deref(), body.meter.as_deref(), body.amount)?;
    let (standing, now) = app.standing_for(&organization, body.user.as_deref()).await?;
    let feature = question.feature.map(|feature| standing.feature(&app.catalog, feature, now));
    let meter = question.meter.map(|(meter, amount)| standing.meter(&app.catalog, meter, amount, now));
    Ok(CheckAnswer {
        organization: organization.0,
        plan: standing.tier.clone(),
        allowed: feature.as_ref().is_none_or(|answer| answer.allowed)
            && meter.as_ref().is_none_or(|answer| answer.allowed),
        feature,
        meter,
    })
}

/// Several questions.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchBody {
    /// At most 100.
    checks: Vec<CheckBody>,
}

/// Several answers.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct BatchAnswer {
    /// In the order of the questions.
    answers: Vec<Answered>,
}

/// An answer, or why there is none.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(untagged)]
enum Answered {
    /// The answer.
    Answer(Box<CheckAnswer>),
    /// Why there is none.
    Problem(Box<Problem>),
}

/// Several questions at once.
pub async fn batch(
    State(app): State<App>,
    reader: Reader,
    body: Result<Json<BatchBody>, axum::extract::rejection::JsonRejection>,
) -> Result<Json<BatchAnswer>, Failure> {
    let BatchBody { checks } = read(body)?;
    if checks.len() > BATCH {
        return Err(Failure::refused(Code::Invalid, format!("At most {BATCH} checks fit into one request.")));
    }
    let mut answers = Vec::with_capacity(checks.len());
    for body in checks {
        answers.push(match answer(&app, &reader, body).await {
            Ok(answer) => Answered::Answer(Box::new(answer)),
            Err(Failure::Error(error)) => Answered::Problem(Box::new(Problem::of(&error.into_app()))),
            Err(limit @ Failure::Limit { .. }) => return Err(limit),
        });
    }
    Ok(Json(BatchAnswer { answers }))
}

/// The answer of `/billing/check-feature-access`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeatureAccess {
    /// Whether the feature is unlocked.
    has_access: bool,
    #[serde(flatten)]
    answer: CheckAnswer,
}

/// The same question about a feature, in other words.
pub async fn feature_access(
    State(app): State<App>,
    reader: Reader,
    body: Result<Json<CheckBody>, axum::extract::rejection::JsonRejection>,
) -> Result<Json<FeatureAccess>, Failure> {
    let body = read(body)?;
    if body.feature.is_none() {
        return Err(Failure::refused(Code::Invalid, "Say which `feature`."));
    }
    let answer = answer(&app, &reader, body).await?;
    Ok(Json(FeatureAccess { has_access: answer.allowed, answer }))
}

/// The answer of `/billing/check-usage-limits`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageLimits {
    /// Whose.
    organization: String,
    /// Whether everything that was asked about has something left.
    within_limits: bool,
    /// Those that are used to 80 % or more, in sentences.
    warnings: Vec<String>,
    /// How every meter stands that was asked about.
    meters: Vec<MeterAnswer>,
}

/// The same question about one meter or all, in other words.
pub async fn usage_limits(
    State(app): State<App>,
    reader: Reader,
    body: Result<Json<CheckBody>, axum::extract::rejection::JsonRejection>,
) -> Result<Json<UsageLimits>, Failure> {
    let body = read(body)?;
    let organization = reader.organization(body.organization.as_deref())?;
    let (standing, now) = app.standing_for(&organization, body.user.as_deref()).await?;
    let meters: Vec<MeterAnswer> = if body.meter.is_some() {
        let question = Question::parse(&app.catalog, None, body.meter.as_deref(), body.amount)?;
        question.meter.iter().map(|(meter, amount)| standing.meter(&app.catalog, meter, *amount, now)).collect()
    } else {
        app.catalog.meters.iter().map(|meter| standing.meter(&app.catalog, meter, 1, now)).collect()
    };
    let warned = meters.iter().filter_map(|meter| meter.percent.filter(|_| meter.warning.is_some()).zip(Some(meter)));
    Ok(Json(UsageLimits {
        organization: organization.0,
        within_limits: meters.iter().all(|meter| meter.allowed),
        warnings: warned.map(|(percent, meter)| format!("{}: {percent} % used.", meter.name)).collect(),
        meters,
    }))
}

/// A body, or what is wrong with it.
pub(super) fn read<T>(body: Result<Json<T>, axum::extract::rejection::JsonRejection>) -> Result<T, Failure> {
    body.map(|Json(value)| value).map_err(|error| Failure::from(unreadable(error.status(), &error.body_text())))
}
