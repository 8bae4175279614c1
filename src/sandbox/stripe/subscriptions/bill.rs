//! Billing what a change of a subscription causes: at once, or with the next invoice.

use serde_json::{Value, json};

use super::{object, prorate};
use crate::ids;
use crate::json::Json;
use crate::stripe::account::Account;
use crate::stripe::error::ApiError;
use crate::stripe::invoices::{self, Draft, Line};
use crate::stripe::{discounts, prices};

/// Lines that wait for the next invoice of a subscription.
pub(super) const WAITING: &str = "_pending_lines";

/// What a change bills.
pub(crate) enum Billing {
    /// Nothing.
    Nothing,
    /// Lines that wait for the next invoice.
    Later(Vec<Line>),
    /// An invoice now.
    Now(Box<Draft>),
}

/// The lines that wait for the next invoice.
pub(super) fn waiting(account: &Account, id: &str) -> Vec<Line> {
    account.get(WAITING, id).and_then(|lines| serde_json::from_value(lines.clone()).ok()).unwrap_or_default()
}

/// Adds to the lines that wait.
pub(super) fn keep(account: &mut Account, id: &str, mut lines: Vec<Line>) {
    if lines.is_empty() {
        return;
    }
    let mut waiting = waiting(account, id);
    waiting.append(&mut lines);
    account.note(WAITING, id, json!(waiting));
}

/// The invoice over what waits and `lines`.
pub(super) fn draft(account: &Account, subscription: &Value, lines: Vec<Line>, reason: &'static str) -> Draft {
    let mut all = waiting(account, subscription.text("id"));
    all.extend(lines);
    Draft {
        id: ids::new("in_"),
        customer: subscription.text("customer").to_owned(),
        subscription: Some(subscription.clone()),
        reason,
        currency: subscription.text("currency").to_owned(),
        lines: all,
        discounts: discounts::running(account, subscription.list("discounts"), account.now()),
        period: (object::period_start(subscription), account.now()),
        ..Draft::default()
    }
}

/// Announces the changed subscription, which names the invoice already, and writes the invoice.
pub(super) fn begin(account: &mut Account, after: &Value, draft: &Draft) -> Value {
    account.update(after, "customer.subscription.updated");
    account.remove(WAITING, after.text("id"));
    invoices::create(account, draft)
}

/// Bills; whether the payment succeeds shows in the subscription's status.
pub(super) fn bill(account: &mut Account, id: &str, billing: Billing) -> Result<(), ApiError> {
    match billing {
        Billing::Nothing => {}
        Billing::Later(lines) => keep(account, id, lines),
        Billing::Now(draft) => {
            let mut subscription = account.path("subscription", id)?;
            subscription.set("latest_invoice", draft.id.clone());
            let invoice = begin(account, &subscription, &draft);
            let _ = invoices::collect(account, invoice);
        }
    }
    Ok(())
}

/// Leaves an invoice open for the customer to pay.
pub(super) fn await_payment(account: &mut Account, invoice: Value) {
    if invoice.int("amount_due") == 0 {
        let _ = invoices::pay(account, invoice, &invoices::Attempt::automatic());
    } else {
        super::invoice_refused(account, &invoice);
    }
}

/// What an item costs from one moment to a later anchor, as a part of its full period.
pub(super) fn share_until(item: &Value, from: i64, anchor: i64) -> i64 {
    let price = item.get("price").cloned().unwrap_or_default();
    let (interval, count) = prices::cadence(&price);
    let start = crate::calendar::step(anchor, &interval, -count);
    prorate::part(object::amount(item), anchor - from, anchor - start)
}
