//! Checkout and portal.

use axum::Extension;
use axum::extract::{Query, Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use domain::plan::{Period, PlanId};
use serde::Deserialize;

use super::body::Body;
use crate::app::Findings;
use crate::error::Code;
use crate::server::App;
use crate::server::auth::ReturnTo;
use crate::server::billing::Order;
use crate::server::error::Error;
use crate::server::pages::{render_with, signed_in};
use crate::server::stripe::PortalFlow;
use crate::visitor::Visitor;

/// What to buy: a plan and a period, or, as one of the source documents has it, a Stripe price.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckoutBody {
    #[serde(alias = "tierId", alias = "tier")]
    plan: Option<String>,
    #[serde(alias = "billingPeriod", alias = "interval")]
    period: Option<String>,
    price_id: Option<String>,
    #[serde(alias = "seatCount", default, deserialize_with = "number")]
    seats: Option<u32>,
}

/// `POST /api/checkout`: opens a checkout session and says where it is.
pub async fn checkout(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Body { value, wanted }: Body<CheckoutBody>,
) -> Result<Response, Error> {
    let account = signed_in(&visitor)?;
    let order = order(&app, value)?;
    let url = app.start_checkout(account, &order).await?;
    Ok(wanted.go_to(&url))
}

/// Where Stripe's success address may lead for integrations that name it so.
#[derive(Debug, Deserialize)]
pub struct Finished {
    // Without one there is no such checkout, which is what the customer is told.
    #[serde(default)]
    session_id: String,
}

/// `GET /api/checkout/success`: activates at once, then shows the billing settings.
pub async fn success(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Query(query): Query<Finished>,
) -> Result<Response, Error> {
    let account = signed_in(&visitor)?;
    app.finish_checkout(account, &query.session_id).await?;
    Ok(Redirect::to(&account.at("/settings/billing")).into_response())
}

/// `GET /billing/success`: activates first and renders then, so that the page is right in every corner.
pub async fn arrive(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Query(query): Query<Finished>,
    mut request: Request,
) -> Result<Response, Error> {
    let account = signed_in(&visitor)?;
    let activation = app.activation(account, &query.session_id).await?;
    let account = app.account(&account.user, Some(&account.organization.0), None).await?;
    request.extensions_mut().insert(Visitor { account, ..visitor });
    Ok(render_with(app, request, Findings { activation: Some(activation), ..Findings::default() }).await)
}

/// Which pack to buy.
#[derive(Debug, Deserialize)]
pub struct PackBody {
    #[serde(default)]
    pack: String,
}

/// `POST /api/packs/checkout`: opens a checkout session for a pack and says where it is.
pub async fn buy_pack(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Body { value, wanted }: Body<PackBody>,
) -> Result<Response, Error> {
    let url = app.start_purchase(signed_in(&visitor)?, &value.pack).await?;
    Ok(wanted.go_to(&url))
}

/// `GET /billing/packs/success`: credits at once, then shows the usage.
pub async fn pack_bought(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Query(query): Query<Finished>,
) -> Result<Response, Error> {
    let account = signed_in(&visitor)?;
    app.finish_purchase(account, &query.session_id).await?;
    Ok(Redirect::to(&account.at("/settings/usage")).into_response())
}

/// Where in the portal to begin, and where to come back to.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PortalBody {
    flow: Option<String>,
    #[serde(alias = "returnUrl", alias = "return_to")]
    return_to: Option<String>,
}

/// `POST /api/billing/portal`: opens Stripe's customer portal and says where it is.
pub async fn portal(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Body { value, wanted }: Body<PortalBody>,
) -> Result<Response, Error> {
    let flow = match value.flow.as_deref() {
        None | Some("") => PortalFlow::Home,
        Some("payment_method") => PortalFlow::PaymentMethod,
        Some(_) => return Err(Error::refused(Code::Invalid, "`flow` is `payment_method`, or left out.")),
    };
    let back = value.return_to.map_or_else(ReturnTo::billing, |path| ReturnTo::parse(Some(&path)));
    let url = app.open_portal(signed_in(&visitor)?, &back, flow).await?;
    Ok(wanted.go_to(&url))
}

/// Where somebody comes back to from Stripe's pages.
#[derive(Debug, Deserialize)]
pub struct Return {
    to: Option<String>,
}

/// `GET /billing/return`: what was done at Stripe is synced before the page is shown.
pub async fn come_back(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Query(query): Query<Return>,
) -> Result<Response, Error> {
    let account = signed_in(&visitor)?;
    app.refresh(account).await?;
    let to = query.to.map_or_else(ReturnTo::billing, |path| ReturnTo::parse(Some(&path)));
    Ok(Redirect::to(&account.at(to.as_str())).into_response())
}

fn order(app: &App, body: CheckoutBody) -> Result<Order, Error> {
    let seats = body.seats;
    if let Some(price) = body.price_id {
        let (plan, period) = app.config.prices.plan(&price).ok_or_else(|| {
            Error::refused(Code::Invalid, format!("`{price}` is not the price of any plan in the catalogue."))
        })?;
        return Ok(Order { plan: plan.clone(), period, seats });
    }
    let plan = plan_named(body.plan.as_deref())?;
    Ok(Order { plan, period: period_named(body.period.as_deref())?, seats })
}

/// The plan that somebody asks for.
pub(super) fn plan_named(name: Option<&str>) -> Result<PlanId, Error> {
    PlanId::parse(name.unwrap_or_default())
        .map_err(|_| Error::refused(Code::Invalid, "Say which plan: `plan` is missing or not a plan's name."))
}

/// The period that somebody asks for, monthly where nothing is said.
pub(super) fn period_named(word: Option<&str>) -> Result<Period, Error> {
    let refused = || Error::refused(Code::Invalid, "`period` is either `monthly` or `yearly`.");
    word.map_or(Ok(Period::default()), |word| Period::parse(word).ok_or_else(refused))
}

/// A number as JSON writes it, or as a form does: as text, empty for none.
pub(super) fn number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number {
        Number(u32),
        Text(String),
    }
    match Option::<Number>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Number::Number(number)) => Ok(Some(number)),
        Some(Number::Text(text)) if text.trim().is_empty() => Ok(None),
        Some(Number::Text(text)) => {
            text.trim().parse().map(Some).map_err(|_| serde::de::Error::custom("seats must be a whole number"))
        }
    }
}
