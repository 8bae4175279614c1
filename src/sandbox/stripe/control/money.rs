//! Switches about money: payments that fail, disputes, what the last failed retry does.

use std::sync::Arc;

use axum::Json as JsonBody;
use axum::extract::{Form, Path, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::page::see_other;
use crate::stripe::account::Account;
use crate::stripe::error::ApiError;
use crate::stripe::{Stripe, customers, disputes, failures, refunds, settings, test_clocks};

type Server = State<Arc<Stripe>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Payments {
    fail_next: i64,
    #[serde(default)]
    customer: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Disputed {
    customer: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Decision {
    outcome: String,
}

#[derive(Deserialize)]
pub(super) struct DecisionForm {
    id: String,
    outcome: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    after_retries: String,
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

fn open_dispute(account: &mut Account, wanted: &Disputed) -> Result<Value, ApiError> {
    customers::existing(account, &wanted.customer, "customer")?;
    let moment = test_clocks::moment_of(account, &wanted.customer);
    account.at(moment, |account| disputes::open(account, &wanted.customer))
}

pub(super) async fn payments(State(stripe): Server) -> Response {
    stripe.control(|account| Ok(json!({ "fail_next": failures::left(account) })))
}

pub(super) async fn set_payments(State(stripe): Server, JsonBody(wanted): JsonBody<Payments>) -> Response {
    stripe.control(|account| fail_payments(account, &wanted))
}

pub(super) async fn payments_form(State(stripe): Server, Form(wanted): Form<Payments>) -> Response {
    stripe.control(|account| fail_payments(account, &wanted));
    see_other("/")
}

pub(super) async fn dispute(State(stripe): Server, JsonBody(wanted): JsonBody<Disputed>) -> Response {
    stripe.control(|account| open_dispute(account, &wanted))
}

pub(super) async fn dispute_form(State(stripe): Server, Form(wanted): Form<Disputed>) -> Response {
    stripe.control(|account| open_dispute(account, &wanted));
    see_other("/#disputes")
}

pub(super) async fn decide(
    State(stripe): Server,
    Path(id): Path<String>,
    JsonBody(decision): JsonBody<Decision>,
) -> Response {
    stripe.control(|account| disputes::close(account, &id, &decision.outcome))
}

pub(super) async fn decide_form(State(stripe): Server, Form(decision): Form<DecisionForm>) -> Response {
    stripe.control(|account| disputes::close(account, &decision.id, &decision.outcome));
    see_other("/#disputes")
}

pub(super) async fn fail_refund(State(stripe): Server, Path(id): Path<String>) -> Response {
    stripe.control(|account| refunds::fail(account, &id))
}

pub(super) async fn show_settings(State(stripe): Server) -> Response {
    stripe.control(|account| Ok(settings::all(account)))
}

pub(super) async fn set_settings(State(stripe): Server, JsonBody(wanted): JsonBody<Settings>) -> Response {
    stripe.control(|account| {
        settings::set_after_retries(account, &wanted.after_retries)?;
        Ok(settings::all(account))
    })
}
