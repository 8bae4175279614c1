//! The end of a period: the next one begins and is billed. The end of a trial is the same, unless
//! nothing is there to pay with.
//!
//! `plan` decides, `run` carries out; previews use the plan alone, so that they cannot differ.

use serde_json::Value;

use super::{bill, cancel, change, object, pause, update};
use crate::ids;
use crate::json::Json;
use crate::stripe::account::Account;
use crate::stripe::invoices::{self, Draft};
use crate::stripe::routes::apply_metadata;
use crate::stripe::{customers, discounts, invoice_items, schedules};

/// A period's beginning: the subscription as it will be, and what will be billed.
pub(crate) struct Renewal {
    /// The subscription in its next period.
    pub subscription: Value,
    /// The invoice that begins it.
    pub draft: Draft,
}

/// What the end of the running period brings, at the account's present moment.
pub(crate) fn plan(account: &mut Account, before: &Value) -> Renewal {
    let now = account.now();
    let mut subscription = before.clone();
    if subscription.text("status") == "trialing" {
        subscription.set("status", "active");
    }
    let id = subscription.text("id").to_owned();
    let kept = discounts::running(account, subscription.list("discounts"), now);
    subscription.set("discounts", kept.clone());
    enter_phase(account, &mut subscription);
    let kept = discounts::running(account, subscription.list("discounts"), now);
    let mut lines = bill::waiting(account, &id);
    let anchor = subscription.int("billing_cycle_anchor");
    let known = |item: &Value| object::items(before).iter().any(|it| it.get("id") == item.get("id"));
    let mut items = object::items(&subscription).to_vec();
    for item in items.iter_mut().filter(|item| item.int("current_period_end") <= now || !known(item)) {
        let price = item.get("price").cloned().unwrap_or_default();
        let (start, end) = object::period(&price, anchor, None, now);
        item.set("current_period_start", start);
        item.set("current_period_end", end);
        lines.push(object::line(account, item, false));
    }
    object::set_items(&mut subscription, &items);
    lines.extend(invoice_items::waiting(account, subscription.text("customer"), subscription.text("currency")));
    let draft = Draft {
        id: ids::new("in_"),
        customer: subscription.text("customer").to_owned(),
        subscription: Some(subscription.clone()),
        reason: "subscription_cycle",
        currency: subscription.text("currency").to_owned(),
        lines,
        discounts: kept,
        period: (object::period_start(before), now),
        ..Draft::default()
    };
    subscription.set("latest_invoice", draft.id.clone());
    Renewal { subscription, draft }
}

/// A phase of the schedule that begins now begins with the period, and is billed with it.
fn enter_phase(account: &mut Account, subscription: &mut Value) {
    let now = account.now();
    let whole = object::items(subscription).iter().all(|item| item.int("current_period_end") <= now);
    let Some(changes) = schedules::entering(account, subscription).filter(|_| whole) else {
        return;
    };
    let mut entered = subscription.clone();
    let outcome = update::fields(account, &mut entered, &changes)
        .and_then(|()| change::changed_items(account, &entered, &changes))
        .map(|items| {
            let resets = change::cadence(&items) != change::cadence(object::items(subscription))
                || changes.get("billing_cycle_anchor").is_some();
            object::set_items(&mut entered, &items);
            apply_metadata(&mut entered, &changes);
            if resets {
                entered.set("billing_cycle_anchor", now);
            }
        });
    match outcome {
        Ok(()) => *subscription = entered,
        Err(error) => tracing::warn!(message = error.message(), "a phase could not begin with its renewal"),
    }
}

/// Begins the next period.
pub(super) fn run(account: &mut Account, before: Value) {
    if before.text("status") == "trialing" && !can_pay(account, &before) {
        let behaviour = before.get("trial_settings").and_then(|settings| settings.get("end_behavior"));
        match behaviour.map_or("", |it| it.text("missing_payment_method")) {
            "cancel" => {
                cancel::cancel_now(account, before, None);
                return;
            }
            "pause" => return pause::pause(account, before),
            _ => {}
        }
    }
    let renewal = plan(account, &before);
    let id = before.text("id");
    for gone in before.list("discounts").iter().filter(|it| !renewal.draft.discounts.contains(it)) {
        discounts::end(account, gone.as_str().unwrap_or_default());
    }
    account.remove(bill::WAITING, id);
    let invoice = invoices::create(account, &renewal.draft);
    account.update(&renewal.subscription, "customer.subscription.updated");
    schedules::passed(account, &renewal.subscription);
    // Stripe leaves the invoices of unpaid subscriptions as drafts: nobody expects them to be paid.
    if renewal.subscription.text("status") == "unpaid" {
        invoices::keep_as_draft(account, invoice);
    } else {
        let _ = invoices::collect(account, invoice);
    }
}

fn can_pay(account: &Account, subscription: &Value) -> bool {
    subscription.text("collection_method") == "send_invoice"
        || subscription.maybe("default_payment_method").is_some()
        || customers::default_payment_method(account, subscription.text("customer")).is_some()
}
