//! Changing a running subscription: fields, scheduled end, trial, items, and what that bills.
//!
//! `plan` decides everything, `apply` carries it out. Previews ask for the plan only, so that they
//! cannot differ from what happens.

use serde_json::Value;

use super::bill::{self, Billing};
use super::{cancel, change, has_ended, object, pending};
use crate::json::Json;
use crate::stripe::account::Account;
use crate::stripe::discounts::{self, Place};
use crate::stripe::error::ApiError;
use crate::stripe::invoices;
use crate::stripe::routes::{self, Call};
use crate::stripe::schedules;

pub(super) const PARAMS: &str = "add_invoice_items:any application_fee_percent:any automatic_tax:any \
    billing_cycle_anchor{type!=now|unchanged} billing_schedules:any billing_thresholds:any \
    cancel_at?:int=min_period_end|max_period_end cancel_at_period_end:bool \
    cancellation_details{comment feedback?=customer_service|low_quality|missing_features|other|switched_service|too_complex|too_expensive|unused feedback_option} \
    collection_method=charge_automatically|send_invoice days_until_due:int default_payment_method default_source \
    default_tax_rates[] description discounts[]{coupon discount promotion_code} invoice_settings:any \
    items[]{billing_thresholds:any clear_usage:bool deleted:bool discounts:any id metadata:map plan price \
    price_data{currency! product! recurring!{interval!=day|week|month|year interval_count:int} tax_behavior unit_amount:int unit_amount_decimal:dec} \
    quantity:int tax_rates[]} metadata:map off_session:bool on_behalf_of pause_collection:any \
    payment_behavior=allow_incomplete|default_incomplete|error_if_incomplete|pending_if_incomplete \
    payment_settings:any pending_invoice_item_interval:any \
    proration_behavior=none|create_prorations|always_invoice proration_date:int transfer_data:any \
    trial_end:int=now trial_from_plan:bool \
    trial_settings{end_behavior!{billing_cycle_anchor=now|unchanged missing_payment_method!=cancel|create_invoice|pause}}";

/// What an update makes of a subscription, and what it bills.
pub(crate) struct Plan {
    /// The subscription afterwards.
    pub after: Value,
    /// What is billed, and when.
    pub billing: Billing,
}

pub(super) fn call(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let subscription = account.path("subscription", call.id())?;
    apply(account, subscription, &call.params)
}

/// Decides what an update of a running subscription does.
pub(crate) fn plan(account: &mut Account, before: &Value, params: &Value) -> Result<Plan, ApiError> {
    let mut after = before.clone();
    routes::apply_metadata(&mut after, params);
    cancel::details(&mut after, params);
    fields(account, &mut after, params)?;
    let trial_ended = trial(account, &mut after, params)?;
    let changed = change::items(account, &mut after, before, params)?;
    schedule(account, &mut after, params)?;
    let mut lines = changed.lines;
    if trial_ended {
        let items = object::items(&after).to_vec();
        lines.extend(items.iter().map(|item| object::line(account, item, false)));
    }
    let now = trial_ended || changed.resets || params.text("proration_behavior") == "always_invoice";
    let billing = if now {
        let draft = bill::draft(account, &after, lines, "subscription_update");
        if draft.lines.is_empty() { Billing::Nothing } else { Billing::Now(Box::new(draft)) }
    } else if lines.is_empty() {
        Billing::Nothing
    } else {
        Billing::Later(lines)
    };
    Ok(Plan { after, billing })
}

/// Applies an update, announces it, and bills what it causes to be billed now.
pub(crate) fn apply(account: &mut Account, before: Value, params: &Value) -> Result<Value, ApiError> {
    if has_ended(&before) {
        refuse_after_the_end(params)?;
        let mut after = before;
        routes::apply_metadata(&mut after, params);
        cancel::details(&mut after, params);
        account.update(&after, "customer.subscription.updated");
        return Ok(after);
    }
    let behaviour = params.text("payment_behavior");
    if behaviour == "pending_if_incomplete" {
        pending::check(params)?;
    }
    refuse_if_scheduled(account, &before, params)?;
    let before = pending::superseded(account, before, params);
    let plan = plan(account, &before, params)?;
    let after = carry_out(account, &before, plan, behaviour)?;
    schedules::follow(account, &after);
    Ok(after)
}

fn carry_out(account: &mut Account, before: &Value, mut plan: Plan, behaviour: &str) -> Result<Value, ApiError> {
    let id = before.text("id").to_owned();
    let draft = match plan.billing {
        Billing::Now(draft) => draft,
        billing => {
            account.update(&plan.after, "customer.subscription.updated");
            bill::bill(account, &id, billing)?;
            return account.path("subscription", &id);
        }
    };
    if behaviour == "pending_if_incomplete" {
        return pending::attempt(account, before, &plan.after, &draft);
    }
    plan.after.set("latest_invoice", draft.id.clone());
    let invoice = bill::begin(account, &plan.after, &draft);
    if behaviour == "default_incomplete" {
        let invoice = invoices::finalize(account, invoice);
        bill::await_payment(account, invoice);
    } else if let Err(error) = invoices::collect(account, invoice)
        && behaviour == "error_if_incomplete"
    {
        return Err(error);
    }
    account.path("subscription", &id)
}

