//! Taking money: payment intents and charges with the ends that the test cards prescribe.

use serde_json::{Value, json};

use super::account::Account;
use super::cards::sentence;
use super::error::ApiError;
use super::payment_methods::behaviour;
use super::routes::{Call, Route, apply_metadata, get};
use super::{failures, list};
use crate::ids;
use crate::json::Json;

pub(crate) const ROUTES: &[Route] = &[
    get("/v1/payment_intents", "@list created:range customer", intents),
    get("/v1/payment_intents/{id}", "client_secret", intent),
    get("/v1/charges", "@list created:range customer payment_intent", charges),
    get("/v1/charges/{id}", "", charge_call),
];

/// One payment to attempt.
pub(crate) struct Payment<'a> {
    /// Who pays.
    pub customer: Option<&'a str>,
    /// With what.
    pub method: &'a str,
    /// How much, in minor units.
    pub amount: i64,
    /// In which currency.
    pub currency: &'a str,
    /// Whether the person is there to confirm.
    pub present: bool,
    /// What is said about it.
    pub about: About,
}

/// What is said about a payment: the parts of an intent that change nothing about its course.
#[derive(Clone, Debug, Default)]
pub(crate) struct About {
    /// What it is for.
    pub description: Option<String>,
    /// Metadata of the intent and its charge.
    pub metadata: Value,
    /// Whether the card will be used again: Stripe's `setup_future_usage`.
    pub future_usage: Option<String>,
    /// Where Stripe would send a receipt.
    pub receipt_email: Option<String>,
}

impl About {
    /// What `payment_intent_data` of a Checkout session says.
    pub(crate) fn from_params(params: &Value) -> Self {
        let mut object = json!({ "metadata": {} });
        apply_metadata(&mut object, params);
        let text = |name: &str| params.maybe(name).map(str::to_owned);
        Self {
            description: text("description"),
            metadata: object.take_key("metadata").unwrap_or_default(),
            future_usage: text("setup_future_usage"),
            receipt_email: text("receipt_email"),
        }
    }
}

/// Attempts a payment. The intent is given back either way; it says how it ended.
pub(crate) fn attempt(account: &mut Account, payment: &Payment) -> (Value, Result<(), ApiError>) {
    let mut intent = object(account, payment);
    account.create(&intent, "payment_intent.created");
    let struck = failures::strike(account, payment.customer).then_some("generic_decline");
    match struck.or_else(|| behaviour(account, payment.method).decline(payment.present)) {
        None => {
            succeed(account, payment, &mut intent);
            (intent, Ok(()))
        }
        Some(code) => {
            let error = refuse(account, payment, &mut intent, code);
            (intent, Err(error))
        }
    }
}

fn succeed(account: &mut Account, payment: &Payment, intent: &mut Value) {
    let charge = charge(account, payment, intent.text("id"), None);
    account.create(&charge, "charge.succeeded");
    intent.set("status", "succeeded");
    intent.set("amount_received", payment.amount);
    intent.set("latest_charge", charge.text("id"));
    account.announce(intent, "payment_intent.succeeded");
}

fn refuse(account: &mut Account, payment: &Payment, intent: &mut Value, code: &str) -> ApiError {
    let asks = code == "authentication_required";
    let outer = if asks { code } else { "card_declined" };
    let charge = charge(account, payment, intent.text("id"), Some(code));
    account.create(&charge, "charge.failed");
    intent.set("latest_charge", charge.text("id"));
    intent.set("status", if asks { "requires_action" } else { "requires_payment_method" });
    intent.set(
        "last_payment_error",
        json!({
            "type": "card_error",
            "code": outer,
            "decline_code": code,
            "message": sentence(code),
            "payment_method": account.get("payment_method", payment.method),
        }),
    );
    account.announce(intent, "payment_intent.payment_failed");
    ApiError::card(outer, Some(code), sentence(code)).with("payment_intent", intent.clone())
}

