//! What becomes of a subscription as time passes: which moment is next, and what happens then.

use serde_json::Value;

use super::{INCOMPLETE_FOR, cancel, expire, has_ended, object, pending, renew};
use crate::json::Json;
use crate::stripe::account::Account;
use crate::stripe::schedules;

/// When something happens to the subscription by itself.
pub(crate) fn due_at(subscription: &Value) -> Option<i64> {
    if has_ended(subscription) {
        return None;
    }
    let renews = match subscription.text("status") {
        "incomplete" => return Some(subscription.int("created") + INCOMPLETE_FOR),
        "paused" => None,
        _ => Some(object::period_end(subscription)),
    };
    let resumes = subscription.get("pause_collection").and_then(|pause| pause.maybe_int("resumes_at"));
    let expires = pending::expires_at(subscription);
    [subscription.maybe_int("cancel_at"), renews, resumes, expires].into_iter().flatten().min()
}

/// Does the first thing that is due; what else is due is next.
pub(crate) fn run_due(account: &mut Account, mut subscription: Value) {
    let now = account.now();
    let due = |at: Option<i64>| at.is_some_and(|at| at <= now);
    if subscription.text("status") == "incomplete" {
        return expire(account, subscription);
    }
    if due(pending::expires_at(&subscription)) {
        return pending::expire(account, subscription);
    }
    if due(subscription.maybe_int("cancel_at")) {
        return cancel::come_to_the_end(account, subscription);
    }
    if due(subscription.get("pause_collection").and_then(|pause| pause.maybe_int("resumes_at"))) {
        subscription.set("pause_collection", Value::Null);
        account.update(&subscription, "customer.subscription.updated");
        return;
    }
    if due(schedules::cancels_at(account, &subscription)) {
        // The schedule comes to its end at the same moment, and takes the subscription with it.
        if let Some(schedule) = schedules::managing(account, &subscription) {
            return schedules::run_due(account, schedule);
        }
    }
    renew::run(account, subscription);
}
