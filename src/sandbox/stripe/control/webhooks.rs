//! Webhook switches: the delivery mode, what waits and what was sent, sending again.

use std::sync::Arc;

use axum::Json as JsonBody;
use axum::extract::{Form, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::json::merge;
use crate::page::see_other;
use crate::stripe::mode::DeliveryMode;
use crate::stripe::{Stripe, events};

type Server = State<Arc<Stripe>>;

#[derive(Deserialize)]
pub(super) struct Redelivery {
    event: String,
}

/// The mode, pending and settled deliveries.
pub(super) async fn show(State(stripe): Server) -> Response {
    stripe.control(|account| {
        let data = account.data();
        let of = |kind: &str| data.oldest(kind).map(|(_, delivery)| delivery.clone()).collect::<Vec<_>>();
        let mut answer = json!(DeliveryMode::of(data));
        merge(&mut answer, json!({ "pending": of(events::OUTBOX), "settled": of(events::DELIVERED) }));
        Ok(answer)
    })
}

pub(super) async fn set_mode(State(stripe): Server, JsonBody(mode): JsonBody<DeliveryMode>) -> Response {
    stripe.control(|account| mode.set(account).map(|mode| json!(mode)))
}

pub(super) async fn mode_form(State(stripe): Server, Form(mode): Form<DeliveryMode>) -> Response {
    stripe.control(|account| mode.set(account).map(|mode| json!(mode)));
    see_other("/")
}

pub(super) async fn redeliver(State(stripe): Server, JsonBody(wanted): JsonBody<Redelivery>) -> Response {
    stripe.control(|account| {
        let endpoints = events::redeliver(account, &wanted.event)?;
        Ok(json!({ "event": wanted.event, "endpoints": endpoints }))
    })
}

pub(super) async fn redeliver_form(State(stripe): Server, Form(wanted): Form<Redelivery>) -> Response {
    stripe.control(|account| events::redeliver(account, &wanted.event).map(Value::from));
    see_other("/#events")
}
