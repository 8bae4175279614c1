//! Webhook endpoints: where events go, and the secret each is signed with.

use serde_json::{Value, json};

use super::account::{API_VERSION, Account};
use super::error::ApiError;
use super::events::{DELIVERED, OUTBOX};
use super::list;
use super::routes::{Call, Route, apply, apply_metadata, delete, get, post};
use crate::ids;
use crate::json::Json;
use crate::store::Data;

/// Signing secrets, by endpoint; never listed again after creation.
const SECRET: &str = "_webhook_secret";

pub(crate) const ROUTES: &[Route] = &[
    get("/v1/webhook_endpoints", "@list", all),
    post("/v1/webhook_endpoints", "api_version connect:bool description enabled_events![] metadata:map url!", create),
    get("/v1/webhook_endpoints/{id}", "", retrieve),
    post("/v1/webhook_endpoints/{id}", "description disabled:bool enabled_events[] metadata:map url", update),
    delete("/v1/webhook_endpoints/{id}", "", remove),
];

/// The signing secret of an endpoint.
pub(crate) fn secret(data: &Data, endpoint: &str) -> String {
    data.get(SECRET, endpoint).map_or("", |note| note.text("secret")).to_owned()
}

/// Creates or redirects the endpoint with a fixed id that stands for the application.
pub(crate) fn upsert(account: &mut Account, id: &str, url: &str, secret: &str) {
    let mut endpoint = account.get("webhook_endpoint", id).cloned().unwrap_or_else(|| object(account, id));
    endpoint.set("url", url);
    endpoint.set("status", "enabled");
    endpoint.set("enabled_events", json!(["*"]));
    account.save(&endpoint);
    account.note(SECRET, id, json!({ "secret": secret }));
}

fn object(account: &Account, id: &str) -> Value {
    json!({
        "id": id,
        "object": "webhook_endpoint",
        "api_version": API_VERSION,
        "application": null,
        "created": account.now(),
        "description": null,
        "enabled_events": [],
        "livemode": false,
        "metadata": {},
        "status": "enabled",
        "url": "",
    })
}

fn create(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let params = &call.params;
    check_url(params)?;
    let id = ids::new("we_");
    let mut endpoint = object(account, &id);
    apply(&mut endpoint, params, &["description", "enabled_events", "url"]);
    if let Some(version) = params.maybe("api_version") {
        endpoint.set("api_version", version);
    }
    apply_metadata(&mut endpoint, params);
    account.save(&endpoint);
    let secret = ids::random("whsec_", 32);
    account.note(SECRET, &id, json!({ "secret": secret }));
    endpoint.set("secret", secret);
    Ok(endpoint)
}

fn check_url(params: &Value) -> Result<(), ApiError> {
    match params.maybe("url") {
        Some(url) if !url.starts_with("http://") && !url.starts_with("https://") => {
            Err(ApiError::invalid("Invalid URL: An explicit scheme (such as https) must be provided.")
                .code("url_invalid")
                .param("url"))
        }
        _ => Ok(()),
    }
}

fn retrieve(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    account.path("webhook_endpoint", call.id())
}

fn update(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let params = &call.params;
    check_url(params)?;
    let mut endpoint = account.path("webhook_endpoint", call.id())?;
    apply(&mut endpoint, params, &["description", "enabled_events", "url"]);
    apply_metadata(&mut endpoint, params);
    if let Some(disabled) = params.get("disabled").and_then(Value::as_bool) {
        endpoint.set("status", if disabled { "disabled" } else { "enabled" });
        if disabled {
            stop_deliveries(account, call.id());
        }
    }
    account.save(&endpoint);
    Ok(endpoint)
}

fn remove(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    account.path("webhook_endpoint", call.id())?;
    stop_deliveries(account, call.id());
    account.remove("webhook_endpoint", call.id());
    account.remove(SECRET, call.id());
    Ok(json!({ "id": call.id(), "object": "webhook_endpoint", "deleted": true }))
}

/// What was still to be sent to an endpoint is given up.
fn stop_deliveries(account: &mut Account, endpoint: &str) {
    let waiting: Vec<(String, Value)> = account
        .data()
        .oldest(OUTBOX)
        .filter(|(_, delivery)| delivery.text("endpoint") == endpoint)
        .map(|(id, delivery)| (id.to_owned(), delivery.clone()))
        .collect();
    for (id, mut delivery) in waiting {
        delivery.set("state", "failed");
        account.remove(OUTBOX, &id);
        account.note(DELIVERED, &id, delivery);
    }
}

fn all(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    list::page(account, "webhook_endpoint", "/v1/webhook_endpoints", &call.params, |_| true)
}
