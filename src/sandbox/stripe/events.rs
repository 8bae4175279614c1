//! Events: what happened, frozen as it was, and one delivery to each endpoint that listens.
//!
//! Writing the event and queueing its deliveries are part of the transaction that caused it.
//! Sending is the business of `delivery`.

use serde_json::{Value, json};

use super::account::{API_VERSION, Account};
use super::error::ApiError;
use super::list;
use super::mode::DeliveryMode;
use super::routes::{Call, Route, get};
use crate::ids;
use crate::json::Json;

/// Deliveries that are still to be made, keyed by event and endpoint.
pub(crate) const OUTBOX: &str = "_outbox";
/// Deliveries that were accepted, given up or dropped.
pub(crate) const DELIVERED: &str = "_delivery";
/// Stripe keeps events for thirty days.
const RETENTION: i64 = 30 * 86_400;

pub(crate) const ROUTES: &[Route] = &[
    get("/v1/events", "@list created:range delivery_success:bool type types[]", all),
    get("/v1/events/{id}", "", retrieve),
];

/// Writes an event of `kind` about `object` and queues its deliveries.
pub(crate) fn emit(account: &mut Account, kind: &str, object: &Value, previous: Option<Value>) {
    let id = ids::new("evt_");
    let endpoints = subscribers(account, kind);
    let mut data = json!({ "object": object });
    if let Some(previous) = previous {
        data.set("previous_attributes", previous);
    }
    let event = json!({
        "id": id,
        "object": "event",
        "api_version": API_VERSION,
        "created": account.now(),
        "data": data,
        "livemode": false,
        "pending_webhooks": endpoints.len(),
        "request": {
            "id": account.origin().request,
            "idempotency_key": account.origin().key,
        },
        "type": kind,
    });
    account.save(&event);
    let mode = DeliveryMode::of(account.data());
    let number = account.data().count("event");
    for endpoint in endpoints {
        let mut delivery = delivery(account, &id, &endpoint);
        delivery.set("due", account.clock() + mode.delay);
        if mode.duplicate {
            delivery.set("copies", 2);
        }
        if mode.reorder {
            delivery.set("rank", mode.rank(u64::try_from(number).unwrap_or_default()));
        }
        if mode.drops() {
            delivery.set("state", "dropped");
            account.note(DELIVERED, &delivery_id(&id, &endpoint), delivery);
        } else {
            account.note(OUTBOX, &delivery_id(&id, &endpoint), delivery);
        }
    }
}

/// Sends an event again to every endpoint that listens, whatever became of it before.
pub(crate) fn redeliver(account: &mut Account, event: &str) -> Result<usize, ApiError> {
    let kind = account.path("event", event)?.text("type").to_owned();
    let endpoints = subscribers(account, &kind);
    for endpoint in &endpoints {
        let id = delivery_id(event, endpoint);
        let fresh = delivery(account, event, endpoint);
        account.remove(OUTBOX, &id);
        account.remove(DELIVERED, &id);
        account.note(OUTBOX, &id, fresh);
    }
    Ok(endpoints.len())
}

fn delivery(account: &Account, event: &str, endpoint: &str) -> Value {
    json!({
        "event": event,
        "endpoint": endpoint,
        "state": "pending",
        "attempts": 0,
        "created": account.clock(),
        "due": account.clock(),
        "log": [],
    })
}

/// Key of the delivery of an event to an endpoint.
pub(crate) fn delivery_id(event: &str, endpoint: &str) -> String {
    format!("{event}:{endpoint}")
}

/// Ids of the endpoints that want events of this kind, oldest first.
pub(crate) fn subscribers(account: &Account, kind: &str) -> Vec<String> {
    account
        .data()
        .oldest("webhook_endpoint")
        .filter(|(_, endpoint)| endpoint.text("status") == "enabled")
        .filter(|(_, endpoint)| {
            endpoint
                .list("enabled_events")
                .iter()
                .filter_map(Value::as_str)
                .any(|wanted| wanted == "*" || wanted == kind)
        })
        .map(|(id, _)| id.to_owned())
        .collect()
}

fn retrieve(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    account.path("event", call.id())
}

fn all(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let params = &call.params;
    if params.list("types").len() > 20 {
        return Err(ApiError::invalid("You may pass up to 20 event types.").param("types"));
    }
    let oldest = account.now() - RETENTION;
    let delivered = params.get("delivery_success").and_then(Value::as_bool);
    list::page(account, "event", "/v1/events", params, |event| {
        (event.int("created") >= oldest || on_a_test_clock(event))
            && wanted(event.text("type"), params)
            && delivered.is_none_or(|wanted| wanted == succeeded(account, event.text("id")))
    })
}

/// Forgets events that nobody can ask for any more, once they have been delivered.
pub(crate) fn forget_old(account: &mut Account) {
    let oldest = account.clock() - RETENTION;
    let endpoints: Vec<&str> = account.data().oldest("webhook_endpoint").map(|(id, _)| id).collect();
    let waits = |id: &str| endpoints.iter().any(|endpoint| account.get(OUTBOX, &delivery_id(id, endpoint)).is_some());
    let gone: Vec<String> = account
        .data()
        .oldest("event")
        .take_while(|(_, event)| event.int("created") < oldest || on_a_test_clock(event))
        .filter(|(id, event)| !on_a_test_clock(event) && !waits(id))
        .map(|(id, _)| id.to_owned())
        .collect();
    let deliveries: Vec<String> =
        gone.iter().flat_map(|id| endpoints.iter().map(|endpoint| delivery_id(id, endpoint))).collect();
    for id in gone {
        account.remove("event", &id);
    }
    for id in deliveries {
        account.remove(DELIVERED, &id);
    }
}

/// Whether an event tells of somebody for whom it may be any time.
fn on_a_test_clock(event: &Value) -> bool {
    let object = event.get("data").and_then(|data| data.get("object"));
    object.is_some_and(|object| object.maybe("test_clock").is_some())
}

fn wanted(kind: &str, params: &Value) -> bool {
    let types = params.list("types");
    let matches =
        |pattern: &str| pattern == kind || pattern.strip_suffix('*').is_some_and(|start| kind.starts_with(start));
    params.maybe("type").is_none_or(matches)
        && (types.is_empty() || types.iter().filter_map(Value::as_str).any(matches))
}

/// Whether every endpoint that should have heard of the event has accepted it.
fn succeeded(account: &Account, event: &str) -> bool {
    account
        .data()
        .newest("webhook_endpoint")
        .filter_map(|endpoint| {
            let id = delivery_id(event, endpoint.text("id"));
            account.get(OUTBOX, &id).or(account.get(DELIVERED, &id))
        })
        .all(|delivery| delivery.text("state") == "delivered")
}
