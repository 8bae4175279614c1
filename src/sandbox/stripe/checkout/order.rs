//! What a session sells: its line items, discount and subscription settings, kept beside the
//! session because the API shows them only in part.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ids;
use crate::json::Json;
use crate::stripe::account::Account;
use crate::stripe::discounts::{self, Source};
use crate::stripe::error::ApiError;
use crate::stripe::{coupons, products};

const KIND: &str = "_order";

/// The order behind a session.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Order {
    /// Session id.
    pub session: String,
    /// Line items in Stripe's form, without amounts after discount.
    pub items: Vec<Value>,
    /// `subscription_data` as it was given.
    pub subscription_data: Value,
    /// `payment_intent_data` as it was given.
    pub payment_intent_data: Value,
    /// `customer_update` as it was given.
    #[serde(default)]
    pub customer_update: Value,
    /// The coupon that applies.
    pub coupon: Option<String>,
    /// The promotion code that brought it.
    pub promotion_code: Option<String>,
    /// What was entered before the bank asked for confirmation.
    pub challenge: Option<Value>,
}

impl Order {
    /// The order of a session.
    pub(super) fn load(account: &Account, session: &str) -> Result<Self, ApiError> {
        account
            .get(KIND, session)
            .and_then(|order| serde_json::from_value(order.clone()).ok())
            .ok_or_else(|| ApiError::no_such("checkout.session", session, "id"))
    }

    /// Keeps the order.
    pub(super) fn save(&self, account: &mut Account) {
        account.note(KIND, &self.session, json!(self));
    }

    /// Where the discount comes from, if there is one.
    pub(super) fn source(&self, account: &Account) -> Option<Source> {
        let coupon = account.get("coupon", self.coupon.as_deref()?)?.clone();
        Some(Source { coupon, promotion_code: self.promotion_code.clone() })
    }

    /// Whether the card is kept for later payments, and for which: Stripe's `setup_future_usage`.
    pub(super) fn future_usage(&self) -> Option<&str> {
        self.payment_intent_data.maybe("setup_future_usage")
    }

    /// When the trial ends if it starts now.
    pub(super) fn trial_end(&self, now: i64) -> Option<i64> {
        let data = &self.subscription_data;
        data.maybe_int("trial_end").or_else(|| data.maybe_int("trial_period_days").map(|days| now + days * 86_400))
    }
}

/// A line item from its parameters.
pub(super) fn item(account: &Account, params: &Value, price: &Value) -> Value {
    let quantity = params.maybe_int("quantity").unwrap_or(1);
    let adjustable = params.get("adjustable_quantity").filter(|it| it.flag("enabled")).map(|it| {
        json!({
            "enabled": true,
            "maximum": it.maybe_int("maximum").unwrap_or(99),
            "minimum": it.maybe_int("minimum").unwrap_or(0),
        })
    });
    json!({
        "id": ids::new("li_"),
        "object": "item",
        "adjustable_quantity": adjustable,
        "amount_discount": 0,
        "amount_subtotal": 0,
        "amount_tax": 0,
        "amount_total": 0,
        "currency": price.text("currency"),
        "description": products::name(account, price.text("product")),
        "metadata": params.get("metadata").cloned().unwrap_or_else(|| json!({})),
        "price": price,
        "quantity": quantity,
    })
}

/// What a line item costs each time it is billed.
pub(super) fn full_amount(item: &Value) -> i64 {
    item.get("price").map_or(0, |price| price.int("unit_amount")) * item.int("quantity")
}

/// Whether a line item bills again.
pub(super) fn recurs(item: &Value) -> bool {
    item.get("price").is_some_and(|price| price.text("type") == "recurring")
}

