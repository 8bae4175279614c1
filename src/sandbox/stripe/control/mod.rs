//! Steering the sandbox: the JSON control API under `/sandbox`, and the page at `/`.
//!
//! | request | does |
//! |---|---|
//! | `POST /sandbox/webhooks {"mode"}` | `deliver`, `hold` (queue until deliver) or `drop` new events |
//! | `GET /sandbox/webhooks` | the mode, pending and settled deliveries |
//! | `POST /sandbox/webhooks/redeliver {"event"}` | sends an event again to every endpoint |
//! | `POST /sandbox/clock {"advance_seconds"}` | moves the Stripe clock forward; also `days`, `weeks`, `months`, `years`, and `advance` in words (`1 month 2 days`, `next`) |
//! | `POST /sandbox/payments {"fail_next", "customer"}` | the next payments fail: of everybody, or of one customer |
//! | `POST /sandbox/settings {"after_retries"}` | what the last failed retry does: `cancel` or `unpaid` |
//! | `GET`, `DELETE /sandbox/requests` | the API requests received so far; forget them |
//! | `POST /sandbox/faults {"next": […]}` | how the next requests go wrong, see `traffic::Fault` |

mod clock;
pub(crate) mod page;

use std::sync::Arc;

use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json as JsonBody, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::account::{Account, Origin};
use super::error::ApiError;
use super::traffic::Fault;
use super::{Stripe, customers, events, failures, settings};
use crate::page::see_other;

type Server = State<Arc<Stripe>>;

/// The control routes.
pub(crate) fn router() -> Router<Arc<Stripe>> {
    Router::new()
        .route("/sandbox/webhooks", get(deliveries).post(set_mode))
        .route("/sandbox/webhooks/redeliver", post(redeliver))
        .route("/sandbox/clock", get(clock::show).post(clock::advance))
        .route("/sandbox/payments", get(payments).post(set_payments))
        .route("/sandbox/settings", get(show_settings).post(set_settings))
        .route("/sandbox/requests", get(requests).delete(forget))
        .route("/sandbox/faults", get(faults).post(set_faults))
        .route("/sandbox/page/mode", post(page_mode))
        .route("/sandbox/page/redeliver", post(page_redeliver))
        .route("/sandbox/page/clock", post(clock::advance_form))
        .route("/sandbox/page/payments", post(page_payments))
}

#[derive(Deserialize)]
struct Mode {
    mode: String,
}

#[derive(Deserialize)]
struct Redelivery {
    event: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Payments {
    fail_next: i64,
    #[serde(default)]
    customer: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    after_retries: String,
}

#[derive(Deserialize)]
struct Faults {
    next: Vec<Fault>,
}

impl Stripe {
    fn control(&self, work: impl FnOnce(&mut Account) -> Result<Value, ApiError>) -> Response {
        match self.run(Origin::default(), work) {
            Ok(answer) => JsonBody(answer).into_response(),
            Err(error) => (error.status(), JsonBody(error.body("sandbox"))).into_response(),
        }
    }
}

fn change_mode(account: &mut Account, mode: &str) -> Result<Value, ApiError> {
    if !["deliver", "hold", "drop"].contains(&mode) {
        return Err(ApiError::invalid("Invalid mode: must be one of deliver, hold, or drop"));
    }
    account.note(events::MODE, events::MODE, json!({ "mode": mode }));
    Ok(json!({ "mode": mode }))
}

fn fail_payments(account: &mut Account, wanted: &Payments) -> Result<Value, ApiError> {
    let customer = wanted.customer.as_deref().filter(|id| !id.is_empty());
    if let Some(customer) = customer {
        customers::existing(account, customer, "customer")?;
    }
    if wanted.fail_next < 0 {
        return Err(ApiError::invalid("Invalid non-negative integer").param("fail_next"));
    }
    failures::fail_next(account, customer, wanted.fail_next);
    Ok(json!({ "fail_next": failures::left(account) }))
}

async fn deliveries(State(stripe): Server) -> Response {
    stripe.control(|account| {
        let data = account.data();
        let of = |kind: &str| data.oldest(kind).map(|(_, delivery)| delivery.clone()).collect::<Vec<_>>();
        Ok(json!({
            "mode": events::mode(data),
            "pending": of(events::OUTBOX),
            "settled": of(events::DELIVERED),
        }))
    })
}

async fn set_mode(State(stripe): Server, JsonBody(mode): JsonBody<Mode>) -> Response {
    stripe.control(|account| change_mode(account, &mode.mode))
}

async fn redeliver(State(stripe): Server, JsonBody(wanted): JsonBody<Redelivery>) -> Response {
    stripe.control(|account| {
        let endpoints = events::redeliver(account, &wanted.event)?;
        Ok(json!({ "event": wanted.event, "endpoints": endpoints }))
    })
}

async fn payments(State(stripe): Server) -> Response {
    stripe.control(|account| Ok(json!({ "fail_next": failures::left(account) })))
}

async fn set_payments(State(stripe): Server, JsonBody(wanted): JsonBody<Payments>) -> Response {
    stripe.control(|account| fail_payments(account, &wanted))
}

async fn page_payments(State(stripe): Server, Form(wanted): Form<Payments>) -> Response {
    stripe.control(|account| fail_payments(account, &wanted));
    see_other("/")
}

async fn show_settings(State(stripe): Server) -> Response {
    stripe.control(|account| Ok(settings::all(account)))
}

async fn set_settings(State(stripe): Server, JsonBody(wanted): JsonBody<Settings>) -> Response {
    stripe.control(|account| {
        settings::set_after_retries(account, &wanted.after_retries)?;
        Ok(settings::all(account))
    })
}

async fn requests(State(stripe): Server) -> Response {
    JsonBody(json!({ "data": stripe.traffic.requests() })).into_response()
}

async fn forget(State(stripe): Server) -> Response {
    stripe.traffic.forget();
    StatusCode::NO_CONTENT.into_response()
}

async fn faults(State(stripe): Server) -> Response {
    JsonBody(json!({ "next": stripe.traffic.faults() })).into_response()
}

async fn set_faults(State(stripe): Server, JsonBody(faults): JsonBody<Faults>) -> Response {
    stripe.traffic.set_faults(faults.next);
    JsonBody(json!({ "next": stripe.traffic.faults() })).into_response()
}

async fn page_mode(State(stripe): Server, Form(mode): Form<Mode>) -> Response {
    stripe.control(|account| change_mode(account, &mode.mode));
    see_other("/")
}

async fn page_redeliver(State(stripe): Server, Form(wanted): Form<Redelivery>) -> Response {
    stripe.control(|account| events::redeliver(account, &wanted.event).map(Value::from));
    see_other("/#events")
}
