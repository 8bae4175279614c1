//! Subscription items: read on their own, kept inside their subscription.

use serde_json::{Value, json};

use super::{object, update};
use crate::json::{Json, merge};
use crate::stripe::account::Account;
use crate::stripe::error::ApiError;
use crate::stripe::list;
use crate::stripe::routes::{Call, Route, delete, get, post};

const CHANGE: &str = "billing_thresholds:any discounts:any metadata:map off_session:bool \
    payment_behavior=allow_incomplete|default_incomplete|error_if_incomplete|pending_if_incomplete plan price \
    proration_behavior=none|create_prorations|always_invoice proration_date:int quantity:int tax_rates[]";

pub(crate) const ROUTES: &[Route] = &[
    get("/v1/subscription_items", "@list subscription!", all),
    post(
        "/v1/subscription_items",
        "subscription! billing_thresholds:any discounts:any metadata:map \
         payment_behavior=allow_incomplete|default_incomplete|error_if_incomplete|pending_if_incomplete price \
         proration_behavior=none|create_prorations|always_invoice proration_date:int quantity:int tax_rates[]",
        create,
    ),
    get("/v1/subscription_items/{id}", "", retrieve),
    post("/v1/subscription_items/{id}", CHANGE, change),
    delete(
        "/v1/subscription_items/{id}",
        "clear_usage:bool payment_behavior proration_behavior=none|create_prorations|always_invoice proration_date:int",
        remove,
    ),
];

fn all(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let id = call.params.text("subscription");
    let subscription = account.find("subscription", id, "subscription")?;
    let url = format!("/v1/subscription_items?subscription={id}");
    list::of(object::items(&subscription).iter(), &url, &call.params)
}

/// The subscription that an item is part of.
pub(crate) fn holder(account: &Account, item: &str) -> Result<Value, ApiError> {
    account
        .data()
        .newest("subscription")
        .find(|subscription| object::items(subscription).iter().any(|it| it.text("id") == item))
        .cloned()
        .ok_or_else(|| ApiError::no_such("subscription_item", item, "id"))
}

fn item(subscription: &Value, wanted: impl Fn(&Value) -> bool) -> Value {
    object::items(subscription).iter().rfind(|item| wanted(item)).cloned().unwrap_or_default()
}

fn retrieve(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let subscription = holder(account, call.id())?;
    Ok(item(&subscription, |it| it.text("id") == call.id()))
}

/// An update of the subscription that concerns one item.
fn as_update(params: &Value, item: Value) -> Value {
    let mut update = json!({ "items": [item] });
    for field in ["proration_behavior", "proration_date", "payment_behavior"] {
        if let Some(value) = params.get(field) {
            update.set(field, value.clone());
        }
    }
    update
}

fn one(params: &Value) -> Value {
    let mut item = json!({});
    for field in ["price", "plan", "quantity", "metadata"] {
        if let Some(value) = params.get(field) {
            item.set(field, value.clone());
        }
    }
    item
}

fn create(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let id = call.params.text("subscription");
    let subscription = account.find("subscription", id, "subscription")?;
    let update = as_update(&call.params, one(&call.params));
    let after = update::apply(account, subscription, &update)?;
    Ok(item(&after, |it| object::price_id(it) == call.params.text("price")))
}

fn change(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let subscription = holder(account, call.id())?;
    let mut changed = json!({ "id": call.id() });
    merge(&mut changed, one(&call.params));
    let update = as_update(&call.params, changed);
    let after = update::apply(account, subscription, &update)?;
    Ok(item(&after, |it| it.text("id") == call.id()))
}

fn remove(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let subscription = holder(account, call.id())?;
    let gone = json!({ "id": call.id(), "deleted": true });
    update::apply(account, subscription, &as_update(&call.params, gone))?;
    Ok(json!({ "id": call.id(), "object": "subscription_item", "deleted": true }))
}
