//! Disputes: a bank takes a payment back until it is decided who is right. The control API opens
//! and decides them.

use serde_json::{Value, json};

use super::account::Account;
use super::error::ApiError;
use super::list;
use super::routes::{Call, Route, apply_metadata, get, post};
use crate::ids;
use crate::json::{Json, merge};

/// How long there is to answer.
const ANSWER_WITHIN: i64 = 7 * 86_400;

pub(crate) const ROUTES: &[Route] = &[
    get("/v1/disputes", "@list charge created:range payment_intent", all),
    get("/v1/disputes/{id}", "", retrieve),
    post("/v1/disputes/{id}", "evidence:any metadata:map submit:bool", update),
    post("/v1/disputes/{id}/close", "", accept),
];

/// Opens a dispute about the latest payment of a customer that is not disputed yet.
pub(crate) fn open(account: &mut Account, customer: &str) -> Result<Value, ApiError> {
    let latest = account.data().newest("charge").find(|charge| {
        charge.text("customer") == customer && charge.text("status") == "succeeded" && !charge.flag("disputed")
    });
    let mut charge = latest.cloned().ok_or_else(|| {
        ApiError::invalid(format!("Customer {customer} has no payment that could be disputed.")).param("customer")
    })?;
    let dispute = object(account, &charge);
    charge.set("disputed", true);
    account.save(&charge);
    account.create(&dispute, "charge.dispute.created");
    account.announce(&dispute, "charge.dispute.funds_withdrawn");
    Ok(dispute)
}

/// Decides a dispute: `won` or `lost`.
pub(crate) fn close(account: &mut Account, id: &str, outcome: &str) -> Result<Value, ApiError> {
    if !["won", "lost"].contains(&outcome) {
        return Err(ApiError::invalid("Invalid outcome: must be one of won or lost").param("outcome"));
    }
    let mut dispute = account.path("dispute", id)?;
    if is_closed(&dispute) {
        return Err(ApiError::invalid("This dispute is already closed.").code("dispute_closed"));
    }
    dispute.set("status", outcome);
    account.save(&dispute);
    if outcome == "won" {
        account.announce(&dispute, "charge.dispute.funds_reinstated");
    }
    account.announce(&dispute, "charge.dispute.closed");
    Ok(dispute)
}

/// Whether a dispute has been decided.
pub(crate) fn is_closed(dispute: &Value) -> bool {
    ["won", "lost"].contains(&dispute.text("status"))
}

fn object(account: &Account, charge: &Value) -> Value {
    let card = charge.get("payment_method_details").and_then(|details| details.get("card"));
    let brand = card.map_or("visa", |card| card.text("brand"));
    json!({
        "id": ids::new("du_"),
        "object": "dispute",
        "amount": charge.int("amount") - charge.int("amount_refunded"),
        "balance_transactions": [],
        "charge": charge.get("id"),
        "created": account.now(),
        "currency": charge.get("currency"),
        "enhanced_eligibility_types": [],
        "evidence": {},
        "evidence_details": {
            "due_by": account.now() + ANSWER_WITHIN,
            "enhanced_eligibility": {},
            "has_evidence": false,
            "past_due": false,
            "submission_count": 0,
        },
        "is_charge_refundable": false,
        "livemode": false,
        "metadata": {},
        "payment_intent": charge.get("payment_intent"),
        "payment_method_details": {
            "card": { "brand": brand, "case_type": "chargeback", "network_reason_code": "10.4" },
            "type": "card",
        },
        "reason": "fraudulent",
        "status": "needs_response",
    })
}

fn retrieve(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    account.path("dispute", call.id())
}

/// Answers a dispute. As with Stripe's test mode, the texts `winning_evidence` and
/// `losing_evidence` decide it.
fn update(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let mut dispute = account.path("dispute", call.id())?;
    let params = &call.params;
    if params.get("evidence").is_some() && is_closed(&dispute) {
        return Err(ApiError::invalid("This dispute is already closed, and its evidence cannot be changed."));
    }
    if let (Some(kept), Some(given)) = (dispute.get_mut("evidence"), params.get("evidence")) {
        merge(kept, given.clone());
    }
    let submits = params.get("evidence").is_some() && params.get("submit").and_then(Value::as_bool) != Some(false);
    if let Some(details) = dispute.get_mut("evidence_details").filter(|_| submits) {
        details.set("has_evidence", true);
        details.set("submission_count", details.int("submission_count") + 1);
    }
    if submits {
        dispute.set("status", "under_review");
    }
    apply_metadata(&mut dispute, params);
    account.update(&dispute, "charge.dispute.updated");
    let text = dispute.get("evidence").map_or("", |evidence| evidence.text("uncategorized_text")).to_owned();
    match text.as_str() {
        "winning_evidence" if submits => close(account, call.id(), "won"),
        "losing_evidence" if submits => close(account, call.id(), "lost"),
        _ => Ok(dispute),
    }
}

fn accept(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    close(account, call.id(), "lost")
}

fn all(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    list::page(account, "dispute", "/v1/disputes", &call.params, |dispute| {
        ["charge", "payment_intent"].iter().all(|field| list::matches(dispute, field, &call.params))
    })
}
