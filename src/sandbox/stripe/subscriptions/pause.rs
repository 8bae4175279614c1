//! Pausing a subscription and resuming it: at the end of a trial without a payment method, or when
//! asked to.

use serde_json::{Value, json};

use super::bill::{self, Billing};
use super::{has_ended, object, prorate};
use crate::json::Json;
use crate::stripe::account::Account;
use crate::stripe::error::ApiError;
use crate::stripe::invoices::{self, Line};
use crate::stripe::routes::Call;

/// Invoices whose payment resumes a subscription.
const RESUMPTION: &str = "_resumption";

pub(super) const PAUSE: &str = "bill_for{outstanding_usage_through{type!=none|now} \
    unused_time_from{type!=none|now|item_current_period_start}} \
    invoicing_behavior=invoice|pending_invoice_item type=subscription";

pub(super) const RESUME: &str = "billing_cycle_anchor{type!=now|unchanged} \
    payment_behavior=resume_on_payment_attempt|resume_on_payment_success \
    proration_behavior=none|create_prorations|always_invoice proration_date:int";

/// Stops a subscription until it is resumed.
pub(super) fn pause(account: &mut Account, mut subscription: Value) {
    subscription.set("status", "paused");
    let details = json!({ "paused": { "subscription": {}, "transitioned_at": account.now(), "type": "subscription" } });
    subscription.set("status_details", details);
    account.update(&subscription, "customer.subscription.updated");
    account.announce(&subscription, "customer.subscription.paused");
}

pub(super) fn pause_call(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let subscription = account.path("subscription", call.id())?;
    if !["active", "trialing", "past_due", "unpaid"].contains(&subscription.text("status")) {
        return Err(ApiError::invalid(format!(
            "This subscription cannot be paused because its status is `{}`.",
            subscription.text("status")
        )));
    }
    let lines = unused(account, &subscription, &call.params);
    let billing = if lines.is_empty() {
        Billing::Nothing
    } else if call.params.text("invoicing_behavior") == "invoice" {
        Billing::Now(Box::new(bill::draft(account, &subscription, lines, "subscription_update")))
    } else {
        Billing::Later(lines)
    };
    pause(account, subscription);
    bill::bill(account, call.id(), billing)?;
    account.path("subscription", call.id())
}

/// Credits for time that was paid for and is not used.
fn unused(account: &mut Account, subscription: &Value, params: &Value) -> Vec<Line> {
    let from = params.get("bill_for").and_then(|bill| bill.get("unused_time_from"));
    let now = account.now();
    let trialing = subscription.text("status") == "trialing";
    match from.map_or("none", |from| from.text("type")) {
        _ if trialing => Vec::new(),
        "now" => prorate::credits(account, subscription, now),
        "item_current_period_start" => prorate::credits(account, subscription, object::period_start(subscription)),
        _ => Vec::new(),
    }
}

pub(super) fn resume_call(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let before = account.path("subscription", call.id())?;
    if has_ended(&before) || before.text("status") != "paused" {
        return Err(ApiError::invalid("This subscription cannot be resumed because it is not paused."));
    }
    let params = &call.params;
    let keeps = params.get("billing_cycle_anchor").is_some_and(|anchor| anchor.text("type") == "unchanged");
    let mut after = before.clone();
    let lines = next_period(account, &mut after, keeps, params);
    let waits = params.text("payment_behavior") != "resume_on_payment_attempt";
    after.set("status", "active");
    after.take_key("status_details");
    if lines.is_empty() {
        account.update(&after, "customer.subscription.updated");
        account.announce(&after, "customer.subscription.resumed");
        return Ok(after);
    }
    if keeps && params.text("proration_behavior") != "always_invoice" {
        account.update(&after, "customer.subscription.updated");
        account.announce(&after, "customer.subscription.resumed");
        bill::bill(account, call.id(), Billing::Later(lines))?;
        return account.path("subscription", call.id());
    }
    let draft = bill::draft(account, &after, lines, "subscription_update");
    after.set("latest_invoice", draft.id.clone());
    let mut paused = after.clone();
    for field in ["status", "status_details"] {
        paused.set(field, before.get(field).cloned().unwrap_or_default());
    }
    // The status follows the payment, unless it was asked for at once.
    let first = if waits { &paused } else { &after };
    let invoice = invoices::create(account, &draft);
    account.update(first, "customer.subscription.updated");
    if !waits {
        account.announce(&after, "customer.subscription.resumed");
    }
    if waits {
        account.note(RESUMPTION, invoice.text("id"), json!({}));
    }
    account.remove(bill::WAITING, call.id());
    let _ = invoices::collect(account, invoice);
    account.path("subscription", call.id())
}

/// Moves the items into the period to resume in, and says what that costs.
fn next_period(account: &mut Account, subscription: &mut Value, keeps: bool, params: &Value) -> Vec<Line> {
    let now = account.now();
    let running = object::period_end(subscription) > now;
    if keeps && running {
        return Vec::new();
    }
    if !keeps {
        subscription.set("billing_cycle_anchor", now);
    }
    let anchor = subscription.int("billing_cycle_anchor");
    let mut items = object::items(subscription).to_vec();
    for item in &mut items {
        let price = item.get("price").cloned().unwrap_or_default();
        let (start, end) = object::period(&price, anchor, None, now);
        item.set("current_period_start", start);
        item.set("current_period_end", end);
    }
    object::set_items(subscription, &items);
    if !keeps {
        return items.iter().map(|item| object::line(account, item, false)).collect();
    }
    if params.text("proration_behavior") == "none" {
        return Vec::new();
    }
    let at = params.maybe_int("proration_date").unwrap_or(now);
    prorate::debits(account, subscription, at)
}

/// Whether paying this invoice resumes its subscription.
pub(super) fn resumes(account: &Account, invoice: &str) -> bool {
    account.get(RESUMPTION, invoice).is_some()
}

/// The invoice of a resumption was paid.
pub(super) fn resumed(account: &mut Account, mut subscription: Value) {
    subscription.set("status", "active");
    subscription.take_key("status_details");
    account.update(&subscription, "customer.subscription.updated");
    account.announce(&subscription, "customer.subscription.resumed");
}
