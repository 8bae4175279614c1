//! What a customer does with a running subscription, from a form or as JSON. A form comes back to the billing settings;
//! a program gets the subscription as it is afterwards.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Json};
use domain::change::{Terms, Timing};
use domain::time::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::billing::{number, period_named, plan_named};
use super::body::{Body, Wanted};
use crate::server::App;
use crate::server::error::Error;
use crate::server::pages::signed_in;
use crate::server::stripe::Leaving;
use crate::server::subscription::Seen;
use crate::visitor::{Account, Visitor};

/// Why somebody leaves.
#[derive(Debug, Deserialize)]
pub struct CancelBody {
    #[serde(alias = "feedback")]
    reason: Option<String>,
    comment: Option<String>,
}

/// `POST /api/subscription/cancel`: the end at the end of what is paid.
pub async fn cancel(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Body { value, wanted }: Body<CancelBody>,
) -> Result<Response, Error> {
    let account = signed_in(&visitor)?;
    let said = |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let comment = said(value.comment).map(|comment| comment.chars().take(COMMENT).collect());
    app.cancel(account, Leaving { feedback: said(value.reason), comment }).await?;
    answer(&app, account, wanted).await
}

/// The longest comment that is passed on, in characters.
const COMMENT: usize = 500;

/// Nothing needs to be said.
#[derive(Debug, Deserialize)]
pub struct Nothing {}

/// `POST /api/subscription/reactivate`: takes a scheduled end back.
pub async fn reactivate(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Body { wanted, .. }: Body<Nothing>,
) -> Result<Response, Error> {
    let account = signed_in(&visitor)?;
    app.reactivate(account).await?;
    answer(&app, account, wanted).await
}

/// `POST /api/subscription/keep`: takes a scheduled change back.
pub async fn keep(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Body { wanted, .. }: Body<Nothing>,
) -> Result<Response, Error> {
    let account = signed_in(&visitor)?;
    app.keep_plan(account).await?;
    answer(&app, account, wanted).await
}

/// `POST /api/subscription/downgrade-to-free`: ends it at once.
pub async fn downgrade_to_free(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Body { wanted, .. }: Body<Nothing>,
) -> Result<Response, Error> {
    let account = signed_in(&visitor)?;
    app.downgrade_to_free(account).await?;
    answer(&app, account, wanted).await
}

/// What to change to.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeBody {
    #[serde(alias = "tier", alias = "tierId")]
    plan: Option<String>,
    #[serde(alias = "billingPeriod", alias = "interval")]
    period: Option<String>,
    #[serde(alias = "seatCount", default, deserialize_with = "number")]
    seats: Option<u32>,
    /// When what was confirmed takes effect: `now` or `period_end`.
    #[serde(alias = "takes_effect", default)]
    takes_effect: Option<Timing>,
    /// The moment of the preview that was confirmed, UTC seconds.
    #[serde(alias = "proration_date", default, deserialize_with = "moment")]
    proration_date: Option<i64>,
}

/// `POST /api/subscription/change`: more now, less at the end of what is paid.
pub async fn change(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Body { value, wanted }: Body<ChangeBody>,
) -> Result<Response, Error> {
    let account = signed_in(&visitor)?;
    let terms = terms(&app, account, &value).await?;
    let seen = Seen { timing: value.takes_effect, at: value.proration_date.map(Timestamp) };
    app.change(account, &terms, seen).await?;
    answer(&app, account, wanted).await
}

/// `POST /api/subscription/preview`: what a change would do and cost.
pub async fn preview(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Body { value, wanted }: Body<ChangeBody>,
) -> Result<Response, Error> {
    let account = signed_in(&visitor)?;
    let terms = terms(&app, account, &value).await?;
    if wanted == Wanted::Redirect {
        let (plan, period, seats) = (&terms.plan, terms.period.as_str(), terms.quantity);
        let page = format!("/settings/billing/change/{plan}?period={period}&seats={seats}");
        return Ok(Redirect::to(&account.at(&page)).into_response());
    }
    let planned = app.plan_change(account, &terms).await?;
    Ok(Json(json!({
        "takesEffect": planned.timing,
        "periodEnd": planned.subscription.period_end,
        "prorationDate": planned.at,
        "amountDue": planned.preview.as_ref().map_or(0, |preview| preview.due),
        "currency": app.catalog.currency.code(),
        "lines": planned.preview.iter().flat_map(|preview| &preview.lines).map(|line| json!({
            "description": line.description,
            "amount": line.amount,
        })).collect::<Vec<_>>(),
    }))
    .into_response())
}

async fn terms(app: &App, account: &Account, body: &ChangeBody) -> Result<Terms, Error> {
    let plan = plan_named(body.plan.as_deref())?;
    app.wanted(account, plan, period_named(body.period.as_deref())?, body.seats).await
}

async fn answer(app: &App, account: &Account, wanted: Wanted) -> Result<Response, Error> {
    match wanted {
        Wanted::Redirect => Ok(Redirect::to(&account.at("/settings/billing")).into_response()),
        Wanted::Json => Ok(Json(app.subscription_view(&account.organization).await?).into_response()),
    }
}

/// Seconds as JSON writes them, or as a form does.
fn moment<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Moment {
        Seconds(i64),
        Text(String),
    }
    match Option::<Moment>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Moment::Seconds(seconds)) => Ok(Some(seconds)),
        Some(Moment::Text(text)) if text.trim().is_empty() => Ok(None),
        Some(Moment::Text(text)) => {
            text.trim().parse().map(Some).map_err(|_| serde::de::Error::custom("prorationDate must be UTC seconds"))
        }
    }
}
