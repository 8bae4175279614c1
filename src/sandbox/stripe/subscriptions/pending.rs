//! Updates that wait for their payment (`payment_behavior=pending_if_incomplete`): the subscription
//! stays as it is until the invoice is paid, or the update expires.

use serde_json::{Map, Value, json};

use super::bill::{self, WAITING};
use super::object;
use crate::json::{Json, merge};
use crate::stripe::account::Account;
use crate::stripe::error::ApiError;
use crate::stripe::invoices::{self, Draft, Line};

/// What is to be applied, keyed by subscription.
const PENDING: &str = "_pending_update";
/// How long a customer has to pay.
const PATIENCE: i64 = 23 * 3_600;

const ALLOWED: [&str; 11] = [
    "add_invoice_items",
    "billing_cycle_anchor",
    "discounts",
    "expand",
    "items",
    "off_session",
    "payment_behavior",
    "proration_behavior",
    "proration_date",
    "trial_end",
    "trial_from_plan",
];

/// Refuses what cannot wait.
pub(super) fn check(params: &Value) -> Result<(), ApiError> {
    let names = params.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    match names.into_iter().find(|name| !ALLOWED.contains(name)) {
        None => Ok(()),
        Some(name) => Err(ApiError::invalid(format!(
            "`payment_behavior=pending_if_incomplete` does not support updating `{name}`. Update it in a separate request."
        ))
        .param(name)),
    }
}

/// Bills a change and applies it when that is paid; otherwise the change waits.
pub(super) fn attempt(account: &mut Account, before: &Value, after: &Value, draft: &Draft) -> Result<Value, ApiError> {
    let id = before.text("id").to_owned();
    let expires_at = (account.now() + PATIENCE).min(object::period_end(before));
    let waiting = bill::waiting(account, &id);
    let changes = changes(before, after);
    account.note(PENDING, &id, json!({ "invoice": draft.id, "changes": changes, "waiting": waiting }));
    account.remove(WAITING, &id);
    let invoice = invoices::create(account, draft);
    if invoices::collect(account, invoice).is_err() {
        let mut waits = before.clone();
        waits.set("latest_invoice", draft.id.clone());
        waits.set("pending_update", shown(&changes, expires_at));
        account.update(&waits, "customer.subscription.updated");
    }
    account.path("subscription", &id)
}

/// The fields that differ.
fn changes(before: &Value, after: &Value) -> Value {
    let after = after.as_object().into_iter().flatten();
    let changed: Map<_, _> = after
        .filter(|(name, value)| before.get(name.as_str()) != Some(value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    Value::Object(changed)
}

/// The `pending_update` property.
fn shown(changes: &Value, expires_at: i64) -> Value {
    json!({
        "billing_cycle_anchor": changes.get("billing_cycle_anchor"),
        "cancel_at_period_end": null,
        "discount": null,
        "discounts": changes.get("discounts"),
        "expires_at": expires_at,
        "metadata": null,
        "subscription_items": changes.get("items").map(|items| items.list("data")),
        "trial_end": changes.get("trial_end"),
        "trial_from_plan": null,
    })
}

/// Whether an invoice belongs to an update that waits.
pub(super) fn owns(account: &Account, subscription: &str, invoice: &str) -> bool {
    account.get(PENDING, subscription).is_some_and(|pending| pending.text("invoice") == invoice)
}

/// The invoice was paid: the change happens.
pub(super) fn paid(account: &mut Account, mut subscription: Value) {
    let id = subscription.text("id").to_owned();
    let Some(pending) = account.get(PENDING, &id).cloned() else {
        return;
    };
    account.remove(PENDING, &id);
    let waited = subscription.get("pending_update").is_some_and(Value::is_object);
    merge(&mut subscription, pending.get("changes").cloned().unwrap_or_default());
    subscription.set("latest_invoice", pending.text("invoice"));
    subscription.set("pending_update", Value::Null);
    // Stripe goes by the latest invoice, and that is this one now.
    if ["past_due", "unpaid"].contains(&subscription.text("status")) {
        subscription.set("status", "active");
    }
    account.update(&subscription, "customer.subscription.updated");
    if waited {
        account.announce(&subscription, "customer.subscription.pending_update_applied");
    }
}

/// When an update that waits is given up.
pub(super) fn expires_at(subscription: &Value) -> Option<i64> {
    subscription.get("pending_update")?.maybe_int("expires_at")
}

/// The customer did not pay in time.
pub(super) fn expire(account: &mut Account, mut subscription: Value) {
    give_up(account, &subscription);
    subscription.set("pending_update", Value::Null);
    account.update(&subscription, "customer.subscription.updated");
    account.announce(&subscription, "customer.subscription.pending_update_expired");
}

/// Another change of the same kind takes the place of one that waits.
pub(super) fn superseded(account: &mut Account, mut subscription: Value, params: &Value) -> Value {
    let replaces = ["items", "billing_cycle_anchor", "trial_end"].iter().any(|name| params.get(*name).is_some());
    if replaces && expires_at(&subscription).is_some() {
        give_up(account, &subscription);
        subscription.set("pending_update", Value::Null);
    }
    subscription
}

/// Forgets what waited: its invoice is void, and the lines it took wait again.
pub(super) fn give_up(account: &mut Account, subscription: &Value) {
    let id = subscription.text("id").to_owned();
    let Some(pending) = account.get(PENDING, &id).cloned() else {
        return;
    };
    account.remove(PENDING, &id);
    let waiting: Vec<Line> =
        pending.get("waiting").and_then(|lines| serde_json::from_value(lines.clone()).ok()).unwrap_or_default();
    bill::keep(account, &id, waiting);
    invoices::void(account, pending.text("invoice"));
}
