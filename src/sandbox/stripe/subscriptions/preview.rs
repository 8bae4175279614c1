//! The invoices to come: of a running subscription with or without a change, and of one that is yet
//! to start. To be called inside `Account::imagine`.

use serde_json::{Value, json};

use super::bill::{self, Billing};
use super::create::{self, NewSubscription};
use super::{cancel, has_ended, object, prorate, renew, update};
use crate::json::Json;
use crate::stripe::account::Account;
use crate::stripe::error::ApiError;
use crate::stripe::invoices::{self, Draft};
use crate::stripe::schedules;

/// What a change bills now, or the invoice that comes by itself after it.
pub(crate) fn next_invoice(account: &mut Account, subscription: &Value, details: &Value) -> Result<Draft, ApiError> {
    if has_ended(subscription) {
        return Err(ApiError::invalid("Cannot preview an invoice for a canceled subscription."));
    }
    let nothing = || invoices::nothing_to_come(subscription.text("customer"));
    if details.flag("cancel_now") {
        return last_invoice(account, subscription, details).ok_or_else(nothing);
    }
    let changes = as_update(details)?;
    let plan = update::plan(account, subscription, &changes)?;
    match plan.billing {
        Billing::Now(draft) => return Ok(*draft),
        Billing::Later(lines) => bill::keep(account, subscription.text("id"), lines),
        Billing::Nothing => {}
    }
    coming(account, &plan.after).ok_or_else(nothing)
}

/// The invoice that comes by itself.
pub(super) fn coming(account: &mut Account, subscription: &Value) -> Option<Draft> {
    let end = object::period_end(subscription);
    if ["incomplete", "paused"].contains(&subscription.text("status")) {
        return None;
    }
    let last = [subscription.maybe_int("cancel_at"), schedules::cancels_at(account, subscription)];
    if let Some(at) = last.into_iter().flatten().min().filter(|at| *at <= end) {
        return account.at(at, |account| cancel::last_invoice(account, subscription));
    }
    Some(account.at(end, |account| renew::plan(account, subscription)).draft)
}

/// What canceling now settles.
fn last_invoice(account: &mut Account, subscription: &Value, details: &Value) -> Option<Draft> {
    let at = details.maybe_int("proration_date").unwrap_or(account.now());
    if details.text("proration_behavior") != "none" && subscription.text("status") != "trialing" {
        let lines = prorate::credits(account, subscription, at);
        bill::keep(account, subscription.text("id"), lines);
    }
    cancel::last_invoice(account, subscription)
}

/// The parameters of the update that a preview describes.
fn as_update(details: &Value) -> Result<Value, ApiError> {
    let mut changes = details.clone();
    if changes.get("billing_cycle_anchor").is_some_and(|anchor| anchor.text("type") == "timestamp") {
        return Err(ApiError::invalid(
            "When previewing an update to a subscription, `billing_cycle_anchor[type]` must be `now` or `unchanged`.",
        )
        .param("subscription_details[billing_cycle_anchor]"));
    }
    for name in ["cancel_now", "billing_mode", "start_date", "resume_at"] {
        changes.take_key(name);
    }
    Ok(changes)
}

/// The first invoice of a subscription that is yet to start.
pub(crate) fn first_invoice(account: &mut Account, customer: &str, details: &Value) -> Result<Draft, ApiError> {
    let mut start = details.clone();
    start.set("customer", customer);
    let anchor = details.get("billing_cycle_anchor").cloned().unwrap_or_else(|| json!({}));
    start.take_key("billing_cycle_anchor");
    if let Some(at) = anchor.maybe_int("timestamp") {
        start.set("billing_cycle_anchor", at);
    }
    let new: NewSubscription = create::read(account, &start)?;
    Ok(create::plan(account, &new)?.draft)
}
