//! Subscription schedules: phases that a subscription goes through. The endpoints are here, the
//! shape of phases in `phases`, what happens when one ends in `advance`.

mod advance;
mod phases;

use serde_json::{Value, json};

pub(crate) use advance::{cancels_at, due_at, entering, follow, passed, run_due};

use super::account::Account;
use super::error::ApiError;
use super::routes::{Call, Route, apply_metadata, get, post};
use super::{customers, list, subscriptions};
use crate::ids;
use crate::json::Json;

/// Kind of the objects.
pub(crate) const KIND: &str = "subscription_schedule";

/// The notation of phases, which `params::Spec` knows as `@phases`.
pub(crate) const PHASES: &str = "phases[]{billing_cycle_anchor=automatic|phase_start \
    collection_method=charge_automatically|send_invoice currency default_payment_method description \
    discounts[]{coupon discount promotion_code} duration{interval!=day|month|week|year interval_count:int} \
    end_date:int=now items![]{metadata:map plan price \
    price_data{currency! product! recurring!{interval!=day|week|month|year interval_count:int} tax_behavior unit_amount:int unit_amount_decimal:dec} \
    quantity:int} metadata:map proration_behavior=none|create_prorations|always_invoice start_date:int=now trial:bool trial_end:int=now}";

const CREATE: &str = "billing_mode{flexible{proration_discounts=included|itemized} type!=classic|flexible} customer \
    end_behavior=cancel|none|release|renew from_subscription metadata:map start_date:int=now @phases";

const UPDATE: &str = "end_behavior=cancel|none|release|renew metadata:map \
    proration_behavior=none|create_prorations|always_invoice @phases";

pub(crate) const ROUTES: &[Route] = &[
    get(
        "/v1/subscription_schedules",
        "@list canceled_at:range completed_at:range created:range customer released_at:range scheduled:bool",
        all,
    ),
    post("/v1/subscription_schedules", CREATE, create),
    get("/v1/subscription_schedules/{id}", "", retrieve),
    post("/v1/subscription_schedules/{id}", UPDATE, update),
    post("/v1/subscription_schedules/{id}/release", "preserve_cancel_date:bool", release_call),
    post("/v1/subscription_schedules/{id}/cancel", "invoice_now:bool prorate:bool", cancel_call),
];

/// The schedule that manages a subscription.
pub(crate) fn managing(account: &Account, subscription: &Value) -> Option<Value> {
    account.get(KIND, subscription.maybe("schedule")?).filter(|it| is_running(it)).cloned()
}

/// Whether a schedule still manages anything.
fn is_running(schedule: &Value) -> bool {
    ["not_started", "active"].contains(&schedule.text("status"))
}

fn blank(account: &Account, customer: &str, end_behavior: &str) -> Value {
    json!({
        "id": ids::new("sub_sched_"),
        "object": KIND,
        "application": null,
        "billing_mode": { "flexible": { "proration_discounts": "included" }, "type": "flexible", "updated_at": account.now() },
        "canceled_at": null,
        "completed_at": null,
        "created": account.now(),
        "current_phase": null,
        "customer": customer,
        "customer_account": null,
        "default_settings": {
            "application_fee_percent": null,
            "automatic_tax": { "disabled_reason": null, "enabled": false, "liability": null },
            "billing_cycle_anchor": "automatic",
            "billing_thresholds": null,
            "collection_method": "charge_automatically",
            "default_payment_method": null,
            "description": null,
            "invoice_settings": {
                "account_tax_ids": null,
                "custom_fields": null,
                "days_until_due": null,
                "description": null,
                "footer": null,
                "issuer": { "type": "self" },
            },
            "on_behalf_of": null,
            "transfer_data": null,
        },
        "end_behavior": end_behavior,
        "livemode": false,
        "metadata": {},
        "phases": [],
        "released_at": null,
        "released_subscription": null,
        "status": "not_started",
        "subscription": null,
        "test_clock": account.get("customer", customer).and_then(|it| it.get("test_clock")),
    })
}

fn end_behavior(params: &Value) -> Result<Option<&str>, ApiError> {
    match params.maybe("end_behavior") {
        Some("none" | "renew") => {
            Err(ApiError::invalid("Invalid end_behavior: must be one of cancel or release").param("end_behavior"))
        }
        other => Ok(other),
    }
}

