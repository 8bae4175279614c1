//! The shape of subscriptions and their items, and how to read them.

use serde_json::{Value, json};

use crate::calendar;
use crate::ids;
use crate::json::Json;
use crate::stripe::account::Account;
use crate::stripe::invoices::Line;
use crate::stripe::{list, prices, products};

/// The items of a subscription.
pub(crate) fn items(subscription: &Value) -> &[Value] {
    subscription.get("items").map_or(&[], |items| items.list("data"))
}

/// Price id of an item.
pub(crate) fn price_id(item: &Value) -> &str {
    item.get("price").map_or("", |price| price.text("id"))
}

/// When the earliest running period ends.
pub(crate) fn period_end(subscription: &Value) -> i64 {
    let ends = items(subscription).iter().map(|item| item.int("current_period_end"));
    ends.min().unwrap_or_default()
}

/// When the running period started.
pub(crate) fn period_start(subscription: &Value) -> i64 {
    let starts = items(subscription).iter().map(|item| item.int("current_period_start"));
    starts.max().unwrap_or_default()
}

/// When the last running period ends.
pub(crate) fn last_period_end(subscription: &Value) -> i64 {
    let ends = items(subscription).iter().map(|item| item.int("current_period_end"));
    ends.max().unwrap_or_default()
}

/// Replaces the items.
pub(crate) fn set_items(subscription: &mut Value, items: &[Value]) {
    let url = format!("/v1/subscription_items?subscription={}", subscription.text("id"));
    subscription.set("items", list::embedded(items, &url));
}

/// A new item for a price.
pub(crate) fn item(
    account: &Account,
    subscription: &str,
    price: &Value,
    quantity: i64,
    metadata: &Value,
    period: (i64, i64),
) -> Value {
    let metered = price.get("recurring").is_some_and(|recurring| recurring.text("usage_type") == "metered");
    let mut item = json!({
        "id": ids::random("si_", 14),
        "object": "subscription_item",
        "billing_thresholds": null,
        "created": account.now(),
        "current_period_end": period.1,
        "current_period_start": period.0,
        "current_trial": null,
        "discounts": [],
        "metadata": metadata,
        "plan": prices::plan(price),
        "price": price,
        "subscription": subscription,
        "tax_rates": [],
    });
    if !metered {
        item.set("quantity", quantity);
    }
    item
}

/// What an item costs per period.
pub(crate) fn amount(item: &Value) -> i64 {
    let unit = item.get("price").map_or(0, |price| price.int("unit_amount"));
    unit * item.maybe_int("quantity").unwrap_or_default()
}

/// The period of a price at a moment: the trial, or a step of the billing cycle.
pub(crate) fn period(price: &Value, anchor: i64, trial: Option<i64>, at: i64) -> (i64, i64) {
    if let Some(end) = trial.filter(|end| *end > at) {
        return (at, end);
    }
    let (interval, count) = prices::cadence(price);
    let (start, end) = calendar::period(anchor, &interval, count, at);
    if anchor > at { (at, anchor) } else { (start, end) }
}

/// The invoice line for one period of an item; a trial costs nothing.
pub(crate) fn line(account: &Account, item: &Value, trial: bool) -> Line {
    let price = item.get("price").cloned().unwrap_or_default();
    let name = products::name(account, price.text("product"));
    let quantity = item.maybe_int("quantity").unwrap_or_default();
    let description = if trial {
        format!("Trial period for {name}")
    } else {
        let each = crate::page::price(&price);
        format!("{quantity} × {name} (at {each})")
    };
    Line {
        description,
        amount: if trial { 0 } else { amount(item) },
        quantity,
        price,
        period: (item.int("current_period_start"), item.int("current_period_end")),
        item: item.maybe("id").map(str::to_owned),
        ..Line::default()
    }
}

/// A subscription without items, in status `incomplete`.
pub(crate) fn blank(account: &Account, customer: &str, currency: &str) -> Value {
    let now = account.now();
    json!({
        "id": ids::new("sub_"),
        "object": "subscription",
        "application": null,
        "application_fee_percent": null,
        "automatic_tax": { "disabled_reason": null, "enabled": false, "liability": null },
        "billing_cycle_anchor": now,
        "billing_cycle_anchor_config": null,
        "billing_mode": { "flexible": { "proration_discounts": "included" }, "type": "flexible", "updated_at": now },
        "billing_schedules": [],
        "billing_thresholds": null,
        "cancel_at": null,
        "cancel_at_period_end": false,
        "canceled_at": null,
        "cancellation_details": { "comment": null, "feedback": null, "reason": null },
        "collection_method": "charge_automatically",
        "created": now,
        "currency": currency,
        "customer": customer,
        "customer_account": null,
        "days_until_due": null,
        "default_payment_method": null,
        "default_source": null,
        "default_tax_rates": [],
        "description": null,
        "discounts": [],
        "ended_at": null,
        "invoice_settings": {
            "account_tax_ids": null,
            "custom_fields": null,
            "description": null,
            "footer": null,
            "issuer": { "type": "self" },
        },
        "items": list::embedded(&[], "/v1/subscription_items"),
        "latest_invoice": null,
        "livemode": false,
        "managed_payments": { "enabled": false },
        "metadata": {},
        "next_pending_invoice_item_invoice": null,
        "on_behalf_of": null,
        "pause_collection": null,
        "payment_settings": {
            "payment_method_options": null,
            "payment_method_types": null,
            "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": null,
        "pending_setup_intent": null,
        "pending_update": null,
        "schedule": null,
        "start_date": now,
        "status": "incomplete",
        "test_clock": account.get("customer", customer).and_then(|it| it.get("test_clock")),
        "transfer_data": null,
        "trial_end": null,
        "trial_settings": { "end_behavior": { "billing_cycle_anchor": null, "missing_payment_method": "create_invoice" } },
        "trial_start": null,
    })
}
