//! What happens by itself when time passes: sessions expire, first payments run out, scheduled
//! cancellations come due. Called before each request and by the delivery worker.

use serde_json::Value;

use super::account::Account;
use super::{checkout, idempotency, subscriptions};
use crate::json::Json;

/// Does everything that is due now.
pub(crate) fn run_due(account: &mut Account) {
    let now = account.now();
    for session in due(account, "checkout.session", |it| it.text("status") == "open" && it.int("expires_at") <= now) {
        checkout::expire(account, session);
    }
    for subscription in due(account, "subscription", |it| {
        it.text("status") == "incomplete" && it.int("created") + subscriptions::INCOMPLETE_FOR <= now
    }) {
        subscriptions::expire(account, subscription);
    }
    for subscription in due(account, "subscription", |it| {
        !subscriptions::has_ended(it) && it.maybe_int("cancel_at").is_some_and(|at| at <= now)
    }) {
        subscriptions::cancel_now(account, subscription, "cancellation_requested");
    }
    forget_old_keys(account, now);
}

fn due(account: &Account, kind: &str, is_due: impl Fn(&Value) -> bool) -> Vec<Value> {
    account.data().oldest(kind).map(|(_, object)| object).filter(|object| is_due(object)).cloned().collect()
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
