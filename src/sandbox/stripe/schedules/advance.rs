//! What a schedule does: it starts its subscription, leads it from phase to phase, and ends.
//!
//! A phase that begins with a renewal is entered by the renewal (`entering`, `passed`), so that one
//! invoice bills both. Any other is entered by an ordinary update at its start.

use serde_json::{Value, json};

use super::phases::{self, span};
use super::{managing, release};
use crate::json::Json;
use crate::stripe::account::Account;
use crate::stripe::discounts;
use crate::stripe::error::ApiError;
use crate::stripe::subscriptions::{self, NewItem, NewSubscription};

/// When a schedule does something next.
pub(crate) fn due_at(schedule: &Value) -> Option<i64> {
    match schedule.text("status") {
        "not_started" => Some(schedule.list("phases").first()?.int("start_date")),
        "active" => schedule.get("current_phase")?.maybe_int("end_date"),
        _ => None,
    }
}

/// Does what is due.
pub(crate) fn run_due(account: &mut Account, schedule: Value) {
    let outcome = match (schedule.text("status"), next_phase(&schedule)) {
        ("not_started", _) => begin(account, schedule.clone()),
        (_, Some(phase)) => enter(account, &schedule, &phase),
        (_, None) => {
            finish(account, schedule.clone());
            Ok(())
        }
    };
    if let Err(error) = outcome {
        tracing::warn!(message = error.message(), schedule = schedule.text("id"), "a phase could not begin");
        let mut aborted = schedule;
        aborted.set("status", "canceled");
        aborted.set("canceled_at", account.now());
        aborted.set("current_phase", Value::Null);
        account.announce(&aborted, "subscription_schedule.aborted");
    }
}

/// Starts the subscription of a schedule.
pub(super) fn begin(account: &mut Account, mut schedule: Value) -> Result<(), ApiError> {
    let first = schedule.list("phases").first().cloned().unwrap_or_default();
    let items = first.list("items").iter();
    let items = items
        .map(|item| {
            Ok(NewItem {
                price: account.find("price", item.text("price"), "price")?,
                quantity: item.maybe_int("quantity").unwrap_or(1),
                metadata: item.get("metadata").cloned().unwrap_or_default(),
            })
        })
        .collect::<Result<Vec<_>, ApiError>>()?;
    let customer = schedule.text("customer").to_owned();
    let mut fields = json!({ "metadata": first.get("metadata"), "schedule": schedule.text("id") });
    for name in ["description", "collection_method"] {
        if let Some(value) = first.get(name).filter(|it| !it.is_null()) {
            fields.set(name, value.clone());
        }
    }
    let subscription = subscriptions::create(
        account,
        &NewSubscription {
            discounts: discounts::sources(account, first.list("discounts"), Some(&customer))?,
            customer,
            items,
            trial_end: first.maybe_int("trial_end"),
            method: first.maybe("default_payment_method").map(str::to_owned),
            fields,
            payment_behavior: "allow_incomplete".to_owned(),
            ..NewSubscription::default()
        },
    )?;
    schedule.set("status", "active");
    schedule.set("subscription", subscription.text("id"));
    schedule.set("current_phase", span(&first));
    account.update(&schedule, "subscription_schedule.updated");
    Ok(())
}

/// The phase after the current one.
fn next_phase(schedule: &Value) -> Option<Value> {
    let end = schedule.get("current_phase")?.int("end_date");
    schedule.list("phases").iter().find(|phase| phase.int("start_date") == end).cloned()
}

/// What the phase changes that begins at the account's moment together with a renewal, as the
/// parameters of an update.
pub(crate) fn entering(account: &Account, subscription: &Value) -> Option<Value> {
    let schedule = managing(account, subscription)?;
    let next = next_phase(&schedule).filter(|phase| phase.int("start_date") == account.now())?;
    Some(as_update(subscription, &next))
}

/// A renewal has entered the phase that was due.
pub(crate) fn passed(account: &mut Account, subscription: &Value) {
    if let Some(mut schedule) = managing(account, subscription)
        && let Some(next) = next_phase(&schedule).filter(|phase| phase.int("start_date") == account.now())
    {
        schedule.set("current_phase", span(&next));
        account.update(&schedule, "subscription_schedule.updated");
    }
}

fn enter(account: &mut Account, schedule: &Value, phase: &Value) -> Result<(), ApiError> {
    let subscription = account.find("subscription", schedule.text("subscription"), "subscription")?;
    let changes = as_update(&subscription, phase);
    let mut schedule = schedule.clone();
    schedule.set("current_phase", span(phase));
    account.update(&schedule, "subscription_schedule.updated");
    subscriptions::update(account, subscription, &changes).map(|_| ())
}

/// The update that brings a subscription into a phase.
fn as_update(subscription: &Value, phase: &Value) -> Value {
    let mut changes = json!({
        "items": items_update(subscription, phase),
        // A phase has no discounts but its own.
        "discounts": phase.list("discounts"),
        "proration_behavior": phase.text("proration_behavior"),
    });
    for name in ["collection_method", "default_payment_method", "description", "trial_end"] {
        if let Some(value) = phase.get(name).filter(|it| !it.is_null()) {
            changes.set(name, value.clone());
        }
    }
    if let Some(metadata) = phase.get("metadata").filter(|it| **it != json!({})) {
        changes.set("metadata", metadata.clone());
    }
    if phase.text("billing_cycle_anchor") == "phase_start" {
        changes.set("billing_cycle_anchor", json!({ "type": "now" }));
    }
    changes
}

