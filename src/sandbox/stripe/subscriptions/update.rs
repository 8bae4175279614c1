//! Changing a running subscription: fields, scheduled end, trial, items, and what that bills.

use serde_json::{Value, json};

use super::create::item_price;
use super::{cancel, has_ended, object, prorate};
use crate::ids;
use crate::json::Json;
use crate::stripe::account::Account;
use crate::stripe::discounts::{self, Place};
use crate::stripe::error::ApiError;
use crate::stripe::invoices::{self, Line};
use crate::stripe::prices;
use crate::stripe::routes::{self, Call};

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

/// Proration lines that wait for the next invoice of a subscription.
pub(crate) const PENDING: &str = "_pending_lines";

pub(super) fn call(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let subscription = account.path("subscription", call.id())?;
    apply(account, subscription, &call.params)
}

/// Applies an update, announces it, and bills what it causes to be billed now.
pub(crate) fn apply(account: &mut Account, before: Value, params: &Value) -> Result<Value, ApiError> {
    let mut subscription = before.clone();
    routes::apply_metadata(&mut subscription, params);
    cancel::details(&mut subscription, params);
    if has_ended(&before) {
        refuse_after_the_end(params)?;
        account.update(&subscription, "customer.subscription.updated");
        return Ok(subscription);
    }
    fields(account, &mut subscription, params)?;
    let trial_ended = trial(account, &mut subscription, params)?;
    let lines = change_items(account, &mut subscription, params)?;
    schedule(account, &mut subscription, params)?;
    let reset = object::items(&subscription).iter().any(|item| item.int("current_period_start") == account.now())
        && object::period_start(&before) != account.now();
    let now = trial_ended || reset || params.text("proration_behavior") == "always_invoice";
    bill(account, subscription, lines, now, params)
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

fn fields(account: &mut Account, subscription: &mut Value, params: &Value) -> Result<(), ApiError> {
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
    restart_periods(account, subscription);
    Ok(ends_now)
}

/// Gives every item the period that the anchor and the trial say.
fn restart_periods(account: &Account, subscription: &mut Value) {
    let anchor = subscription.int("billing_cycle_anchor");
    let trial = subscription.maybe_int("trial_end");
    let mut items = object::items(subscription).to_vec();
    for item in &mut items {
        let price = item.get("price").cloned().unwrap_or_default();
        let (start, end) = object::period(&price, anchor, trial, account.now());
        item.set("current_period_start", start);
        item.set("current_period_end", end);
    }
    object::set_items(subscription, &items);
}

/// Changes the items and gives the lines that settle the difference.
fn change_items(account: &mut Account, subscription: &mut Value, params: &Value) -> Result<Vec<Line>, ApiError> {
    let old = object::items(subscription).to_vec();
    let mut items = old.clone();
    for (index, change) in params.list("items").iter().enumerate() {
        change_item(account, subscription, &mut items, change, index)?;
    }
    if items.is_empty() {
        return Err(ApiError::invalid(
            "A subscription must have at least one active plan. To cancel the subscription, delete it.",
        ));
    }
    let trialing = subscription.text("status") == "trialing";
    let anchor_now = params.get("billing_cycle_anchor").is_some_and(|anchor| anchor.text("type") == "now");
    let resets = anchor_now || cadence(&old) != cadence(&items);
    object::set_items(subscription, &items);
    if resets && !trialing {
        subscription.set("billing_cycle_anchor", account.now());
        restart_periods(account, subscription);
    }
    let none = params.text("proration_behavior") == "none";
    if trialing || (none && !resets) || params.get("trial_end").is_some() {
        return Ok(Vec::new());
    }
    let at = params.maybe_int("proration_date").unwrap_or(account.now());
    let mut lines = prorate::lines(account, &old, object::items(subscription), at);
    if none {
        lines.retain(|line| !line.proration);
    }
    Ok(lines)
}

fn cadence(items: &[Value]) -> Option<(String, i64)> {
    items.first()?.get("price").map(prices::cadence)
}

fn change_item(
    account: &mut Account,
    subscription: &Value,
    items: &mut Vec<Value>,
    change: &Value,
    index: usize,
) -> Result<(), ApiError> {
    let Some(id) = change.maybe("id") else {
        return add_item(account, subscription, items, change, index);
    };
    let at = items
        .iter()
        .position(|item| item.text("id") == id)
        .ok_or_else(|| ApiError::no_such("subscription_item", id, &format!("items[{index}][id]")))?;
    if change.flag("deleted") {
        items.remove(at);
        return Ok(());
    }
    let price = match (change.get("price"), change.get("plan"), change.get("price_data")) {
        (None, None, None) => None,
        _ => Some(item_price(account, change, index)?),
    };
    let Some(item) = items.get_mut(at) else {
        return Ok(());
    };
    if let Some(price) = price {
        item.set("plan", prices::plan(&price));
        item.set("price", price);
    }
    routes::apply(item, change, &["quantity"]);
    routes::apply_metadata(item, change);
    Ok(())
}

fn add_item(
    account: &mut Account,
    subscription: &Value,
    items: &mut Vec<Value>,
    change: &Value,
    index: usize,
) -> Result<(), ApiError> {
    let price = item_price(account, change, index)?;
    if items.iter().any(|item| object::price_id(item) == price.text("id")) {
        return Err(ApiError::invalid(format!(
            "Cannot add multiple subscription items with the same plan: {}",
            price.text("id")
        )));
    }
    let anchor = subscription.int("billing_cycle_anchor");
    let trial = subscription.maybe_int("trial_end");
    let period = object::period(&price, anchor, trial, account.now());
    let item = object::item(
        account,
        subscription.text("id"),
        &price,
        change.maybe_int("quantity").unwrap_or(1),
        &change.get("metadata").cloned().unwrap_or_else(|| json!({})),
        period,
    );
    items.push(item);
    Ok(())
}

/// Saves the change; bills at once or keeps the lines for the next invoice.
fn bill(
    account: &mut Account,
    mut subscription: Value,
    mut lines: Vec<Line>,
    now: bool,
    params: &Value,
) -> Result<Value, ApiError> {
    let id = subscription.text("id").to_owned();
    let mut waiting = pending(account, &id);
    if !now {
        account.update(&subscription, "customer.subscription.updated");
        if !lines.is_empty() {
            waiting.append(&mut lines);
            account.note(PENDING, &id, json!(waiting));
        }
        return Ok(subscription);
    }
    waiting.append(&mut lines);
    if params.get("trial_end").is_some() {
        let items = object::items(&subscription).to_vec();
        waiting.extend(items.iter().map(|item| object::line(account, item, false)));
    }
    if waiting.is_empty() {
        account.update(&subscription, "customer.subscription.updated");
        return Ok(subscription);
    }
    let draft = invoices::Draft {
        id: ids::new("in_"),
        customer: subscription.text("customer").to_owned(),
        subscription: Some(subscription.clone()),
        reason: "subscription_update",
        currency: subscription.text("currency").to_owned(),
        lines: waiting,
        discounts: subscription.list("discounts").to_vec(),
        period: (object::period_start(&subscription), account.now()),
    };
    subscription.set("latest_invoice", draft.id.clone());
    account.update(&subscription, "customer.subscription.updated");
    account.remove(PENDING, &id);
    let invoice = invoices::create(account, &draft);
    let invoice = invoices::finalize(account, invoice);
    if subscription.text("collection_method") == "charge_automatically"
        && let Err(error) = invoices::pay(account, invoice, None, false)
        && refuses(params)
    {
        return Err(error);
    }
    account.path("subscription", &id)
}

/// Whether a failed payment undoes the change.
fn refuses(params: &Value) -> bool {
    ["error_if_incomplete", "pending_if_incomplete"].contains(&params.text("payment_behavior"))
}

fn pending(account: &Account, id: &str) -> Vec<Line> {
    account.get(PENDING, id).and_then(|lines| serde_json::from_value(lines.clone()).ok()).unwrap_or_default()
}

/// What an item costs from one moment to a later anchor, as a part of its full period.
pub(super) fn share_until(item: &Value, from: i64, anchor: i64) -> i64 {
    let price = item.get("price").cloned().unwrap_or_default();
    let (interval, count) = prices::cadence(&price);
    let start = crate::calendar::step(anchor, &interval, -count);
    prorate::part(object::amount(item), anchor - from, anchor - start)
}

/// Makes a payment method pay for a subscription.
pub(crate) fn set_payment_method(account: &mut Account, mut subscription: Value, method: &str) {
    subscription.set("default_payment_method", method);
    account.update(&subscription, "customer.subscription.updated");
}
