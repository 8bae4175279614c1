//! Phases: what they look like, and how they are read from parameters.

use serde_json::{Value, json};

use crate::calendar;
use crate::json::Json;
use crate::stripe::account::Account;
use crate::stripe::error::ApiError;
use crate::stripe::routes::{apply, apply_metadata};
use crate::stripe::{prices, subscriptions};

/// The phase that a running subscription is in.
pub(super) fn of_subscription(subscription: &Value) -> Value {
    let items = subscription.get("items").map_or(&[][..], |items| items.list("data"));
    let start = items.iter().map(|item| item.int("current_period_start")).max().unwrap_or_default();
    let mut phase = blank(subscription.text("currency"), start, subscriptions::period_end(subscription));
    phase.set("items", items_of(subscription));
    phase.set("discounts", discounts_of(subscription));
    phase.set("default_payment_method", subscription.get("default_payment_method").cloned().unwrap_or_default());
    let trial = subscription.text("status") == "trialing";
    phase.set("trial_end", subscription.get("trial_end").filter(|_| trial).cloned().unwrap_or_default());
    phase
}

/// A subscription's discounts as a phase names them.
pub(super) fn discounts_of(subscription: &Value) -> Vec<Value> {
    let named = |id: &Value| json!({ "coupon": null, "discount": id, "promotion_code": null });
    subscription.list("discounts").iter().map(named).collect()
}

/// A subscription's items as a phase has them.
pub(super) fn items_of(subscription: &Value) -> Value {
    let items = subscription.get("items").map_or(&[][..], |items| items.list("data"));
    items
        .iter()
        .map(|item| {
            let price = item.get("price").map_or("", |price| price.text("id"));
            phase_item(price, item.maybe_int("quantity"), item.get("metadata"))
        })
        .collect()
}

fn phase_item(price: &str, quantity: Option<i64>, metadata: Option<&Value>) -> Value {
    let mut item = json!({
        "billing_thresholds": null,
        "discounts": [],
        "metadata": metadata.cloned().unwrap_or_else(|| json!({})),
        "plan": price,
        "price": price,
        "tax_rates": [],
    });
    if let Some(quantity) = quantity {
        item.set("quantity", quantity);
    }
    item
}

fn blank(currency: &str, start: i64, end: i64) -> Value {
    json!({
        "add_invoice_items": [],
        "application_fee_percent": null,
        "billing_cycle_anchor": null,
        "billing_thresholds": null,
        "collection_method": null,
        "currency": currency,
        "default_payment_method": null,
        "default_tax_rates": [],
        "description": null,
        "discounts": [],
        "end_date": end,
        "invoice_settings": null,
        "items": [],
        "metadata": {},
        "on_behalf_of": null,
        "proration_behavior": "create_prorations",
        "start_date": start,
        "transfer_data": null,
        "trial_end": null,
    })
}

/// Start and end of a phase.
pub(super) fn span(phase: &Value) -> Value {
    json!({ "start_date": phase.get("start_date"), "end_date": phase.get("end_date") })
}

/// Phases from their parameters, one after the other from `start` on.
pub(super) fn read(
    account: &mut Account,
    given: &[Value],
    start: i64,
    proration: &str,
) -> Result<Vec<Value>, ApiError> {
    let mut phases: Vec<Value> = Vec::new();
    for (index, params) in given.iter().enumerate() {
        let follows = phases.last().map_or(start, |phase| phase.int("end_date"));
        let at = |field: &str| format!("phases[{index}][{field}]");
        if let Some(date) = params.maybe_int("start_date")
            && date != follows
        {
            return Err(ApiError::invalid(if index == 0 {
                "You can not modify the start date of the current phase."
            } else {
                "The `start_date` of a phase must be the `end_date` of the phase before it."
            })
            .param(at("start_date")));
        }
        phases.push(one(account, params, index, follows, proration)?);
    }
    Ok(phases)
}

fn one(account: &mut Account, params: &Value, index: usize, start: i64, proration: &str) -> Result<Value, ApiError> {
    let at = |field: &str| format!("phases[{index}][{field}]");
    let mut items = Vec::new();
    let mut cadence = None;
    let mut currency = String::new();
    for (number, given) in params.list("items").iter().enumerate() {
        let price = subscriptions::item_price(account, given, &format!("phases[{index}][items][{number}][price]"))?;
        if price.text("type") != "recurring" {
            return Err(ApiError::invalid(format!(
                "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`: {}",
                price.text("id")
            ))
            .param(at("items")));
        }
        price.text("currency").clone_into(&mut currency);
        cadence.get_or_insert_with(|| prices::cadence(&price));
        items.push(phase_item(price.text("id"), Some(given.maybe_int("quantity").unwrap_or(1)), given.get("metadata")));
    }
    let (interval, count) = cadence.ok_or_else(|| ApiError::missing_param(&at("items")))?;
    let end = match (params.get("end_date"), params.get("duration")) {
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid("You may only specify one of these parameters: end_date, duration.")
                .param(at("end_date")));
        }
        (Some(date), None) => date.as_i64().unwrap_or(account.now()),
        (None, Some(length)) => {
            calendar::step(start, length.text("interval"), length.maybe_int("interval_count").unwrap_or(1))
        }
        (None, None) => calendar::step(start, &interval, count),
    };
    if end <= start {
        return Err(
            ApiError::invalid("The `end_date` of a phase must be after its `start_date`.").param(at("end_date"))
        );
    }
    let mut phase = blank(&currency, start, end);
    phase.set("items", items);
    phase.set("proration_behavior", proration);
    let fields =
        ["billing_cycle_anchor", "collection_method", "default_payment_method", "description", "proration_behavior"];
    apply(&mut phase, params, &fields);
    apply_metadata(&mut phase, params);
    phase.set("discounts", discounts(account, params)?);
    let trial_end = match params.get("trial_end") {
        Some(date) => Some(date.as_i64().unwrap_or(account.now())),
        None => params.flag("trial").then_some(end),
    };
    phase.set("trial_end", trial_end);
    Ok(phase)
}

fn discounts(account: &Account, params: &Value) -> Result<Vec<Value>, ApiError> {
    // What cannot be redeemed is refused now, not when the phase begins.
    crate::stripe::discounts::sources(account, params.list("discounts"), None)?;
    let shown = |given: &Value| {
        json!({
            "coupon": given.get("coupon"),
            "discount": given.get("discount"),
            "promotion_code": given.get("promotion_code"),
        })
    };
    Ok(params.list("discounts").iter().map(shown).collect())
}
