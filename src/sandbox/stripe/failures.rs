//! Payments that are made to fail: the next ones of everybody, or of one customer.

use serde_json::{Value, json};

use super::account::Account;
use crate::json::Json;

/// How many payments are still to fail, by customer.
const KIND: &str = "_fail_next";
const EVERYBODY: &str = "*";

/// Lets the next payments fail; zero takes it back.
pub(crate) fn fail_next(account: &mut Account, customer: Option<&str>, count: i64) {
    let whom = customer.unwrap_or(EVERYBODY);
    if count > 0 {
        account.note(KIND, whom, json!({ "left": count }));
    } else {
        account.remove(KIND, whom);
    }
}

/// Whether this payment fails; uses up one failure.
pub(crate) fn strike(account: &mut Account, customer: Option<&str>) -> bool {
    let left = |whom: &str| account.get(KIND, whom).map_or(0, |note| note.int("left"));
    let Some(whom) = customer.filter(|it| left(it) > 0).or_else(|| (left(EVERYBODY) > 0).then_some(EVERYBODY)) else {
        return false;
    };
    let remaining = left(whom) - 1;
    let whom = whom.to_owned();
    fail_next(account, Some(&whom), remaining);
    account.strike(customer.unwrap_or(EVERYBODY));
    true
}

/// What is still to fail, by customer; `*` stands for everybody.
pub(crate) fn left(account: &Account) -> Value {
    account.data().oldest(KIND).map(|(whom, note)| (whom.to_owned(), Value::from(note.int("left")))).collect()
}
