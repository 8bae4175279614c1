//! `POST /v1/invoices/create_preview`: the invoice that a change would create, or the next one.
//!
//! Nothing is computed here. The change is planned by the code that carries out real changes, inside
//! a transaction that is taken back, so a preview cannot differ from what then happens.

use serde_json::{Value, json};

use super::build::{self, Draft};
use crate::ids;
use crate::json::Json;
use crate::stripe::account::Account;
use crate::stripe::error::ApiError;
use crate::stripe::routes::Call;
use crate::stripe::{customers, subscriptions};

pub(super) const PARAMS: &str = "automatic_tax:any currency customer customer_account customer_details:any \
    discounts[]{coupon discount promotion_code} issuer:any on_behalf_of preview_mode=next|recurring schedule subscription \
    subscription_details{billing_cycle_anchor{timestamp:int type!=timestamp|now|unchanged} billing_mode:any \
    cancel_at?:int=min_period_end|max_period_end cancel_at_period_end:bool cancel_now:bool default_tax_rates[] \
    items[]{billing_thresholds:any clear_usage:bool deleted:bool discounts:any id metadata:map plan price \
    price_data{currency! product! recurring!{interval!=day|week|month|year interval_count:int} tax_behavior unit_amount:int unit_amount_decimal:dec} \
    quantity:int tax_rates[]} metadata:map proration_behavior=none|create_prorations|always_invoice proration_date:int \
    resume_at=now start_date:int trial_end:int=now}";

pub(super) fn call(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    account.imagine(|account| preview(account, &call.params))
}

fn preview(account: &mut Account, params: &Value) -> Result<Value, ApiError> {
    let mut details = params.get("subscription_details").cloned().unwrap_or_else(|| json!({}));
    if let Some(discounts) = params.get("discounts") {
        details.set("discounts", discounts.clone());
    }
    let mut draft = match subscription(account, params)? {
        Some(subscription) => subscriptions::next_invoice(account, &subscription, &details)?,
        None => subscriptions::first_invoice(account, params.text("customer"), &details)?,
    };
    let recurring = params.text("preview_mode") == "recurring";
    if recurring {
        draft.lines.retain(|line| !line.proration && line.item.is_some());
    }
    Ok(shown(account, &draft, recurring))
}

/// The invoice that an update leads to; to be called inside `Account::imagine`.
pub(crate) fn foresee(account: &mut Account, subscription: &Value, update: &Value) -> Result<Value, ApiError> {
    let draft = subscriptions::next_invoice(account, subscription, update)?;
    Ok(upcoming(account, &draft))
}

/// An invoice that is yet to come; nothing can be asked for under its id.
pub(crate) fn upcoming(account: &Account, draft: &Draft) -> Value {
    shown(account, draft, false)
}

/// The subscription whose invoice is asked for, if it exists already.
fn subscription(account: &Account, params: &Value) -> Result<Option<Value>, ApiError> {
    let scheduled = params.maybe("schedule").map(|id| account.find("subscription_schedule", id, "schedule"));
    let scheduled = scheduled.transpose()?.and_then(|schedule| schedule.maybe("subscription").map(str::to_owned));
    let id = params.maybe("subscription").map(str::to_owned).or(scheduled);
    if let Some(id) = id {
        let subscription = account.find("subscription", &id, "subscription")?;
        let other = params.maybe("customer").is_some_and(|customer| customer != subscription.text("customer"));
        if other {
            return Err(ApiError::no_such("subscription", &id, "subscription"));
        }
        return Ok(Some(subscription));
    }
    let customer = params.maybe("customer").ok_or_else(|| {
        ApiError::invalid("You must provide one of `customer`, `subscription` or `schedule`.").code("parameter_missing")
    })?;
    customers::existing(account, customer, "customer")?;
    if params.get("subscription_details").is_some_and(|details| !details.list("items").is_empty()) {
        return Ok(None);
    }
    // Without more, it is the customer's next invoice.
    let running = account.data().newest("subscription").filter(|it| it.text("customer") == customer);
    let next = running.filter_map(|it| Some((subscriptions::due_at(it)?, it))).min_by_key(|(at, _)| *at);
    next.map(|(_, it)| Some(it.clone())).ok_or_else(|| nothing_to_come(customer))
}

/// There is no invoice to preview.
pub(crate) fn nothing_to_come(customer: &str) -> ApiError {
    ApiError::invalid(format!("No upcoming invoices for customer: {customer}")).code("invoice_upcoming_none")
}

fn shown(account: &Account, draft: &Draft, recurring: bool) -> Value {
    let named = Draft { id: ids::new("upcoming_in_"), ..draft.clone() };
    let mut invoice = if recurring { build::unsettled(account, &named) } else { build::preview(account, &named) };
    invoice.set("auto_advance", false);
    invoice
}
