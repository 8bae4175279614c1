//! Discounts: a coupon (perhaps by way of a promotion code) redeemed by a customer.

use serde_json::{Value, json};

use super::account::Account;
use super::error::ApiError;
use super::{coupons, promotion_codes};
use crate::calendar;
use crate::ids;
use crate::json::Json;

/// What a discount is made from, before it is redeemed.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// The coupon object.
    pub coupon: Value,
    /// Id of the promotion code, if one was used.
    pub promotion_code: Option<String>,
}

/// Where a discount comes to apply.
#[derive(Default)]
pub(crate) struct Place<'a> {
    /// Customer id.
    pub customer: Option<&'a str>,
    /// Subscription id.
    pub subscription: Option<&'a str>,
    /// Checkout session id.
    pub checkout_session: Option<&'a str>,
}

/// Reads a `discounts` parameter: coupons and promotion codes that can be redeemed.
pub(crate) fn sources(account: &Account, discounts: &[Value], customer: Option<&str>) -> Result<Vec<Source>, ApiError> {
    let mut sources = Vec::new();
    for (index, given) in discounts.iter().enumerate() {
        let at = |field: &str| format!("discounts[{index}][{field}]");
        match (given.maybe("coupon"), given.maybe("promotion_code")) {
            (Some(id), None) => {
                let coupon = account.find("coupon", id, &at("coupon"))?;
                coupons::redeemable(&coupon, account.now())?;
                sources.push(Source { coupon, promotion_code: None });
            }
            (None, Some(id)) => {
                let code = account.find("promotion_code", id, &at("promotion_code"))?;
                promotion_codes::usable(account, &code, customer)?;
                sources.push(by_code(account, &code)?);
            }
            (None, None) => {}
            (Some(_), Some(_)) => {
                return Err(ApiError::invalid("You may only specify one of these parameters: coupon, promotion_code.")
                    .param(format!("discounts[{index}]")));
            }
        }
    }
    Ok(sources)
}

/// The source behind a promotion code.
pub(crate) fn by_code(account: &Account, code: &Value) -> Result<Source, ApiError> {
    let coupon = account.find("coupon", promotion_codes::coupon(code), "coupon")?;
    Ok(Source { coupon, promotion_code: code.maybe("id").map(str::to_owned) })
}

/// Redeems a source: counts the redemption and saves the discount.
pub(crate) fn redeem(account: &mut Account, source: &Source, place: &Place) -> Value {
    let now = account.now();
    count(account, "coupon", source.coupon.text("id"));
    if let Some(code) = &source.promotion_code {
        count(account, "promotion_code", code);
    }
    let end = (source.coupon.text("duration") == "repeating")
        .then(|| calendar::step(now, "month", source.coupon.int("duration_in_months")));
    let discount = json!({
        "id": ids::new("di_"),
        "object": "discount",
        "checkout_session": place.checkout_session,
        "customer": place.customer,
        "customer_account": null,
        "end": end,
        "invoice": null,
        "invoice_item": null,
        "promotion_code": source.promotion_code,
        "source": { "coupon": source.coupon.text("id"), "type": "coupon" },
        "start": now,
        "subscription": place.subscription,
        "subscription_item": null,
    });
    if place.subscription.is_some() {
        account.create(&discount, "customer.discount.created");
    } else {
        account.save(&discount);
    }
    discount
}

fn count(account: &mut Account, kind: &str, id: &str) {
    if let Some(mut object) = account.get(kind, id).cloned() {
        object.set("times_redeemed", object.int("times_redeemed") + 1);
        account.save(&object);
    }
}

/// Discounts with a coupon for one invoice that have been used.
const SPENT: &str = "_spent_discount";

/// Those of the discounts that still count at a moment.
pub(crate) fn running(account: &Account, discounts: &[Value], at: i64) -> Vec<Value> {
    let runs = |id: &str| {
        account.get(SPENT, id).is_none()
            && account.get("discount", id).is_some_and(|it| it.maybe_int("end").is_none_or(|end| end > at))
    };
    discounts.iter().filter(|id| id.as_str().is_some_and(runs)).cloned().collect()
}

/// An invoice goes out: what was good for one invoice is used up.
pub(crate) fn spend(account: &mut Account, invoice: &Value) {
    for used in invoice.list("total_discount_amounts").iter().filter(|used| used.int("amount") > 0) {
        let id = used.text("discount");
        let once = coupon(account, id).is_some_and(|coupon| coupon.text("duration") == "once");
        if once {
            account.note(SPENT, id, json!({}));
        }
    }
}

/// A discount does not count any more.
pub(crate) fn end(account: &mut Account, id: &str) {
    if let Some(discount) = account.get("discount", id).cloned() {
        account.announce(&discount, "customer.discount.deleted");
    }
}

fn coupon<'a>(account: &'a Account, discount: &str) -> Option<&'a Value> {
    let source = account.get("discount", discount)?.get("source")?;
    account.get("coupon", source.text("coupon"))
}

/// What saved discounts take off an amount, one after the other: discount id and amount.
pub(crate) fn amounts(account: &Account, discounts: &[Value], amount: i64, currency: &str) -> Vec<(String, i64)> {
    let mut left = amount;
    discounts
        .iter()
        .filter_map(Value::as_str)
        .filter_map(|id| {
            let off = coupons::amount_off(coupon(account, id)?, left, currency);
            left -= off;
            Some((id.to_owned(), off))
        })
        .collect()
}