/// When it ends is the schedule's to say.
fn refuse_if_scheduled(account: &Account, before: &Value, params: &Value) -> Result<(), ApiError> {
    let ends = params.flag("cancel_at_period_end") || params.get("cancel_at").is_some_and(|at| !at.is_null());
    match schedules::managing(account, before).filter(|_| ends) {
        None => Ok(()),
        Some(schedule) => Err(ApiError::invalid(format!(
            "The subscription is managed by the subscription schedule `{}`, and updating any cancelation behavior directly is not allowed. Please update the schedule instead.",
            schedule.text("id")
        ))),
    }
}

fn refuse_after_the_end(params: &Value) -> Result<(), ApiError> {
    let allowed = ["metadata", "cancellation_details", "expand"];
    let other = params.as_object().into_iter().flatten().any(|(name, _)| !allowed.contains(&name.as_str()));
    if other {
        return Err(ApiError::invalid(
            "A canceled subscription can only update its cancellation_details and metadata.",
        ));
    }
    Ok(())
}

/// Takes over the fields that are given, discounts among them.
pub(super) fn fields(account: &mut Account, subscription: &mut Value, params: &Value) -> Result<(), ApiError> {
    if let Some(method) = params.maybe("default_payment_method") {
        let known = account.find("payment_method", method, "default_payment_method")?;
        if known.get("customer") != subscription.get("customer") {
            return Err(ApiError::invalid("The customer does not have a payment method with the ID given.")
                .code("resource_missing")
                .param("default_payment_method"));
        }
    }
    let names = [
        "description",
        "default_payment_method",
        "collection_method",
        "days_until_due",
        "trial_settings",
        "pause_collection",
    ];
    routes::apply(subscription, params, &names);
    let Some(given) = params.get("discounts") else {
        return Ok(());
    };
    let customer = subscription.text("customer").to_owned();
    let id = subscription.text("id").to_owned();
    let sources = discounts::sources(account, params.list("discounts"), Some(&customer))?;
    let kept = given.as_array().into_iter().flatten();
    let mut after: Vec<Value> = kept.filter_map(|it| it.get("discount").cloned()).collect();
    let place = Place { customer: Some(&customer), subscription: Some(&id), checkout_session: None };
    for source in sources {
        let discount = discounts::redeem(account, &source, &place);
        after.extend(discount.get("id").cloned());
    }
    subscription.set("discounts", after);
    Ok(())
}

/// Applies `cancel_at` and `cancel_at_period_end`; says whether anything was asked.
pub(super) fn schedule(account: &Account, subscription: &mut Value, params: &Value) -> Result<bool, ApiError> {
    let flag = params.get("cancel_at_period_end").and_then(Value::as_bool);
    let at = params.get("cancel_at");
    match (at, flag) {
        (Some(at), Some(true)) if !at.is_null() => {
            Err(ApiError::invalid("You may only specify one of these parameters: cancel_at, cancel_at_period_end."))
        }
        (Some(Value::Null) | None, Some(true)) => {
            cancel::schedule_at_period_end(account, subscription);
            Ok(true)
        }
        (Some(Value::Null), _) => {
            cancel::unschedule(subscription);
            Ok(true)
        }
        (Some(at), _) => {
            let at = end_date(account, subscription, at)?;
            cancel::schedule_at(account, subscription, at);
            subscription.set("cancel_at_period_end", false);
            Ok(true)
        }
        // A date that was set on its own is not the flag's to clear.
        (None, Some(false)) => {
            if subscription.flag("cancel_at_period_end") {
                cancel::unschedule(subscription);
            }
            Ok(true)
        }
        (None, None) => Ok(false),
    }
}

fn end_date(account: &Account, subscription: &Value, at: &Value) -> Result<i64, ApiError> {
    match at.as_str() {
        Some("max_period_end") => Ok(object::last_period_end(subscription)),
        Some(_) => Ok(object::period_end(subscription)),
        None => at.as_i64().filter(|at| *at > account.now()).ok_or_else(|| {
            ApiError::invalid("Invalid timestamp: must be an integer Unix timestamp in the future.").param("cancel_at")
        }),
    }
}

/// Moves or ends the trial; true when it ended now.
fn trial(account: &Account, subscription: &mut Value, params: &Value) -> Result<bool, ApiError> {
    let Some(wanted) = params.get("trial_end") else {
        return Ok(false);
    };
    let now = account.now();
    let end = wanted.as_i64().unwrap_or(now);
    if end < now {
        return Err(
            ApiError::invalid("Invalid timestamp: must be an integer Unix timestamp in the future.").param("trial_end")
        );
    }
    let ends_now = end <= now;
    if ends_now && subscription.text("status") != "trialing" {
        return Ok(false);
    }
    if subscription.maybe_int("trial_start").is_none() {
        subscription.set("trial_start", now);
    }
    subscription.set("trial_end", end);
    subscription.set("billing_cycle_anchor", end);
    subscription.set("status", if ends_now { "active" } else { "trialing" });
    change::restart_periods(account, subscription);
    Ok(ends_now)
}

/// Makes a payment method pay for a subscription.
pub(crate) fn set_payment_method(account: &mut Account, mut subscription: Value, method: &str) {
    subscription.set("default_payment_method", method);
    account.update(&subscription, "customer.subscription.updated");
}
