//! Promotion codes: the words that customers type to get a coupon.

use serde_json::{Value, json};

use super::account::Account;
use super::error::ApiError;
use super::routes::{Call, Route, apply, apply_metadata, get, post};
use super::{coupons, customers, list};
use crate::ids;
use crate::json::Json;

const CREATE: &str = "promotion!{coupon! type!=coupon} active:bool code customer customer_account \
    expires_at:int max_redemptions:int metadata:map \
    restrictions{currency_options:any first_time_transaction:bool minimum_amount:int minimum_amount_currency}";

pub(crate) const ROUTES: &[Route] = &[
    get("/v1/promotion_codes", "@list active:bool code coupon created:range customer", all),
    post("/v1/promotion_codes", CREATE, create),
    get("/v1/promotion_codes/{id}", "", retrieve),
    post("/v1/promotion_codes/{id}", "active:bool metadata:map restrictions:any", update),
];

/// Coupon id of a promotion code.
pub(crate) fn coupon(code: &Value) -> &str {
    code.get("promotion").map_or("", |promotion| promotion.text("coupon"))
}

/// The active code that a person typed, if this customer may use it now.
pub(crate) fn typed(account: &Account, text: &str, customer: Option<&str>) -> Option<Value> {
    account
        .data()
        .newest("promotion_code")
        .filter(|code| code.text("code").eq_ignore_ascii_case(text.trim()))
        .find(|code| usable(account, code, customer).is_ok())
        .cloned()
}

/// Whether a code can be redeemed, in Stripe's words if not.
pub(crate) fn usable(account: &Account, code: &Value, customer: Option<&str>) -> Result<(), ApiError> {
    let now = account.now();
    let over = !code.flag("active")
        || code.maybe_int("expires_at").is_some_and(|at| at <= now)
        || code.maybe_int("max_redemptions").is_some_and(|most| code.int("times_redeemed") >= most);
    if over {
        return Err(ApiError::invalid("This promotion code is not active or has expired.")
            .code("promotion_code_expired")
            .param("promotion_code"));
    }
    if code.maybe("customer").is_some_and(|owner| Some(owner) != customer) {
        return Err(ApiError::invalid("This promotion code cannot be used by this customer.").param("promotion_code"));
    }
    let coupon = account.find("coupon", coupon(code), "coupon")?;
    coupons::redeemable(&coupon, now)
}

fn create(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let params = &call.params;
    let promotion = params.get("promotion").cloned().unwrap_or_default();
    account.find("coupon", promotion.text("coupon"), "promotion[coupon]")?;
    if let Some(customer) = params.maybe("customer") {
        customers::existing(account, customer, "customer")?;
    }
    let text = params.maybe("code").map_or_else(|| ids::random("", 8).to_uppercase(), str::to_owned);
    if typed(account, &text, params.maybe("customer")).is_some() {
        return Err(ApiError::invalid("An active promotion code with this code already exists.").param("code"));
    }
    let mut restrictions =
        json!({ "first_time_transaction": false, "minimum_amount": null, "minimum_amount_currency": null });
    if let Some(given) = params.get("restrictions") {
        crate::json::merge(&mut restrictions, given.clone());
    }
    let mut code = json!({
        "id": ids::new("promo_"),
        "object": "promotion_code",
        "active": true,
        "code": text,
        "created": account.now(),
        "customer": null,
        "customer_account": null,
        "expires_at": null,
        "livemode": false,
        "max_redemptions": null,
        "metadata": {},
        "promotion": { "coupon": promotion.text("coupon"), "type": "coupon" },
        "restrictions": restrictions,
        "times_redeemed": 0,
    });
    apply(&mut code, params, &["active", "customer", "expires_at", "max_redemptions"]);
    apply_metadata(&mut code, params);
    account.create(&code, "promotion_code.created");
    Ok(code)
}

fn retrieve(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    account.path("promotion_code", call.id())
}

fn update(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let mut code = account.path("promotion_code", call.id())?;
    apply(&mut code, &call.params, &["active"]);
    apply_metadata(&mut code, &call.params);
    account.update(&code, "promotion_code.updated");
    Ok(code)
}

fn all(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let params = &call.params;
    list::page(account, "promotion_code", "/v1/promotion_codes", params, |code| {
        ["active", "code", "customer"].iter().all(|field| list::matches(code, field, params))
            && params.maybe("coupon").is_none_or(|id| id == coupon(code))
    })
}
