//! Subscriptions: the endpoints, and what other resources ask of them. The rules are in the parts:
//! `object` (shape and items), `create`, `update` with `change` and `prorate`, `bill`, `pending`,
//! `cancel`, `pause`; time is the business of `lifecycle`, `renew` and `remind`.

mod bill;
mod cancel;
mod change;
mod create;
mod item_routes;
mod lifecycle;
mod object;
mod pause;
mod pending;
mod preview;
mod prorate;
mod remind;
mod renew;
mod update;

use serde_json::Value;

pub(crate) use cancel::{call as cancel_call, cancel_all, cancel_now, come_to_the_end, schedule_at, unschedule};
pub(crate) use create::{NewItem, NewSubscription, create, item_price};
pub(crate) use item_routes::{ROUTES as ITEM_ROUTES, holder};
pub(crate) use lifecycle::{due_at, run_due};
pub(crate) use object::{items, period_end};
pub(crate) use preview::{first_invoice, next_invoice};
pub(crate) use remind::{REMINDER, remind, reminder_at, run_reminder};
pub(crate) use update::{apply as update, set_payment_method};

use super::account::Account;
use super::error::ApiError;
use super::routes::{Call, Route, delete, get, post};
use super::{customers, invoices, list, settings};
use crate::json::Json;

/// Stripe gives the first payment this long.
pub(crate) const INCOMPLETE_FOR: i64 = 23 * 3_600;

const ENDED: [&str; 2] = ["canceled", "incomplete_expired"];

const LIST: &str = "@list automatic_tax:any collection_method=charge_automatically|send_invoice \
    created:range current_period_end:range current_period_start:range customer customer_account plan price \
    status=active|canceled|incomplete|incomplete_expired|past_due|paused|trialing|unpaid|all|ended test_clock";

pub(crate) const ROUTES: &[Route] = &[
    get("/v1/subscriptions", LIST, all),
    post("/v1/subscriptions", create::PARAMS, create::call),
    get("/v1/subscriptions/{id}", "", retrieve),
    post("/v1/subscriptions/{id}", update::PARAMS, update::call),
    delete("/v1/subscriptions/{id}", cancel::PARAMS, cancel::call),
    post("/v1/subscriptions/{id}/pause", pause::PAUSE, pause::pause_call),
    post("/v1/subscriptions/{id}/resume", pause::RESUME, pause::resume_call),
];

/// Whether a subscription is over for good.
pub(crate) fn has_ended(subscription: &Value) -> bool {
    ENDED.contains(&subscription.text("status"))
}

/// The subscriptions of a customer that are not over, as its `subscriptions` property.
pub(crate) fn of_customer(account: &Account, customer: &str) -> Value {
    let data: Vec<Value> = account
        .data()
        .newest("subscription")
        .filter(|it| it.text("customer") == customer && !has_ended(it))
        .cloned()
        .collect();
    list::embedded(&data, &format!("/v1/customers/{customer}/subscriptions"))
}

/// An invoice was paid: what waited for the money becomes active, or happens.
pub(crate) fn invoice_paid(account: &mut Account, invoice: &Value) {
    let Some(mut subscription) = of_invoice(account, invoice).filter(|it| !has_ended(it)) else {
        return;
    };
    let id = invoice.text("id");
    if pending::owns(account, subscription.text("id"), id) {
        return pending::paid(account, subscription);
    }
    if subscription.text("latest_invoice") != id {
        return;
    }
    match subscription.text("status") {
        "paused" if pause::resumes(account, id) => pause::resumed(account, subscription),
        "incomplete" | "past_due" | "unpaid" => {
            subscription.set("status", "active");
            account.update(&subscription, "customer.subscription.updated");
        }
        _ => {}
    }
}

