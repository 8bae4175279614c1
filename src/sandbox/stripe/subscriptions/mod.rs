//! Subscriptions: the endpoints, and what other resources ask of them. The rules are in the parts:
//! `object` (shape and items), `create`, `update`, `prorate`, `cancel`.

mod cancel;
mod create;
mod items;
mod object;
mod prorate;
mod update;

use serde_json::{Value, json};

pub(crate) use cancel::{cancel_all, cancel_now, schedule_at, unschedule};
pub(crate) use create::{NewItem, NewSubscription, create};
pub(crate) use items::ROUTES as ITEM_ROUTES;
pub(crate) use object::period_end;
pub(crate) use update::{apply as update, set_payment_method};

use super::account::Account;
use super::error::ApiError;
use super::routes::{Call, Route, delete, get, post};
use super::{customers, invoices, list};
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
    post(
        "/v1/subscriptions/{id}/resume",
        "billing_cycle_anchor{type!=now|unchanged} payment_behavior=resume_on_payment_attempt|resume_on_payment_success \
         proration_behavior=none|create_prorations|always_invoice proration_date:int",
        resume,
    ),
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

/// An invoice was paid: what waited for the money becomes active.
pub(crate) fn invoice_paid(account: &mut Account, invoice: &Value) {
    let waiting = |status: &str| ["incomplete", "past_due", "unpaid"].contains(&status);
    change_latest(account, invoice, |subscription| {
        if waiting(subscription.text("status")) {
            subscription.set("status", "active");
        }
    });
}

/// An invoice could not be collected: an active subscription is now past due.
pub(crate) fn invoice_refused(account: &mut Account, invoice: &Value) {
    change_latest(account, invoice, |subscription| {
        if ["active", "trialing"].contains(&subscription.text("status")) {
            subscription.set("status", "past_due");
        }
    });
}

/// An invoice will not be collected any more: nothing is owed.
pub(crate) fn invoice_closed(account: &mut Account, invoice: &Value) {
    change_latest(account, invoice, |subscription| {
        if subscription.text("status") == "past_due" {
            subscription.set("status", "active");
        }
    });
}

fn change_latest(account: &mut Account, invoice: &Value, change: impl FnOnce(&mut Value)) {
    let Some(id) = invoices::subscription(invoice) else {
        return;
    };
    if let Some(mut subscription) = account.get("subscription", id).cloned()
        && subscription.maybe("latest_invoice") == invoice.maybe("id")
    {
        change(&mut subscription);
        account.update(&subscription, "customer.subscription.updated");
    }
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

fn resume(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let mut subscription = account.path("subscription", call.id())?;
    if subscription.text("status") != "paused" {
        return Err(ApiError::invalid("This subscription cannot be resumed because it is not paused."));
    }
    subscription.set("status", "active");
    subscription.set("status_details", json!(null));
    account.update(&subscription, "customer.subscription.updated");
    account.announce(&subscription, "customer.subscription.resumed");
    Ok(subscription)
}