/// Amounts due today, per item: what a trial postpones costs nothing now.
fn priced(account: &Account, order: &Order) -> Vec<Value> {
    let trial = order.trial_end(account.now()).is_some();
    let source = order.source(account);
    let due: Vec<i64> =
        order.items.iter().map(|item| if trial && recurs(item) { 0 } else { full_amount(item) }).collect();
    let subtotal: i64 = due.iter().sum();
    let mut left = source.map_or(0, |source| {
        let currency = order.items.first().map_or("", |item| item.text("currency"));
        coupons::amount_off(&source.coupon, subtotal, currency)
    });
    let off = left;
    let last = order.items.len().saturating_sub(1);
    let mut items = order.items.clone();
    for (index, (item, due)) in items.iter_mut().zip(due).enumerate() {
        let share = if index == last || subtotal == 0 { left } else { off * due / subtotal };
        left -= share;
        item.set("amount_subtotal", due);
        item.set("amount_discount", share);
        item.set("amount_total", due - share);
    }
    items
}

/// The line items of a session with their amounts.
pub(super) fn line_items(account: &Account, session: &str) -> Vec<Value> {
    Order::load(account, session).map_or_else(|_| Vec::new(), |order| priced(account, &order))
}

/// Writes the order's amounts and discounts into the session.
pub(super) fn price(account: &Account, order: &Order, session: &mut Value) {
    let items = priced(account, order);
    let sum = |field: &str| items.iter().map(|item| item.int(field)).sum::<i64>();
    session.set("amount_subtotal", sum("amount_subtotal"));
    session.set("amount_total", sum("amount_total"));
    session.set("currency", items.first().map_or("", |item| item.text("currency")));
    if let Some(details) = session.get_mut("total_details") {
        details.set("amount_discount", sum("amount_discount"));
    }
    let discounts = order.coupon.as_ref().map_or_else(Vec::new, |coupon| {
        // A promotion code hides the coupon behind it.
        let shown = order.promotion_code.is_none().then_some(coupon);
        vec![json!({ "coupon": shown, "promotion_code": order.promotion_code })]
    });
    session.set("discounts", discounts);
}

/// Applies a promotion code that a person typed.
pub(super) fn apply_code(account: &mut Account, session: &mut Value, text: &str) -> Result<(), ApiError> {
    let customer = session.maybe("customer").map(str::to_owned);
    let code = crate::stripe::promotion_codes::typed(account, text, customer.as_deref())
        .ok_or_else(|| ApiError::invalid("This code is invalid.").param("promotion_code"))?;
    let source = discounts::by_code(account, &code)?;
    let mut order = Order::load(account, session.text("id"))?;
    order.coupon = source.coupon.maybe("id").map(str::to_owned);
    order.promotion_code = source.promotion_code;
    reprice(account, &order, session);
    Ok(())
}

/// Takes the promotion code off again.
pub(super) fn remove_code(account: &mut Account, session: &mut Value) -> Result<(), ApiError> {
    let mut order = Order::load(account, session.text("id"))?;
    order.coupon = None;
    order.promotion_code = None;
    reprice(account, &order, session);
    Ok(())
}

/// Changes the quantity of an adjustable line item.
pub(super) fn set_quantity(
    account: &mut Account,
    session: &mut Value,
    item: &str,
    quantity: i64,
) -> Result<(), ApiError> {
    let mut order = Order::load(account, session.text("id"))?;
    let found = order
        .items
        .iter_mut()
        .find(|it| it.text("id") == item)
        .ok_or_else(|| ApiError::invalid("This item is not part of the order."))?;
    let range = found
        .get("adjustable_quantity")
        .filter(|it| it.flag("enabled"))
        .cloned()
        .ok_or_else(|| ApiError::invalid("The quantity of this item cannot be changed."))?;
    let (low, high) = (range.int("minimum").max(1), range.int("maximum"));
    if !(low..=high).contains(&quantity) {
        return Err(ApiError::invalid(format!("Choose a quantity between {low} and {high}.")).param("quantity"));
    }
    found.set("quantity", quantity);
    reprice(account, &order, session);
    Ok(())
}

fn reprice(account: &mut Account, order: &Order, session: &mut Value) {
    price(account, order, session);
    order.save(account);
    account.save(session);
}
