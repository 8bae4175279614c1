//! Ending subscriptions: at once, at the period's end by flag, or at a date.

use serde_json::Value;

use super::{bill, has_ended, object, pending, prorate};
use crate::json::Json;
use crate::stripe::account::Account;
use crate::stripe::error::ApiError;
use crate::stripe::invoices::{self, Draft};
use crate::stripe::routes::Call;
use crate::stripe::schedules;

pub(super) const PARAMS: &str = "cancellation_details{comment \
    feedback?=customer_service|low_quality|missing_features|other|switched_service|too_complex|too_expensive|unused \
    feedback_option} invoice_now:bool prorate:bool";

pub(crate) fn call(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let mut subscription = account.path("subscription", call.id())?;
    if has_ended(&subscription) {
        return Err(ApiError::no_such("subscription", call.id(), "id"));
    }
    details(&mut subscription, &call.params);
    if call.params.flag("prorate") && subscription.text("status") != "trialing" {
        let lines = prorate::credits(account, &subscription, account.now());
        bill::keep(account, call.id(), lines);
    }
    let last = call.params.flag("invoice_now").then(|| last_invoice(account, &subscription)).flatten();
    let mut subscription = match last {
        Some(draft) => {
            subscription.set("latest_invoice", draft.id.clone());
            let canceled = cancel_now(account, subscription, Some("cancellation_requested"));
            settle(account, &draft);
            canceled
        }
        None => cancel_now(account, subscription, Some("cancellation_requested")),
    };
    account.remove(bill::WAITING, call.id());
    if let Some(current) = account.get("subscription", call.id()) {
        subscription = current.clone();
    }
    Ok(subscription)
}

/// The invoice over what still waits, if anything does.
pub(super) fn last_invoice(account: &Account, subscription: &Value) -> Option<Draft> {
    let draft = bill::draft(account, subscription, Vec::new(), "subscription_cycle");
    (!draft.lines.is_empty()).then_some(draft)
}

fn settle(account: &mut Account, draft: &Draft) {
    let invoice = invoices::create(account, draft);
    let _ = invoices::collect(account, invoice);
}

/// Takes over comment and feedback.
pub(super) fn details(subscription: &mut Value, params: &Value) {
    if let (Some(details), Some(given)) =
        (subscription.get_mut("cancellation_details"), params.get("cancellation_details"))
    {
        crate::json::merge(details, given.clone());
    }
}

fn reason(subscription: &mut Value, reason: impl Into<Value>) {
    if let Some(details) = subscription.get_mut("cancellation_details") {
        details.set("reason", reason);
    }
}

/// Ends a subscription at once.
pub(crate) fn cancel_now(account: &mut Account, mut subscription: Value, why: Option<&str>) -> Value {
    let now = account.now();
    let unpaid_start = subscription.text("status") == "incomplete";
    if pending::expires_at(&subscription).is_some() {
        pending::give_up(account, &subscription);
        subscription.set("pending_update", Value::Null);
    }
    subscription.set("status", "canceled");
    subscription.set("ended_at", now);
    subscription.take_key("status_details");
    if subscription.maybe_int("canceled_at").is_none() {
        subscription.set("canceled_at", now);
    }
    if subscription.get("cancellation_details").is_some_and(|details| details.maybe("reason").is_none()) {
        reason(&mut subscription, why);
    }
    account.announce(&subscription, "customer.subscription.deleted");
    if let Some(schedule) = schedules::managing(account, &subscription) {
        schedules::canceled(account, schedule);
    }
    let latest = subscription.text("latest_invoice");
    if unpaid_start {
        invoices::void(account, latest);
    } else {
        invoices::stop_collecting(account, latest);
    }
    subscription
}

/// The moment of a scheduled end: what waits for an invoice gets its last one.
pub(crate) fn come_to_the_end(account: &mut Account, mut subscription: Value) {
    let last = last_invoice(account, &subscription);
    if let Some(draft) = &last {
        subscription.set("latest_invoice", draft.id.clone());
    }
    account.remove(bill::WAITING, subscription.text("id"));
    cancel_now(account, subscription, Some("cancellation_requested"));
    if let Some(draft) = &last {
        settle(account, draft);
    }
}

/// Ends everything that a customer has.
pub(crate) fn cancel_all(account: &mut Account, customer: &str) {
    let running: Vec<Value> = account
        .data()
        .newest("subscription")
        .filter(|it| it.text("customer") == customer && !has_ended(it))
        .cloned()
        .collect();
    for subscription in running {
        cancel_now(account, subscription, Some("cancellation_requested"));
    }
}

/// Schedules the end at a date, as the customer portal does in flexible billing mode.
pub(crate) fn schedule_at(account: &Account, subscription: &mut Value, at: i64) {
    subscription.set("cancel_at", at);
    subscription.set("canceled_at", account.now());
    reason(subscription, "cancellation_requested");
}

/// Schedules the end at the end of the period by the flag, as the API does.
pub(super) fn schedule_at_period_end(account: &Account, subscription: &mut Value) {
    let end = object::period_end(subscription);
    schedule_at(account, subscription, end);
    subscription.set("cancel_at_period_end", true);
}

/// Takes a scheduled end back.
pub(crate) fn unschedule(subscription: &mut Value) {
    subscription.set("cancel_at_period_end", false);
    subscription.set("cancel_at", Value::Null);
    subscription.set("canceled_at", Value::Null);
    reason(subscription, Value::Null);
}
