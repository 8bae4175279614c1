//! Steering the sandbox: the JSON control API under `/sandbox`, and the page at `/`.
//!
//! | request | does |
//! |---|---|
//! | `POST /sandbox/webhooks {"mode", "duplicate", "reorder", "seed", "delay"}` | `deliver`, `hold` (queue until deliver) or `drop` new events; each twice, what waits shuffled, late by seconds |
//! | `GET /sandbox/webhooks` | the mode, pending and settled deliveries |
//! | `POST /sandbox/webhooks/redeliver {"event"}` | sends an event again to every endpoint |
//! | `GET`, `POST /sandbox/clock {"advance_seconds"}` | moves the Stripe clock forward; also `days`, `weeks`, `months`, `years`, and `advance` in words (`1 month 2 days`, `next`) |
//! | `GET`, `POST /sandbox/payments {"fail_next", "customer"}` | the next payments fail: of everybody, or of one customer |
//! | `POST /sandbox/disputes {"customer"}` | disputes the latest payment of a customer |
//! | `POST /sandbox/disputes/{id}/close {"outcome"}` | decides a dispute: `won` or `lost` |
//! | `POST /sandbox/refunds/{id}/fail` | a refund turns out not to go through |
//! | `GET`, `POST /sandbox/settings {"after_retries"}` | what the last failed retry does: `cancel` or `unpaid` |
//! | `GET`, `DELETE /sandbox/requests` | the API requests received so far; forget them |
//! | `GET`, `POST /sandbox/faults {"next": […]}` | how the next requests go wrong, see `traffic::Fault` |

mod clock;
mod forms;
mod money;
pub(crate) mod page;
mod webhooks;

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json as JsonBody, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::account::{Account, Origin};
use super::error::ApiError;
use super::traffic::Fault;
use super::{Stripe, timers};

type Server = State<Arc<Stripe>>;

/// The control routes.
pub(crate) fn router() -> Router<Arc<Stripe>> {
    Router::new()
        .route("/sandbox/webhooks", get(webhooks::show).post(webhooks::set_mode))
        .route("/sandbox/webhooks/redeliver", post(webhooks::redeliver))
        .route("/sandbox/clock", get(clock::show).post(clock::advance))
        .route("/sandbox/payments", get(money::payments).post(money::set_payments))
        .route("/sandbox/disputes", post(money::dispute))
        .route("/sandbox/disputes/{id}/close", post(money::decide))
        .route("/sandbox/refunds/{id}/fail", post(money::fail_refund))
        .route("/sandbox/settings", get(money::show_settings).post(money::set_settings))
        .route("/sandbox/requests", get(requests).delete(forget))
        .route("/sandbox/faults", get(faults).post(set_faults))
        .route("/sandbox/page/mode", post(webhooks::mode_form))
        .route("/sandbox/page/redeliver", post(webhooks::redeliver_form))
        .route("/sandbox/page/clock", post(clock::advance_form))
        .route("/sandbox/page/payments", post(money::payments_form))
        .route("/sandbox/page/dispute", post(money::dispute_form))
        .route("/sandbox/page/dispute/close", post(money::decide_form))
}

#[derive(Deserialize)]
struct Faults {
    next: Vec<Fault>,
}

impl Stripe {
    /// Carries out a control request at the present time.
    fn control(&self, work: impl FnOnce(&mut Account) -> Result<Value, ApiError>) -> Response {
        let outcome = self.run(Origin::default(), |account| {
            timers::run_due(account);
            work(account)
        });
        match outcome {
            Ok(answer) => JsonBody(answer).into_response(),
            Err(error) => (error.status(), JsonBody(error.body("sandbox"))).into_response(),
        }
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
