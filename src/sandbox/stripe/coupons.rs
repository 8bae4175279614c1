//! Coupons: how much is taken off, and for how long.

use serde_json::{Number, Value, json};

use super::account::Account;
use super::error::ApiError;
use super::list;
use super::routes::{Call, Route, apply, apply_metadata, delete, get, post};
use crate::ids;
use crate::json::Json;

const CREATE: &str = "amount_off:int applies_to{products[]} currency currency_options:any \
    duration=forever|once|repeating duration_in_months:int id max_redemptions:int metadata:map name \
    percent_off:dec redeem_by:int";

pub(crate) const ROUTES: &[Route] = &[
    get("/v1/coupons", "@list created:range", all),
    post("/v1/coupons", CREATE, create),
    get("/v1/coupons/{id}", "", retrieve),
    post("/v1/coupons/{id}", "currency_options:any metadata:map name", update),
    delete("/v1/coupons/{id}", "", remove),
];

/// What the coupon takes off an amount.
pub(crate) fn amount_off(coupon: &Value, amount: i64, currency: &str) -> i64 {
    let off = match coupon.maybe_int("amount_off") {
        Some(off) if coupon.text("currency") == currency => off,
        Some(_) => 0,
        None => {
            let points = coupon.get("percent_off").map_or(0, basis_points);
            (amount * points + 5_000).div_euclid(10_000)
        }
    };
    off.clamp(0, amount.max(0))
}

/// `25.5` as 2550 hundredths of a per cent, without floating point.
fn basis_points(percent: &Value) -> i64 {
    let text = percent.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction = format!("{fraction:0<2}");
    let whole: i64 = whole.parse().unwrap_or_default();
    whole * 100 + fraction.get(..2).and_then(|two| two.parse::<i64>().ok()).unwrap_or_default()
}

/// The coupon in a few words: `20% off`, `$5.00 off for 3 months`.
pub(crate) fn about(coupon: &Value) -> String {
    let amount = match coupon.maybe_int("amount_off") {
        Some(amount) => crate::page::money(amount, coupon.text("currency")),
        None => format!("{}%", coupon.get("percent_off").cloned().unwrap_or_default()),
    };
    match coupon.text("duration") {
        "once" => format!("{amount} off once"),
        "repeating" => format!("{amount} off for {} months", coupon.int("duration_in_months")),
        _ => format!("{amount} off"),
    }
}

/// Whether the coupon can still be redeemed, in Stripe's words if not.
pub(crate) fn redeemable(coupon: &Value, now: i64) -> Result<(), ApiError> {
    let expired = coupon.maybe_int("redeem_by").is_some_and(|by| by < now);
    let used_up = coupon.maybe_int("max_redemptions").is_some_and(|most| coupon.int("times_redeemed") >= most);
    if expired || used_up || !coupon.flag("valid") {
        return Err(ApiError::invalid(format!("Coupon expired: {}", coupon.text("id")))
            .code("coupon_expired")
            .param("coupon"));
    }
    Ok(())
}

fn create(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let params = &call.params;
    let id = params.maybe("id").map_or_else(|| ids::random("", 8), str::to_owned);
    if account.get("coupon", &id).is_some() {
        return Err(ApiError::invalid("Coupon already exists.").code("resource_already_exists").param("id"));
    }
    let percent = percent(params)?;
    let duration = params.maybe("duration").unwrap_or("once");
    if duration == "repeating" && params.maybe_int("duration_in_months").is_none() {
        return Err(ApiError::missing_param("duration_in_months"));
    }
    if params.get("amount_off").is_some() && params.maybe("currency").is_none() {
        return Err(ApiError::missing_param("currency"));
    }
    let mut coupon = json!({
        "id": id,
        "object": "coupon",
        "amount_off": null,
        "created": account.now(),
        "currency": null,
        "duration": duration,
        "duration_in_months": null,
        "livemode": false,
        "max_redemptions": null,
        "metadata": {},
        "name": null,
        "percent_off": percent,
        "redeem_by": null,
        "times_redeemed": 0,
        "valid": true,
    });
    let fields = ["amount_off", "applies_to", "currency", "duration_in_months", "max_redemptions", "name", "redeem_by"];
    apply(&mut coupon, params, &fields);
    apply_metadata(&mut coupon, params);
    account.create(&coupon, "coupon.created");
    Ok(coupon)
}

fn percent(params: &Value) -> Result<Value, ApiError> {
    match (params.maybe("percent_off"), params.get("amount_off")) {
        (Some(text), None) => {
            let percent: f64 = text.parse().unwrap_or_default();
            if percent <= 0.0 || percent > 100.0 {
                return Err(ApiError::invalid("Invalid percent_off: must be between 0 and 100").param("percent_off"));
            }
            let whole = text.parse::<i64>().ok().map(Value::from);
            Ok(whole.or_else(|| Number::from_f64(percent).map(Value::Number)).unwrap_or_default())
        }
        (None, Some(_)) => Ok(Value::Null),
        _ => Err(ApiError::invalid("You must pass either percent_off or amount_off, but not both.")
            .code("parameter_missing")),
    }
}

fn retrieve(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    account.path("coupon", call.id())
}

fn update(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let mut coupon = account.path("coupon", call.id())?;
    apply(&mut coupon, &call.params, &["name"]);
    apply_metadata(&mut coupon, &call.params);
    account.update(&coupon, "coupon.updated");
    Ok(coupon)
}

fn remove(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let coupon = account.path("coupon", call.id())?;
    account.announce(&coupon, "coupon.deleted");
    account.remove("coupon", call.id());
    Ok(json!({ "id": call.id(), "object": "coupon", "deleted": true }))
}

fn all(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    list::page(account, "coupon", "/v1/coupons", &call.params, |_| true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_round_half_up_and_never_exceed_the_amount() {
        let quarter = json!({"percent_off": 25.5});
        assert_eq!(amount_off(&quarter, 999, "usd"), 255);
        assert_eq!(amount_off(&json!({"percent_off": 100}), 999, "usd"), 999);
        let five = json!({"amount_off": 500, "currency": "usd"});
        assert_eq!(amount_off(&five, 300, "usd"), 300);
        assert_eq!(amount_off(&five, 900, "eur"), 0);
    }
}
