//! Announcements of what is about to happen: the end of a trial, the next invoice.
//!
//! A private note beside each subscription says what is still to be announced; it follows the
//! subscription by itself whenever that is saved.

use serde_json::{Value, json};

use super::{has_ended, object, preview};
use crate::json::Json;
use crate::stripe::account::Account;
use crate::stripe::events;
use crate::stripe::invoices;

/// What is still to be announced about a subscription.
pub(crate) const REMINDER: &str = "_reminder";

const DAY: i64 = 86_400;
const TRIAL_NOTICE: i64 = 3 * DAY;
const INVOICE_NOTICE: i64 = 7 * DAY;

/// When the next announcement is due.
pub(crate) fn reminder_at(note: &Value) -> Option<i64> {
    [note.maybe_int("trial_notice"), note.maybe_int("invoice_notice")].into_iter().flatten().min()
}

/// Brings the note in line with its subscription.
pub(crate) fn remind(account: &mut Account, subscription: &Value) {
    let id = subscription.text("id");
    let known = account.get(REMINDER, id).cloned().unwrap_or_default();
    let trial_end = (subscription.text("status") == "trialing").then(|| subscription.int("trial_end"));
    let silent = has_ended(subscription) || ["incomplete", "paused"].contains(&subscription.text("status"));
    let period_end = (!silent).then(|| object::period_end(subscription));
    let notice = |subject: &str, notice: &str, at: Option<i64>, planned: Option<i64>| {
        if known.maybe_int(subject) == at { known.maybe_int(notice) } else { planned }
    };
    let soon = |at: i64, before: i64| (at - before).max(account.now());
    let note = json!({
        "trial_end": trial_end,
        "trial_notice": notice("trial_end", "trial_notice", trial_end, trial_end.map(|at| soon(at, TRIAL_NOTICE))),
        "period_end": period_end,
        "invoice_notice": notice("period_end", "invoice_notice", period_end, invoice_notice(account, period_end)),
        "test_clock": subscription.get("test_clock"),
    });
    if note != known {
        account.note(REMINDER, id, note);
    }
}

/// Periods shorter than the notice end without one.
fn invoice_notice(account: &Account, period_end: Option<i64>) -> Option<i64> {
    period_end.map(|end| end - INVOICE_NOTICE).filter(|at| *at > account.now())
}

/// Announces what is due.
pub(crate) fn run_reminder(account: &mut Account, id: &str, mut note: Value) {
    let now = account.now();
    let Some(subscription) = account.get("subscription", id).cloned() else {
        account.remove(REMINDER, id);
        return;
    };
    if note.maybe_int("trial_notice").is_some_and(|at| at <= now) {
        note.set("trial_notice", Value::Null);
        events::emit(account, "customer.subscription.trial_will_end", &subscription, None);
    }
    if note.maybe_int("invoice_notice").is_some_and(|at| at <= now) {
        note.set("invoice_notice", Value::Null);
        announce_invoice(account, &subscription);
    }
    account.note(REMINDER, id, note);
}

fn announce_invoice(account: &mut Account, subscription: &Value) {
    let end = object::period_end(subscription);
    let upcoming = account.imagine(|account| {
        let draft = preview::coming(account, subscription)?;
        Some(invoices::upcoming(account, &draft))
    });
    let Some(mut upcoming) = upcoming else {
        return;
    };
    upcoming.set("next_payment_attempt", end);
    events::emit(account, "invoice.upcoming", &upcoming, None);
}
