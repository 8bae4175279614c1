//! Changing a subscription's items: which there are afterwards, in which periods, and the lines that
//! settle the difference.

use serde_json::{Value, json};

use super::create::item_price;
use super::{object, prorate};
use crate::json::Json;
use crate::stripe::account::Account;
use crate::stripe::error::ApiError;
use crate::stripe::invoices::Line;
use crate::stripe::prices;
use crate::stripe::routes;

/// What a change of items causes.
pub(super) struct Changed {
    /// Lines that settle the difference.
    pub lines: Vec<Line>,
    /// Whether a new period begins with it.
    pub resets: bool,
}

/// Gives every item the period that the anchor and the trial say.
pub(super) fn restart_periods(account: &Account, subscription: &mut Value) {
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

/// Changes the items of `subscription`, which was `before` when the update began.
pub(super) fn items(
    account: &mut Account,
    subscription: &mut Value,
    before: &Value,
    params: &Value,
) -> Result<Changed, ApiError> {
    let old = object::items(subscription).to_vec();
    let items = changed_items(account, subscription, params)?;
    let still = ["trialing", "paused"].contains(&subscription.text("status"));
    let anchor_now = params.get("billing_cycle_anchor").is_some_and(|anchor| anchor.text("type") == "now");
    let resets = !still && (anchor_now || cadence(&old) != cadence(&items));
    object::set_items(subscription, &items);
    if resets {
        subscription.set("billing_cycle_anchor", account.now());
        restart_periods(account, subscription);
    }
    let none = params.text("proration_behavior") == "none";
    if still || (none && !resets) || params.get("trial_end").is_some() {
        return Ok(Changed { lines: Vec::new(), resets });
    }
    let at = proration_date(account, before, params)?;
    let mut lines = prorate::lines(account, before, subscription, at);
    if none {
        lines.retain(|line| !line.proration);
    }
    Ok(Changed { lines, resets })
}

/// The items after the change, in the periods they are in now.
pub(super) fn changed_items(
    account: &mut Account,
    subscription: &Value,
    params: &Value,
) -> Result<Vec<Value>, ApiError> {
    let mut items = object::items(subscription).to_vec();
    for (index, change) in params.list("items").iter().enumerate() {
        change_item(account, subscription, &mut items, change, index)?;
    }
    if items.is_empty() {
        return Err(ApiError::invalid(
            "A subscription must have at least one active plan. To cancel the subscription, delete it.",
        ));
    }
    Ok(items)
}

/// From when on the difference counts.
fn proration_date(account: &Account, before: &Value, params: &Value) -> Result<i64, ApiError> {
    let Some(at) = params.maybe_int("proration_date") else {
        return Ok(account.now());
    };
    if (object::period_start(before)..=object::period_end(before)).contains(&at) {
        Ok(at)
    } else {
        Err(ApiError::invalid("The proration date must be within the subscription's current period.")
            .param("proration_date"))
    }
}

pub(super) fn cadence(items: &[Value]) -> Option<(String, i64)> {
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
        _ => Some(item_price(account, change, &format!("items[{index}][price]"))?),
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
    let price = item_price(account, change, &format!("items[{index}][price]"))?;
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
