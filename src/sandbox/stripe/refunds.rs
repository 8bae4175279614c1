//! Refunds: all or a part of a charge given back.

use serde_json::{Value, json};

use super::account::Account;
use super::error::ApiError;
use super::list;
use super::routes::{Call, Route, apply_metadata, get, post};
use crate::ids;
use crate::json::Json;
use crate::page::money;

pub(crate) const ROUTES: &[Route] = &[
    get("/v1/refunds", "@list charge created:range payment_intent", all),
    post(
        "/v1/refunds",
        "amount:int charge metadata:map payment_intent reason=duplicate|fraudulent|requested_by_customer",
        create,
    ),
    get("/v1/refunds/{id}", "", retrieve),
    post("/v1/refunds/{id}", "metadata:map", update),
];

fn create(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let params = &call.params;
    let mut charge = charge(account, params)?;
    let id = charge.text("id").to_owned();
    let left = charge.int("amount_captured") - charge.int("amount_refunded");
    if charge.flag("disputed") {
        return Err(ApiError::invalid(format!("Charge {id} has been charged back; cannot issue a refund."))
            .code("charge_disputed"));
    }
    if left == 0 {
        return Err(
            ApiError::invalid(format!("Charge {id} has already been refunded.")).code("charge_already_refunded")
        );
    }
    let amount = params.maybe_int("amount").unwrap_or(left);
    if amount <= 0 {
        return Err(ApiError::invalid("Invalid positive integer").code("parameter_invalid_integer").param("amount"));
    }
    if amount > left {
        let currency = charge.text("currency");
        return Err(ApiError::invalid(format!(
            "Refund amount ({}) is greater than unrefunded amount on charge ({})",
            money(amount, currency),
            money(left, currency)
        ))
        .param("amount"));
    }
    let refund = object(account, &charge, amount, params);
    charge.set("amount_refunded", charge.int("amount_refunded") + amount);
    charge.set("refunded", amount == left);
    account.save(&charge);
    account.create(&refund, "refund.created");
    account.announce(&charge, "charge.refunded");
    Ok(refund)
}

/// Lets a refund fail, as a bank does that refuses it days later: the charge has the money again.
pub(crate) fn fail(account: &mut Account, id: &str) -> Result<Value, ApiError> {
    let mut refund = account.find("refund", id, "refund")?;
    if refund.text("status") != "succeeded" {
        return Err(ApiError::invalid(format!("Refund {id} is {}.", refund.text("status"))));
    }
    let mut charge = account.find("charge", refund.text("charge"), "charge")?;
    refund.set("status", "failed");
    refund.set("failure_reason", "expired_or_canceled_card");
    charge.set("amount_refunded", charge.int("amount_refunded") - refund.int("amount"));
    charge.set("refunded", false);
    account.save(&charge);
    account.update(&refund, "refund.updated");
    account.announce(&refund, "refund.failed");
    Ok(refund)
}

/// The charge to give back, named itself or by its payment intent.
fn charge(account: &Account, params: &Value) -> Result<Value, ApiError> {
    let id = match (params.maybe("charge"), params.maybe("payment_intent")) {
        (Some(id), None) => id.to_owned(),
        (None, Some(id)) => {
            let intent = account.find("payment_intent", id, "payment_intent")?;
            if intent.text("status") != "succeeded" {
                return Err(ApiError::invalid("This PaymentIntent does not have a successful charge to refund.")
                    .code("payment_intent_unexpected_state"));
            }
            intent.text("latest_charge").to_owned()
        }
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid("You may only specify one of these parameters: charge, payment_intent."));
        }
        (None, None) => {
            return Err(ApiError::invalid(
                "One of the following params should be provided for this request: payment_intent or charge.",
            ));
        }
    };
    account.find("charge", &id, "charge")
}

fn object(account: &Account, charge: &Value, amount: i64, params: &Value) -> Value {
    let mut refund = json!({
        "id": ids::new("re_"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": null,
        "charge": charge.get("id"),
        "created": account.now(),
        "currency": charge.get("currency"),
        "customer": charge.get("customer"),
        "customer_account": null,
        "destination_details": {
            "card": { "reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund" },
            "type": "card",
        },
        "metadata": {},
        "payment_intent": charge.get("payment_intent"),
        "payment_method": charge.get("payment_method"),
        "reason": params.get("reason"),
        "receipt_number": null,
        "source_transfer_reversal": null,
        "status": "succeeded",
        "transfer_reversal": null,
    });
    apply_metadata(&mut refund, params);
    refund
}

fn retrieve(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    account.path("refund", call.id())
}

fn update(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let mut refund = account.path("refund", call.id())?;
    apply_metadata(&mut refund, &call.params);
    account.update(&refund, "refund.updated");
    Ok(refund)
}

fn all(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    list::page(account, "refund", "/v1/refunds", &call.params, |refund| {
        ["charge", "payment_intent"].iter().all(|field| list::matches(refund, field, &call.params))
    })
}
