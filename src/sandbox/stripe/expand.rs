//! `expand[]`: replacing ids by the objects they name, along dotted paths.
//!
//! A field's name tells what its id refers to. A few fields (`line_items`, `payments`) exist only
//! when asked for.

use serde_json::Value;

use super::account::Account;
use super::error::ApiError;
use super::{checkout, customers, invoices, schedules, subscriptions, test_clocks};
use crate::json::Json;

/// Expands every path in `paths` inside an answer.
pub(crate) fn expand(account: &Account, answer: &mut Value, paths: &[Value]) -> Result<(), ApiError> {
    for (index, path) in paths.iter().filter_map(Value::as_str).enumerate() {
        let segments: Vec<&str> = path.split('.').collect();
        if segments.len() > 5 {
            return Err(refused("You cannot expand more than 4 levels of a property.", index));
        }
        if answer.text("object") == "list" && segments.first() != Some(&"data") {
            return Err(refused(
                &format!(
                    "This property cannot be expanded ({path}). You may want to try expanding 'data.{path}' instead."
                ),
                index,
            ));
        }
        if !descend(account, answer, &segments) {
            return Err(refused(&format!("This property cannot be expanded ({path})."), index));
        }
    }
    Ok(())
}

fn refused(message: &str, index: usize) -> ApiError {
    ApiError::invalid(message).param(format!("expand[{index}]"))
}

/// Follows the path; false when the value has no such property.
fn descend(account: &Account, value: &mut Value, path: &[&str]) -> bool {
    let Some((field, rest)) = path.split_first() else {
        return true;
    };
    // Of what was deleted only the id is left; that its other fields are asked for is no mistake.
    if value.get("deleted") == Some(&Value::Bool(true)) {
        return true;
    }
    include(account, value, field);
    let Some(child) = value.get_mut(*field) else {
        return false;
    };
    match child {
        Value::Null => true,
        Value::Array(elements) => {
            elements.iter_mut().all(|element| resolve(account, field, element) && descend(account, element, rest))
        }
        _ => {
            let known = resolve(account, field, child);
            (known || !rest.is_empty()) && descend(account, child, rest)
        }
    }
}

/// Replaces an id by its object; false when the field does not hold ids.
fn resolve(account: &Account, field: &str, value: &mut Value) -> bool {
    let Some(id) = value.as_str() else {
        return value.is_object();
    };
    let found = kinds(field).iter().find_map(|kind| account.get(kind, id).cloned());
    match found {
        Some(object) => {
            *value = object;
            true
        }
        None => !kinds(field).is_empty(),
    }
}

/// Adds a property that is left out unless it is asked for.
fn include(account: &Account, value: &mut Value, field: &str) {
    let id = value.text("id").to_owned();
    match (value.text("object"), field) {
        ("checkout.session", "line_items") => {
            value.set("line_items", checkout::line_items(account, &id));
        }
        ("invoice", "confirmation_secret") => {
            value.set("confirmation_secret", invoices::confirmation_secret(account, &id));
        }
        ("invoice", "payments") => value.set("payments", invoices::payments(account, &id)),
        ("customer", "subscriptions") => {
            value.set("subscriptions", subscriptions::of_customer(account, &id));
        }
        _ => {}
    }
}

fn kinds(field: &str) -> &'static [&'static str] {
    match field {
        "customer" => &["customer", customers::DELETED],
        "subscription" | "released_subscription" => &["subscription"],
        "schedule" => &[schedules::KIND],
        "latest_invoice" | "invoice" => &["invoice"],
        "default_payment_method" | "payment_method" => &["payment_method"],
        "price" | "default_price" => &["price"],
        "product" => &["product"],
        "coupon" => &["coupon"],
        "promotion_code" => &["promotion_code"],
        "discount" | "discounts" => &["discount"],
        "payment_intent" => &["payment_intent"],
        "latest_charge" | "charge" => &["charge"],
        "test_clock" => &[test_clocks::KIND],
        "setup_intent" | "pending_setup_intent" => &["setup_intent"],
        "configuration" => &["billing_portal.configuration"],
        _ => &[],
    }
}
