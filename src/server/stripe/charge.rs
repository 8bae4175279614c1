//! Reading charges and what became of them: what was paid, and how much of it went back.

use serde_json::Value;

use super::objects::metadata;
use super::subscription::id_of;

/// Stripe's word for a dispute after which the money stays away.
pub const LOST: &str = "lost";

/// A payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Stripe's id, `ch_…`.
    pub id: String,
    /// Whom it was made to.
    pub customer: Option<String>,
    /// What was paid, in minor units.
    pub amount: u64,
    /// The payment that it belongs to, `pi_…`.
    pub payment: Option<String>,
    /// The intent, where a pack was paid with it.
    pub purchase: Option<String>,
}

/// Reads a charge; nothing but the id must be there.
pub(super) fn read(object: &Value) -> Option<Charge> {
    let number = |name: &str| object.get(name).and_then(Value::as_u64).unwrap_or_default();
    Some(Charge {
        id: id_of(object)?,
        customer: object.get("customer").and_then(id_of),
        amount: number("amount"),
        payment: object.get("payment_intent").and_then(id_of),
        purchase: purchase(object),
    })
}

/// What a refund gives back: nothing where it failed or was canceled.
pub(super) fn went_back(refund: &Value) -> u64 {
    let status = refund.get("status").and_then(Value::as_str).unwrap_or_default();
    let amount = refund.get("amount").and_then(Value::as_u64).unwrap_or_default();
    if ["failed", "canceled"].contains(&status) { 0 } else { amount }
}

/// What a dispute takes: nothing where it was not lost.
pub(super) fn lost(dispute: &Value) -> u64 {
    let lost = dispute.get("status").and_then(Value::as_str) == Some(LOST);
    if lost { dispute.get("amount").and_then(Value::as_u64).unwrap_or_default() } else { 0 }
}

/// The intent that a pack was bought by, where an object is for one.
pub(super) fn purchase(object: &Value) -> Option<String> {
    object.get("metadata")?.get(metadata::PURCHASE)?.as_str().map(str::to_owned)
}