/// An invoice could not be collected: an active subscription is now past due.
pub(crate) fn invoice_refused(account: &mut Account, invoice: &Value) {
    let Some(mut subscription) = of_invoice(account, invoice) else {
        return;
    };
    let waits = pending::owns(account, subscription.text("id"), invoice.text("id"));
    if !waits && subscription.get("latest_invoice") == invoice.get("id") && subscription.text("status") == "active" {
        subscription.set("status", "past_due");
        account.update(&subscription, "customer.subscription.updated");
    }
}

/// An invoice will not be collected any more: nothing is owed.
pub(crate) fn invoice_closed(account: &mut Account, invoice: &Value) {
    let Some(mut subscription) = of_invoice(account, invoice) else {
        return;
    };
    if pending::owns(account, subscription.text("id"), invoice.text("id")) {
        return pending::expire(account, subscription);
    }
    let latest = subscription.get("latest_invoice") == invoice.get("id");
    if latest && ["past_due", "unpaid"].contains(&subscription.text("status")) {
        subscription.set("status", "active");
        account.update(&subscription, "customer.subscription.updated");
    }
}

/// Whether a failed payment of this invoice is tried again.
pub(crate) fn retries(account: &Account, invoice: &Value) -> bool {
    of_invoice(account, invoice).is_some_and(|subscription| {
        ["active", "past_due"].contains(&subscription.text("status"))
            && !pending::owns(account, subscription.text("id"), invoice.text("id"))
    })
}

/// The last retry failed: the subscription ends, or stays without being paid for.
pub(crate) fn retries_used_up(account: &mut Account, invoice: &Value) {
    let Some(mut subscription) = of_invoice(account, invoice).filter(|it| !has_ended(it)) else {
        return;
    };
    if settings::after_retries(account) == "unpaid" {
        subscription.set("status", "unpaid");
        account.update(&subscription, "customer.subscription.updated");
    } else {
        cancel_now(account, subscription, Some("payment_failed"));
    }
}

/// How invoices are collected while the collection is paused, if it is.
pub(crate) fn paused_collection(account: &Account, invoice: &Value) -> Option<String> {
    let subscription = of_invoice(account, invoice)?;
    Some(subscription.get("pause_collection")?.maybe("behavior")?.to_owned())
}

/// Whether the subscription that an invoice bills is over.
pub(crate) fn billed_has_ended(account: &Account, invoice: &Value) -> bool {
    of_invoice(account, invoice).is_some_and(|it| has_ended(&it))
}

fn of_invoice(account: &Account, invoice: &Value) -> Option<Value> {
    account.get("subscription", invoices::subscription(invoice)?).cloned()
}

/// The first payment did not come in time.
pub(crate) fn expire(account: &mut Account, mut subscription: Value) {
    subscription.set("status", "incomplete_expired");
    subscription.set("ended_at", account.now());
    subscription.set("canceled_at", account.now());
    account.update(&subscription, "customer.subscription.updated");
    let invoice = subscription.text("latest_invoice").to_owned();
    invoices::void(account, &invoice);
}

fn retrieve(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    account.path("subscription", call.id())
}

fn all(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let params = &call.params;
    customers::check_filter(account, params)?;
    list::page(account, "subscription", "/v1/subscriptions", params, |subscription| {
        ["customer", "collection_method", "test_clock"].iter().all(|field| list::matches(subscription, field, params))
            && status_matches(subscription, params.maybe("status"))
            && ["price", "plan"].iter().all(|filter| {
                params
                    .maybe(filter)
                    .is_none_or(|price| object::items(subscription).iter().any(|item| object::price_id(item) == price))
            })
            && ["current_period_start", "current_period_end"]
                .iter()
                .all(|field| object::items(subscription).first().is_none_or(|item| list::in_range(item, field, params)))
    })
}

fn status_matches(subscription: &Value, wanted: Option<&str>) -> bool {
    match wanted {
        None => !["canceled", "incomplete_expired"].contains(&subscription.text("status")),
        Some("all") => true,
        Some("ended") => has_ended(subscription),
        Some(status) => subscription.text("status") == status,
    }
}