fn create(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let params = &call.params;
    let Some(id) = params.maybe("from_subscription") else {
        return create_for_customer(account, params);
    };
    if let Some(name) =
        ["customer", "phases", "end_behavior", "start_date"].iter().find(|it| params.get(**it).is_some())
    {
        return Err(ApiError::invalid(format!("You cannot set `{name}` if `from_subscription` is set.")).param(*name));
    }
    let mut subscription = account.find("subscription", id, "from_subscription")?;
    if let Some(known) = managing(account, &subscription) {
        return Err(ApiError::invalid(format!(
            "You cannot migrate a subscription that is already attached to a schedule: {}",
            known.text("id")
        )));
    }
    if subscriptions::has_ended(&subscription) || subscription.text("status") == "incomplete" {
        return Err(ApiError::invalid(format!(
            "You cannot migrate a subscription in the `{}` status.",
            subscription.text("status")
        )));
    }
    let mut schedule = blank(account, subscription.text("customer"), "release");
    let phase = phases::of_subscription(&subscription);
    schedule.set("current_phase", phases::span(&phase));
    schedule.set("phases", vec![phase]);
    schedule.set("status", "active");
    schedule.set("subscription", id);
    if subscription.maybe_int("cancel_at").is_some() {
        schedule.set("end_behavior", "cancel");
    }
    apply_metadata(&mut schedule, params);
    account.create(&schedule, "subscription_schedule.created");
    subscription.set("schedule", schedule.text("id"));
    account.update(&subscription, "customer.subscription.updated");
    Ok(schedule)
}

fn create_for_customer(account: &mut Account, params: &Value) -> Result<Value, ApiError> {
    let customer = params.maybe("customer").ok_or_else(|| ApiError::missing_param("customer"))?;
    customers::existing(account, customer, "customer")?;
    let given = params.list("phases");
    if given.is_empty() {
        return Err(ApiError::missing_param("phases"));
    }
    let start = match params.get("start_date") {
        None => return Err(ApiError::missing_param("start_date")),
        Some(date) => date.as_i64().unwrap_or(account.now()),
    };
    let mut schedule = blank(account, customer, end_behavior(params)?.unwrap_or("release"));
    let phases = phases::read(account, given, start, "create_prorations")?;
    schedule.set("phases", phases);
    apply_metadata(&mut schedule, params);
    account.create(&schedule, "subscription_schedule.created");
    if start <= account.now() {
        advance::begin(account, schedule.clone())?;
    }
    account.path(KIND, schedule.text("id"))
}

fn update(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let params = &call.params;
    let mut schedule = running(account, call.id(), "update")?;
    if let Some(behaviour) = end_behavior(params)? {
        schedule.set("end_behavior", behaviour);
    }
    apply_metadata(&mut schedule, params);
    if params.get("phases").is_none() {
        account.update(&schedule, "subscription_schedule.updated");
        return Ok(schedule);
    }
    let proration = params.maybe("proration_behavior").unwrap_or("create_prorations");
    advance::rewrite(account, schedule, params.list("phases"), proration)?;
    account.path(KIND, call.id())
}

fn running(account: &Account, id: &str, verb: &str) -> Result<Value, ApiError> {
    let schedule = account.path(KIND, id)?;
    if is_running(&schedule) {
        return Ok(schedule);
    }
    Err(ApiError::invalid(format!(
        "You cannot {verb} a subscription schedule that is currently in the `{}` status.",
        schedule.text("status")
    )))
}

fn release_call(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let schedule = running(account, call.id(), "release")?;
    if schedule.text("status") == "not_started" {
        return Err(ApiError::invalid("You cannot release a subscription schedule that has not started."));
    }
    release(account, schedule);
    account.path(KIND, call.id())
}

/// Lets the subscription go its own way.
pub(crate) fn release(account: &mut Account, mut schedule: Value) {
    let subscription = schedule.get("subscription").cloned().unwrap_or_default();
    schedule.set("status", "released");
    schedule.set("released_at", account.now());
    schedule.set("released_subscription", subscription.clone());
    schedule.set("subscription", Value::Null);
    schedule.set("current_phase", Value::Null);
    if let Some(mut subscription) = account.get("subscription", subscription.as_str().unwrap_or_default()).cloned() {
        subscription.set("schedule", Value::Null);
        account.update(&subscription, "customer.subscription.updated");
    }
    account.announce(&schedule, "subscription_schedule.released");
}

fn cancel_call(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let schedule = running(account, call.id(), "cancel")?;
    match schedule.maybe("subscription") {
        Some(subscription) => {
            let call = Call { ids: vec![subscription.to_owned()], params: call.params.clone() };
            subscriptions::cancel_call(account, &call)?;
        }
        None => canceled(account, schedule),
    }
    account.path(KIND, call.id())
}

/// The subscription ended, and with it what was planned for it.
pub(crate) fn canceled(account: &mut Account, mut schedule: Value) {
    schedule.set("status", "canceled");
    schedule.set("canceled_at", account.now());
    schedule.set("current_phase", Value::Null);
    account.announce(&schedule, "subscription_schedule.canceled");
}

fn retrieve(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    account.path(KIND, call.id())
}

fn all(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let params = &call.params;
    customers::check_filter(account, params)?;
    list::page(account, KIND, "/v1/subscription_schedules", params, |schedule| {
        list::matches(schedule, "customer", params)
            && ["canceled_at", "completed_at", "released_at"]
                .iter()
                .all(|field| list::in_range(schedule, field, params))
            && (!params.flag("scheduled") || schedule.text("status") == "not_started")
    })
}
