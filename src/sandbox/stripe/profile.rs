//! The account itself: its profile and its balance.

use serde_json::{Value, json};

use super::account::Account;
use super::error::ApiError;
use super::routes::{Call, Route, get};
use crate::json::Json;

pub(crate) const ROUTES: &[Route] = &[get("/v1/account", "", account), get("/v1/balance", "", balance)];

#[expect(clippy::unnecessary_wraps, reason = "the signature of all handlers")]
fn account(_: &mut Account, _: &Call) -> Result<Value, ApiError> {
    Ok(json!({
        "id": "acct_sandbox",
        "object": "account",
        "business_profile": { "name": "Billhook sandbox", "support_email": null, "url": null },
        "capabilities": { "card_payments": "active", "transfers": "active" },
        "charges_enabled": true,
        "country": "US",
        "default_currency": "usd",
        "details_submitted": true,
        "email": "sandbox@example.com",
        "metadata": {},
        "payouts_enabled": true,
        "settings": { "dashboard": { "display_name": "Billhook sandbox", "timezone": "Etc/UTC" } },
        "type": "standard",
    }))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all handlers")]
fn balance(account: &mut Account, _: &Call) -> Result<Value, ApiError> {
    let mut totals = std::collections::BTreeMap::<String, i64>::new();
    for charge in account.data().newest("charge") {
        let total = totals.entry(charge.text("currency").to_owned()).or_default();
        *total += charge.int("amount_captured") - charge.int("amount_refunded");
    }
    if totals.is_empty() {
        totals.insert("usd".into(), 0);
    }
    let available: Vec<Value> = totals
        .iter()
        .map(|(currency, amount)| json!({ "amount": amount, "currency": currency, "source_types": { "card": amount } }))
        .collect();
    let pending: Vec<Value> = totals
        .keys()
        .map(|currency| json!({ "amount": 0, "currency": currency, "source_types": { "card": 0 } }))
        .collect();
    Ok(json!({ "object": "balance", "available": available, "livemode": false, "pending": pending }))
}
