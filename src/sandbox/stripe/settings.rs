//! The account's own settings: what a test may choose about how it behaves.

use serde_json::{Value, json};

use super::account::Account;
use super::error::ApiError;
use crate::json::Json;

/// Where the settings are kept.
const SETTINGS: &str = "_settings";

/// What becomes of a subscription when its last retry failed: `cancel` or `unpaid`.
pub(crate) fn after_retries<'a>(account: &'a Account) -> &'a str {
    account.get(SETTINGS, SETTINGS).and_then(|settings| settings.maybe("after_retries")).unwrap_or("cancel")
}

/// All settings.
pub(crate) fn all(account: &Account) -> Value {
    json!({ "after_retries": after_retries(account) })
}

/// Changes what becomes of subscriptions whose last retry failed.
pub(crate) fn set_after_retries(account: &mut Account, choice: &str) -> Result<(), ApiError> {
    if !["cancel", "unpaid"].contains(&choice) {
        return Err(ApiError::invalid("Invalid after_retries: must be one of cancel or unpaid").param("after_retries"));
    }
    account.note(SETTINGS, SETTINGS, json!({ "after_retries": choice }));
    Ok(())
}
