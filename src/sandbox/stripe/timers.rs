//! What happens by itself when time passes, each thing at its own moment: however far a clock has
//! moved, effects come in the order of their due times and carry them.
//!
//! The store keeps an index of due times (`due_at` tells it), so looking costs next to nothing.

use super::account::Account;
use super::{checkout, idempotency, invoices, schedules, subscriptions, test_clocks};
use crate::json::Json;
use crate::store::Due;

/// The clock of everybody who is on no test clock.
pub(crate) const SANDBOX_CLOCK: &str = "";

/// When an object wants attention next, and by which clock.
pub(crate) fn due_at(kind: &str, object: &serde_json::Value) -> Option<(String, i64)> {
    let at = match kind {
        "checkout.session" => (object.text("status") == "open").then(|| object.int("expires_at")),
        "invoice" => invoices::retry_at(object),
        "subscription" => subscriptions::due_at(object),
        schedules::KIND => schedules::due_at(object),
        test_clocks::KIND => test_clocks::due_at(object),
        subscriptions::REMINDER => subscriptions::reminder_at(object),
        _ => None,
    }?;
    Some((object.text("test_clock").to_owned(), at))
}

/// Does everything that is due on the sandbox's own clock. Called before each request and by the
/// delivery worker.
pub(crate) fn run_due(account: &mut Account) {
    let now = account.clock();
    run_until(account, SANDBOX_CLOCK, now);
    forget_old_keys(account, now);
}

/// Lives through everything that is due on a clock until a moment.
pub(crate) fn run_until(account: &mut Account, clock: &str, until: i64) {
    let mut reached = i64::MIN;
    while let Some(due) = account.data().next_due(clock, until).cloned() {
        reached = reached.max(due.at);
        account.at(reached, |account| run(account, &due));
        if account.data().is_due(&due) {
            tracing::error!(?due, "a sandbox timer left its object as it was; it is ignored");
            account.ignore(&due);
        }
    }
}

fn run(account: &mut Account, due: &Due) {
    let data = account.data();
    let Some(id) = data.id_of(due).map(str::to_owned) else {
        return;
    };
    let Some(object) = data.get(&due.kind, &id).cloned() else {
        return;
    };
    match due.kind.as_str() {
        "checkout.session" => drop(checkout::expire(account, object)),
        "invoice" => invoices::retry(account, object),
        "subscription" => subscriptions::run_due(account, object),
        schedules::KIND => schedules::run_due(account, object),
        test_clocks::KIND => test_clocks::run_due(account, object),
        subscriptions::REMINDER => subscriptions::run_reminder(account, &id, object),
        _ => {}
    }
}

fn forget_old_keys(account: &mut Account, now: i64) {
    let old: Vec<String> = account
        .data()
        .oldest(idempotency::KIND)
        .take_while(|(_, kept)| kept.int("created") + idempotency::LIFETIME < now)
        .map(|(key, _)| key.to_owned())
        .collect();
    for key in old {
        account.remove(idempotency::KIND, &key);
    }
}
