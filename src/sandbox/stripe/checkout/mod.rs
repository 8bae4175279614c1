//! Checkout sessions: the endpoints, and the way from open to complete or expired.
//!
//! `create` checks and prices a session, `order` keeps what the API does not show, `complete` turns
//! it into a customer, a subscription or (`once`) a payment; `page` and `hosted` are what people see.

mod complete;
mod create;
mod hosted;
mod once;
mod order;
mod page;

use serde_json::{Value, json};

pub(crate) use complete::expiry;
pub(crate) use hosted::router;
pub(crate) use page::{alert, field, test_cards};

use super::account::Account;
use super::error::ApiError;
use super::routes::{Call, Route, apply_metadata, get, post};
use super::{customers, list};
use crate::json::Json;

const LIST: &str = "@list created:range customer customer_account customer_details{email!} payment_intent \
    payment_link status=complete|expired|open subscription";

pub(crate) const ROUTES: &[Route] = &[
    get("/v1/checkout/sessions", LIST, all),
    post("/v1/checkout/sessions", create::PARAMS, create::call),
    get("/v1/checkout/sessions/{id}", "", retrieve),
    post("/v1/checkout/sessions/{id}", "metadata:map", update),
    get("/v1/checkout/sessions/{id}/line_items", "@list", line_items_call),
    post("/v1/checkout/sessions/{id}/expire", "", expire_call),
];

/// The line items of a session, as its `line_items` property.
pub(crate) fn line_items(account: &Account, session: &str) -> Value {
    let items = order::line_items(account, session);
    list::embedded(&items, &format!("/v1/checkout/sessions/{session}/line_items"))
}

/// Ends an open session.
pub(crate) fn expire(account: &mut Account, mut session: Value) -> Value {
    session.set("status", "expired");
    session.set("url", Value::Null);
    account.announce(&session, "checkout.session.expired");
    session
}

fn retrieve(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    account.path("checkout.session", call.id())
}

fn update(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let mut session = account.path("checkout.session", call.id())?;
    apply_metadata(&mut session, &call.params);
    account.save(&session);
    Ok(session)
}

fn expire_call(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let session = account.path("checkout.session", call.id())?;
    if session.text("status") != "open" {
        return Err(ApiError::invalid(format!(
            "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of {}.",
            session.text("status")
        )));
    }
    Ok(expire(account, session))
}

fn line_items_call(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    account.path("checkout.session", call.id())?;
    let items = order::line_items(account, call.id());
    let url = format!("/v1/checkout/sessions/{}/line_items", call.id());
    list::of(items.iter(), &url, &call.params)
}

fn all(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let params = &call.params;
    customers::check_filter(account, params)?;
    let email = params.get("customer_details").and_then(|it| it.maybe("email"));
    list::page(account, "checkout.session", "/v1/checkout/sessions", params, |session| {
        ["customer", "payment_intent", "status", "subscription"]
            .iter()
            .all(|field| list::matches(session, field, params))
            && email.is_none_or(|wanted| {
                session.get("customer_details").is_some_and(|details| details.text("email") == wanted)
            })
    })
}

/// A session object, open and without amounts.
fn object(account: &Account, id: &str, mode: &str) -> Value {
    let now = account.now();
    json!({
        "id": id,
        "object": "checkout.session",
        "adaptive_pricing": { "enabled": false },
        "after_expiration": null,
        "allow_promotion_codes": null,
        "allowed_payment_method_types": null,
        "amount_subtotal": 0,
        "amount_total": 0,
        "automatic_tax": { "enabled": false, "liability": null, "provider": null, "status": null },
        "billing_address_collection": null,
        "cancel_url": null,
        "client_reference_id": null,
        "client_secret": null,
        "collected_information": null,
        "consent": null,
        "consent_collection": null,
        "created": now,
        "currency": null,
        "currency_conversion": null,
        "custom_fields": [],
        "custom_text": { "after_submit": null, "shipping_address": null, "submit": null, "terms_of_service_acceptance": null },
        "customer": null,
        "customer_account": null,
        "customer_creation": null,
        "customer_details": null,
        "customer_email": null,
        "discounts": null,
        "expires_at": now + 86_400,
        "integration_identifier": null,
        "invoice": null,
        "invoice_creation": null,
        "livemode": false,
        "locale": null,
        "managed_payments": { "enabled": false },
        "metadata": {},
        "mode": mode,
        "origin_context": null,
        "payment_intent": null,
        "payment_link": null,
        "payment_method_collection": if mode == "subscription" { Some("always") } else { None },
        "payment_method_configuration_details": null,
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "payment_status": "unpaid",
        "permissions": null,
        "phone_number_collection": { "enabled": false },
        "recovered_from": null,
        "saved_payment_method_options": null,
        "setup_intent": null,
        "shipping_address_collection": null,
        "shipping_cost": null,
        "shipping_options": [],
        "status": "open",
        "submit_type": null,
        "subscription": null,
        "success_url": null,
        "total_details": { "amount_discount": 0, "amount_shipping": 0, "amount_tax": 0 },
        "ui_mode": "hosted_page",
        "url": format!("{}/c/pay/{id}", account.base_url()),
        "wallet_options": null,
    })
}
