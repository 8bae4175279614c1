//! Steering the sandbox: the JSON control API under `/sandbox`, and the page at `/`.
//!
//! | request | does |
//! |---|---|
//! | `POST /sandbox/webhooks {"mode"}` | `deliver`, `hold` (queue until deliver) or `drop` new events |
//! | `GET /sandbox/webhooks` | the mode, pending and settled deliveries |
//! | `POST /sandbox/webhooks/redeliver {"event"}` | sends an event again to every endpoint |
//! | `POST /sandbox/clock {"advance_seconds"}` | moves the Stripe clock forward |
//! | `GET`, `DELETE /sandbox/requests` | the API requests received so far; forget them |
//! | `POST /sandbox/faults {"next": […]}` | how the next requests go wrong, see `traffic::Fault` |

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
use super::{Stripe, events, timers};
use crate::page::see_other;

type Server = State<Arc<Stripe>>;

/// The control routes.
pub(crate) fn router() -> Router<Arc<Stripe>> {
    Router::new()
        .route("/sandbox/webhooks", get(deliveries).post(set_mode))
        .route("/sandbox/webhooks/redeliver", post(redeliver))
        .route("/sandbox/clock", get(clock).post(advance))
        .route("/sandbox/requests", get(requests).delete(forget))
        .route("/sandbox/faults", get(faults).post(set_faults))
        .route("/sandbox/page/mode", post(page_mode))
        .route("/sandbox/page/redeliver", post(page_redeliver))
        .route("/sandbox/page/clock", post(page_clock))
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
struct Advance {
    advance_seconds: i64,
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

fn move_clock(account: &mut Account, seconds: i64) -> Result<Value, ApiError> {
    if seconds < 0 {
        return Err(ApiError::invalid("The clock moves forward only."));
    }
    account.advance_clock(seconds);
    Ok(json!({ "now": account.now() + seconds }))
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

async fn clock(State(stripe): Server) -> Response {
    JsonBody(json!({ "now": stripe.now() })).into_response()
}

async fn advance(State(stripe): Server, JsonBody(by): JsonBody<Advance>) -> Response {
    let moved = stripe.control(|account| move_clock(account, by.advance_seconds));
    stripe.catch_up();
    moved
}

impl Stripe {
    /// Does what has become due, before anybody asks.
    fn catch_up(&self) {
        let outcome = self.run(Origin::default(), |account| {
            timers::run_due(account);
            Ok(())
        });
        if let Err(error) = outcome {
            tracing::error!(message = error.message(), "sandbox timers failed");
        }
        self.store.nudge();
    }
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

async fn page_clock(State(stripe): Server, Form(by): Form<Advance>) -> Response {
    stripe.control(|account| move_clock(account, by.advance_seconds));
    stripe.catch_up();
    see_other("/")
}