/// Items with the same price stay; the others change into what is new, as far as both go.
fn items_update(subscription: &Value, phase: &Value) -> Vec<Value> {
    let old = subscription.get("items").map_or(&[][..], |items| items.list("data"));
    let price = |item: &Value| item.get("price").map_or("", |price| price.text("id")).to_owned();
    let mut free: Vec<&Value> =
        old.iter().filter(|item| !phase.list("items").iter().any(|new| new.text("price") == price(item))).collect();
    let mut changes = Vec::new();
    for new in phase.list("items") {
        let mut change = json!({ "price": new.text("price"), "metadata": new.get("metadata") });
        if let Some(quantity) = new.get("quantity") {
            change.set("quantity", quantity.clone());
        }
        let same = old.iter().find(|item| price(item) == new.text("price"));
        let kept = same.or_else(|| (!free.is_empty()).then(|| free.remove(0)));
        if let Some(item) = kept {
            change.set("id", item.text("id"));
        }
        changes.push(change);
    }
    changes.extend(free.into_iter().map(|item| json!({ "id": item.text("id"), "deleted": true })));
    changes
}

/// When a schedule ends its subscription.
pub(crate) fn cancels_at(account: &Account, subscription: &Value) -> Option<i64> {
    let schedule = managing(account, subscription).filter(|it| it.text("end_behavior") == "cancel")?;
    Some(schedule.list("phases").last()?.int("end_date"))
}

/// The last phase is over.
fn finish(account: &mut Account, mut schedule: Value) {
    if schedule.text("end_behavior") == "release" {
        return release(account, schedule);
    }
    schedule.set("status", "completed");
    schedule.set("completed_at", account.now());
    schedule.set("current_phase", Value::Null);
    account.announce(&schedule, "subscription_schedule.completed");
    if let Some(subscription) = account.get("subscription", schedule.text("subscription")).cloned()
        && !subscriptions::has_ended(&subscription)
    {
        subscriptions::come_to_the_end(account, subscription);
    }
}

/// Replaces the phases from the current one on.
pub(super) fn rewrite(
    account: &mut Account,
    mut schedule: Value,
    given: &[Value],
    proration: &str,
) -> Result<(), ApiError> {
    let first = schedule.list("phases").first().map_or(0, |phase| phase.int("start_date"));
    let current = schedule.get("current_phase").and_then(|phase| phase.maybe_int("start_date"));
    let named = given.first().and_then(|phase| phase.get("start_date"));
    let start = match (current, named.map(|date| date.as_i64().unwrap_or(account.now()))) {
        // A schedule that has not started may start at another time.
        (None, named) => named.unwrap_or(first),
        (Some(_), Some(named)) if schedule.list("phases").iter().any(|it| it.int("start_date") == named) => named,
        (Some(current), _) => current,
    };
    let phases = phases::read(account, given, start, "create_prorations")?;
    let now = account.now();
    let running = phases.iter().find(|it| it.int("start_date") <= now && now < it.int("end_date")).cloned();
    if phases.last().is_none_or(|last| last.int("end_date") <= now) {
        return Err(
            ApiError::invalid("The last phase of a subscription schedule must end in the future.").param("phases")
        );
    }
    schedule.set("phases", phases);
    if current.is_none() {
        account.update(&schedule, "subscription_schedule.updated");
        return if start <= now { begin(account, schedule) } else { Ok(()) };
    }
    let Some(running) = running else {
        account.update(&schedule, "subscription_schedule.updated");
        return Ok(());
    };
    schedule.set("current_phase", span(&running));
    account.update(&schedule, "subscription_schedule.updated");
    let subscription = account.find("subscription", schedule.text("subscription"), "subscription")?;
    let same_items = phases::items_of(&subscription) == running.get("items").cloned().unwrap_or_default();
    if !same_items || phases::discounts_of(&subscription) != running.list("discounts") {
        let mut changes = as_update(&subscription, &running);
        changes.set("proration_behavior", proration);
        subscriptions::update(account, subscription, &changes)?;
    }
    Ok(())
}

/// A subscription was changed directly: its current phase says the same from now on.
pub(crate) fn follow(account: &mut Account, subscription: &Value) {
    let Some(mut schedule) = managing(account, subscription) else {
        return;
    };
    let start = schedule.get("current_phase").map_or(0, |phase| phase.int("start_date"));
    let mut phases = schedule.list("phases").to_vec();
    if let Some(phase) = phases.iter_mut().find(|phase| phase.int("start_date") == start) {
        phase.set("items", phases::items_of(subscription));
        phase.set("discounts", phases::discounts_of(subscription));
    }
    schedule.set("phases", phases);
    account.update(&schedule, "subscription_schedule.updated");
}
