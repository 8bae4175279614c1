//! Prices: immutable amounts, recurring or not, of a product.

use serde_json::{Value, json};

use super::account::Account;
use super::error::ApiError;
use super::routes::{Call, Route, apply, apply_metadata, get, post};
use super::{list, products};
use crate::ids;
use crate::json::Json;

const CREATE: &str = "currency! active:bool billing_scheme=per_unit|tiered currency_options:any \
    custom_unit_amount:any lookup_key metadata:map nickname product \
    product_data{active:bool id metadata:map name! statement_descriptor tax_code tax_details:any unit_label} \
    recurring{interval!=day|month|week|year interval_count:int meter trial_period_days:int usage_type=metered|licensed} \
    tax_behavior=unspecified|exclusive|inclusive tiers:any tiers_mode=graduated|volume \
    transfer_lookup_key:bool transform_quantity:any unit_amount:int unit_amount_decimal:dec";

const UPDATE: &str = "active:bool currency_options:any lookup_key metadata:map nickname \
    tax_behavior=unspecified|exclusive|inclusive transfer_lookup_key:bool";

const LIST: &str = "@list active:bool created:range currency lookup_keys[] product \
    recurring{interval=day|month|week|year meter usage_type=metered|licensed} type=recurring|one_time";

pub(crate) const ROUTES: &[Route] = &[
    get("/v1/prices", LIST, all),
    post("/v1/prices", CREATE, create),
    get("/v1/prices/{id}", "", retrieve),
    post("/v1/prices/{id}", UPDATE, update),
];

/// A price object; `recurring` is Stripe's hash or `null`.
pub(crate) fn object(
    account: &Account,
    id: &str,
    product: &str,
    unit_amount: i64,
    currency: &str,
    recurring: &Value,
) -> Value {
    let recurring = match recurring.maybe("interval") {
        Some(interval) => json!({
            "interval": interval,
            "interval_count": recurring.maybe_int("interval_count").unwrap_or(1),
            "meter": recurring.get("meter"),
            "trial_period_days": recurring.get("trial_period_days"),
            "usage_type": recurring.maybe("usage_type").unwrap_or("licensed"),
        }),
        None => Value::Null,
    };
    json!({
        "id": id,
        "object": "price",
        "active": true,
        "billing_scheme": "per_unit",
        "created": account.now(),
        "currency": currency.to_lowercase(),
        "custom_unit_amount": null,
        "livemode": false,
        "lookup_key": null,
        "metadata": {},
        "nickname": null,
        "product": product,
        "type": if recurring.is_null() { "one_time" } else { "recurring" },
        "recurring": recurring,
        "tax_behavior": "unspecified",
        "tiers_mode": null,
        "transform_quantity": null,
        "unit_amount": unit_amount,
        "unit_amount_decimal": unit_amount.to_string(),
    })
}

/// The old `plan` view of a recurring price, which subscription items still carry.
pub(crate) fn plan(price: &Value) -> Value {
    let recurring = price.get("recurring").cloned().unwrap_or_default();
    json!({
        "id": price.get("id"),
        "object": "plan",
        "active": price.get("active"),
        "amount": price.get("unit_amount"),
        "amount_decimal": price.get("unit_amount_decimal"),
        "billing_scheme": "per_unit",
        "created": price.get("created"),
        "currency": price.get("currency"),
        "interval": recurring.get("interval"),
        "interval_count": recurring.get("interval_count"),
        "livemode": false,
        "metadata": price.get("metadata"),
        "meter": recurring.get("meter"),
        "nickname": price.get("nickname"),
        "product": price.get("product"),
        "tiers_mode": null,
        "transform_usage": null,
        "trial_period_days": recurring.get("trial_period_days"),
        "usage_type": recurring.get("usage_type"),
    })
}

/// How often a recurring price bills: interval and count.
pub(crate) fn cadence(price: &Value) -> (String, i64) {
    let recurring = price.get("recurring").cloned().unwrap_or_default();
    (recurring.text("interval").to_owned(), recurring.maybe_int("interval_count").unwrap_or(1))
}

/// Creates a price, and its product when `product_data` is given.
pub(crate) fn create_from(account: &mut Account, params: &Value) -> Result<Value, ApiError> {
    let product = product(account, params)?;
    let amount = amount(params)?;
    let recurring = params.get("recurring").cloned().unwrap_or_default();
    let id = ids::new("price_");
    let mut price = object(account, &id, &product, amount, params.text("currency"), &recurring);
    apply(&mut price, params, &["active", "nickname", "tax_behavior"]);
    apply_metadata(&mut price, params);
    if let Some(key) = params.maybe("lookup_key") {
        claim_lookup_key(account, key, params.flag("transfer_lookup_key"))?;
        price.set("lookup_key", key);
    }
    account.create(&price, "price.created");
    Ok(price)
}

fn product(account: &mut Account, params: &Value) -> Result<String, ApiError> {
    match (params.maybe("product"), params.get("product_data")) {
        (Some(id), None) => {
            account.find("product", id, "product")?;
            Ok(id.to_owned())
        }
        (None, Some(data)) => {
            let product = products::create_from(account, data)?;
            Ok(product.text("id").to_owned())
        }
        (Some(_), Some(_)) => {
            Err(ApiError::invalid("You may only specify one of these parameters: product, product_data."))
        }
        (None, None) => Err(ApiError::missing_param("product")),
    }
}

fn amount(params: &Value) -> Result<i64, ApiError> {
    let amount = params
        .maybe_int("unit_amount")
        .or_else(|| params.maybe("unit_amount_decimal")?.parse().ok())
        .ok_or_else(|| ApiError::missing_param("unit_amount"))?;
    if amount < 0 {
        return Err(ApiError::invalid("Invalid non-negative integer").param("unit_amount"));
    }
    Ok(amount)
}

fn claim_lookup_key(account: &mut Account, key: &str, transfer: bool) -> Result<(), ApiError> {
    let holder = account.data().newest("price").find(|price| price.maybe("lookup_key") == Some(key)).cloned();
    match holder {
        None => Ok(()),
        Some(mut price) if transfer => {
            price.set("lookup_key", Value::Null);
            account.update(&price, "price.updated");
            Ok(())
        }
        Some(price) => {
            Err(ApiError::invalid(format!("A price (`{}`) already uses that lookup key.", price.text("id")))
                .param("lookup_key"))
        }
    }
}

fn create(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    create_from(account, &call.params)
}

fn retrieve(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    account.path("price", call.id())
}

fn update(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let mut price = account.path("price", call.id())?;
    if let Some(key) = call.params.maybe("lookup_key")
        && price.maybe("lookup_key") != Some(key)
    {
        claim_lookup_key(account, key, call.params.flag("transfer_lookup_key"))?;
    }
    apply(&mut price, &call.params, &["active", "nickname", "tax_behavior", "lookup_key"]);
    apply_metadata(&mut price, &call.params);
    account.update(&price, "price.updated");
    Ok(price)
}

fn all(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let params = &call.params;
    let keys = params.list("lookup_keys");
    let recurring = params.get("recurring");
    list::page(account, "price", "/v1/prices", params, |price| {
        ["active", "currency", "product", "type"].iter().all(|field| list::matches(price, field, params))
            && (keys.is_empty() || keys.iter().any(|key| Some(key) == price.get("lookup_key")))
            && recurring.is_none_or(|wanted| {
                price.get("recurring").is_some_and(|actual| {
                    ["interval", "meter", "usage_type"].iter().all(|field| list::matches(actual, field, wanted))
                })
            })
    })
}