fn object(account: &Account, payment: &Payment) -> Value {
    let id = ids::new("pi_");
    json!({
        "id": id,
        "object": "payment_intent",
        "amount": payment.amount,
        "amount_capturable": 0,
        "amount_details": { "tip": {} },
        "amount_received": 0,
        "application": null,
        "application_fee_amount": null,
        "automatic_payment_methods": null,
        "canceled_at": null,
        "cancellation_reason": null,
        "capture_method": "automatic",
        "client_secret": format!("{id}_secret_{}", ids::random("", 16)),
        "confirmation_method": "automatic",
        "created": account.now(),
        "currency": payment.currency,
        "customer": payment.customer,
        "customer_account": null,
        "description": payment.about.description,
        "excluded_payment_method_types": null,
        "last_payment_error": null,
        "latest_charge": null,
        "livemode": false,
        "metadata": payment.about.metadata,
        "next_action": null,
        "on_behalf_of": null,
        "payment_method": payment.method,
        "payment_method_configuration_details": null,
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "processing": null,
        "receipt_email": payment.about.receipt_email,
        "review": null,
        "setup_future_usage": payment.about.future_usage,
        "shipping": null,
        "source": null,
        "statement_descriptor": null,
        "statement_descriptor_suffix": null,
        "status": "processing",
        "transfer_data": null,
        "transfer_group": null,
    })
}

fn charge(account: &Account, payment: &Payment, intent: &str, decline: Option<&str>) -> Value {
    let method = account.get("payment_method", payment.method);
    let paid = decline.is_none();
    let id = ids::new("ch_");
    json!({
        "id": id,
        "object": "charge",
        "amount": payment.amount,
        "amount_captured": if paid { payment.amount } else { 0 },
        "amount_refunded": 0,
        "application": null,
        "application_fee": null,
        "application_fee_amount": null,
        "balance_transaction": null,
        "billing_details": method.and_then(|method| method.get("billing_details")),
        "calculated_statement_descriptor": "BILLHOOK SANDBOX",
        "captured": paid,
        "created": account.now(),
        "currency": payment.currency,
        "customer": payment.customer,
        "description": payment.about.description,
        "disputed": false,
        "failure_balance_transaction": null,
        "failure_code": decline.map(|_| "card_declined"),
        "failure_message": decline.map(sentence),
        "fraud_details": {},
        "livemode": false,
        "metadata": payment.about.metadata,
        "on_behalf_of": null,
        "outcome": {
            "advice_code": null,
            "network_advice_code": null,
            "network_decline_code": null,
            "network_status": if paid { "approved_by_network" } else { "declined_by_network" },
            "reason": decline,
            "risk_level": "normal",
            "seller_message": decline.map_or("Payment complete.", sentence),
            "type": if paid { "authorized" } else { "issuer_declined" },
        },
        "paid": paid,
        "payment_intent": intent,
        "payment_method": payment.method,
        "payment_method_details": {
            "card": method.and_then(|method| method.get("card")),
            "type": "card",
        },
        "receipt_email": payment.about.receipt_email,
        "receipt_number": null,
        "receipt_url": null,
        "refunded": false,
        "review": null,
        "shipping": null,
        "source": null,
        "source_transfer": null,
        "statement_descriptor": null,
        "statement_descriptor_suffix": null,
        "status": if paid { "succeeded" } else { "failed" },
        "transfer_data": null,
        "transfer_group": null,
    })
}

fn intent(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    account.path("payment_intent", call.id())
}

fn intents(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    list::page(account, "payment_intent", "/v1/payment_intents", &call.params, |intent| {
        list::matches(intent, "customer", &call.params)
    })
}

fn charge_call(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    account.path("charge", call.id())
}

fn charges(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    list::page(account, "charge", "/v1/charges", &call.params, |charge| {
        list::matches(charge, "customer", &call.params) && list::matches(charge, "payment_intent", &call.params)
    })
}
