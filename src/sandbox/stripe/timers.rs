//! What happens by itself when time passes, each thing at its own moment: however far a clock has
//! moved, effects come in the order of their due times and carry them.
//!
//! The store keeps an index of due times (`due_at` tells it), so looking costs next to nothing.

use super::account::Account;
use super::{checkout, events, idempotency, invoices, schedules, subscriptions, test_clocks};
use crate::json::Json;
use crate::store::Due;

/// The clock of everybody who is on no test clock.
pub(crate) const SANDBOX_CLOCK: &str = "";

/// When an object wants attention next, and by which clock.
pub(crate) fn due_at(kind: &str, object: &serde_json::Value) -> Option<(String, i64)> {
    let at = match kind {
        "checkout.session" => (object.text("status") == "open").then(|| object.int("expires_at")),
        "invoice" => invoices::due_at(object),
        "subscription" => subscriptions::due_at(object),
        schedules::KIND => schedules::due_at(object),
        test_clocks::KIND => test_clocks::due_at(object),
        subscriptions::REMINDER => subscriptions::reminder_at(object),
        _ => None,
    }?;
    Some((object.text("test_clock").to_owned(), at))
}

/// How many effects a transaction holds: moving the clock by a year must not need a year's memory.
const AT_ONCE: usize = 200;

/// Does everything that is due on the sandbox's own clock, within a transaction that has more to do.
pub(crate) fn run_due(account: &mut Account) {
    while run_some(account) {}
}

/// Does the first things that are due on the sandbox's own clock; says whether more may be.
pub(crate) fn run_some(account: &mut Account) -> bool {
    let now = account.clock();
    let done = live_through(account, SANDBOX_CLOCK, now, AT_ONCE);
    if done > 0 {
        events::forget_old(account);
    }
    forget_old_keys(account, now);
    done == AT_ONCE
}

/// Lives through everything that is due on a clock until a moment.
pub(crate) fn run_until(account: &mut Account, clock: &str, until: i64) {
    live_through(account, clock, until, usize::MAX);
}

fn live_through(account: &mut Account, clock: &str, until: i64, most: usize) -> usize {
    let mut reached = i64::MIN;
    let mut done = 0;
    while done < most
        && let Some(due) = account.data().next_due(clock, until).cloned()
    {
        reached = reached.max(due.at);
        account.at(reached, |account| run(account, &due));
        if account.data().is_due(&due) {
            tracing::error!(?due, "a sandbox timer left its object as it was; it is ignored");
            account.ignore(&due);
        }
        done += 1;
    }
    done
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
        "invoice" => invoices::go_on(account, object),
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
