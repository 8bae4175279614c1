//! Invoice items: what is billed apart from subscriptions. Each waits for its customer's next invoice,
//! or stands on one as a line.

use serde_json::{Value, json};

use super::account::Account;
use super::error::ApiError;
use super::invoices::{self, Line};
use super::routes::{Call, Route, apply_metadata, delete, get, post};
use super::{customers, list, prices, products};
use crate::ids;
use crate::json::Json;

/// Kind of the objects.
pub(crate) const KIND: &str = "invoiceitem";

const CREATE: &str = "amount:int currency customer customer_account description discountable:bool discounts:any invoice \
    metadata:map period{end!:int start!:int} \
    price_data{currency! product! tax_behavior=unspecified|exclusive|inclusive unit_amount:int unit_amount_decimal:dec} \
    pricing{price} quantity:int quantity_decimal:dec subscription tax_behavior=unspecified|exclusive|inclusive tax_code \
    tax_rates[] unit_amount_decimal:dec";

/// What Stripe offers here and this sandbox does not.
const NOT_OFFERED: [&str; 4] = ["discountable", "discounts", "quantity_decimal", "subscription"];

pub(crate) const ROUTES: &[Route] = &[
    get("/v1/invoiceitems", "@list created:range customer customer_account invoice pending:bool", all),
    post("/v1/invoiceitems", CREATE, create_call),
    get("/v1/invoiceitems/{id}", "", retrieve),
    delete("/v1/invoiceitems/{id}", "", remove),
];

/// An item to bill.
pub(crate) struct NewItem<'a> {
    /// Who pays.
    pub customer: &'a str,
    /// The draft it stands on.
    pub invoice: Option<&'a str>,
    /// The price object; without an id where it has no price of its own.
    pub price: Value,
    /// How many units.
    pub quantity: i64,
    /// Amount of all units in minor units.
    pub amount: i64,
    /// Lower-case currency.
    pub currency: &'a str,
    /// What it says, if not the product's name.
    pub description: Option<&'a str>,
    /// What it pays for, if not this moment.
    pub period: Option<Value>,
    /// Metadata of the item.
    pub metadata: Value,
}

/// Saves an item and announces it.
pub(crate) fn create(account: &mut Account, new: NewItem) -> Value {
    let item = object(account, new);
    account.create(&item, "invoiceitem.created");
    item
}

/// The lines of what waits for a customer's next invoice.
pub(crate) fn waiting(account: &Account, customer: &str, currency: &str) -> Vec<Line> {
    let waits = |item: &&Value| {
        item.text("customer") == customer && item.text("currency") == currency && item.maybe("invoice").is_none()
    };
    account.data().oldest(KIND).map(|(_, item)| item).filter(waits).map(line).collect()
}

/// What stands on an invoice.
pub(crate) fn on(account: &Account, invoice: &str) -> Vec<Value> {
    let stands = |item: &&Value| item.maybe("invoice") == Some(invoice);
    account.data().oldest(KIND).map(|(_, item)| item).filter(stands).cloned().collect()
}

/// Puts an item on an invoice, or back among what waits for one.
pub(crate) fn put_on(account: &mut Account, item: &str, invoice: Option<&str>) {
    if let Some(mut item) = account.get(KIND, item).cloned() {
        item.set("invoice", invoice);
        account.save(&item);
    }
}

fn object(account: &Account, new: NewItem) -> Value {
    let now = account.now();
    let named = new.price.maybe("product").map(|product| products::name(account, product));
    let details = new.price.maybe("id").map(|id| json!({ "price": id, "product": new.price.get("product") }));
    json!({
        "id": ids::new("ii_"),
        "object": KIND,
        "amount": new.amount,
        "currency": new.currency,
        "customer": new.customer,
        "customer_account": null,
        "date": now,
        "description": new.description.map(str::to_owned).or(named),
        "discountable": true,
        "discounts": [],
        "invoice": new.invoice,
        "livemode": false,
        "metadata": new.metadata,
        "net_amount": new.amount,
        "parent": null,
        "period": new.period.unwrap_or_else(|| json!({ "start": now, "end": now })),
        "pricing": {
            "price_details": details,
            "type": "price_details",
            "unit_amount_decimal": new.price.get("unit_amount_decimal"),
        },
        "proration": false,
        "proration_details": { "discount_amounts": [] },
        "quantity": new.quantity,
        "quantity_decimal": new.quantity.to_string(),
        "tax_rates": [],
        "test_clock": account.get("customer", new.customer).and_then(|it| it.get("test_clock")),
    })
}

/// The line that bills an item.
pub(crate) fn line(item: &Value) -> Line {
    let pricing = item.get("pricing").cloned().unwrap_or_default();
    let details = pricing.get("price_details").cloned().unwrap_or_default();
    let period = item.get("period").cloned().unwrap_or_default();
    Line {
        description: item.text("description").to_owned(),
        amount: item.int("amount"),
        quantity: item.int("quantity"),
        price: json!({
            "id": details.get("price"),
            "product": details.get("product"),
            "unit_amount_decimal": pricing.get("unit_amount_decimal"),
        }),
        period: (period.int("start"), period.int("end")),
        invoice_item: item.maybe("id").map(str::to_owned),
        metadata: item.get("metadata").cloned().unwrap_or_default(),
        ..Line::default()
    }
}

fn create_call(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let params = &call.params;
    if let Some(name) = NOT_OFFERED.iter().find(|name| params.get(**name).is_some()) {
        return Err(ApiError::invalid(format!("This sandbox does not offer `{name}` for invoice items.")).param(*name));
    }
    let customer = params.maybe("customer").ok_or_else(|| ApiError::missing_param("customer"))?;
    customers::existing(account, customer, "customer")?;
    let quantity = quantity(params)?;
    let cost = cost(account, params, quantity)?;
    let invoice = params.maybe("invoice");
    if let Some(invoice) = invoice {
        takes(account, invoice, customer, &cost.currency)?;
    }
    let mut metadata = json!({ "metadata": {} });
    apply_metadata(&mut metadata, params);
    let item = create(
        account,
        NewItem {
            customer,
            invoice,
            price: cost.price,
            quantity,
            amount: cost.amount,
            currency: &cost.currency,
            description: params.maybe("description"),
            period: params.get("period").cloned(),
            metadata: metadata.take_key("metadata").unwrap_or_default(),
        },
    );
    if let Some(invoice) = invoice {
        invoices::recount(account, invoice);
    }
    Ok(item)
}

fn quantity(params: &Value) -> Result<i64, ApiError> {
    match params.maybe_int("quantity") {
        Some(given) if given < 0 => {
            Err(ApiError::invalid("Invalid non-negative integer").code("parameter_invalid_integer").param("quantity"))
        }
        Some(_) if params.get("amount").is_some() => {
            Err(ApiError::invalid("You may only specify one of these parameters: amount, quantity.").param("quantity"))
        }
        given => Ok(given.unwrap_or(1)),
    }
}

/// What an item costs, and by which price.
struct Cost {
    price: Value,
    amount: i64,
    currency: String,
}

fn cost(account: &mut Account, params: &Value, quantity: i64) -> Result<Cost, ApiError> {
    let ways = ["amount", "pricing", "price_data", "unit_amount_decimal"];
    let given: Vec<&str> = ways.into_iter().filter(|way| params.get(*way).is_some_and(|it| !it.is_null())).collect();
    match given[..] {
        [] => Err(ApiError::missing_param("amount")),
        ["amount"] => {
            let amount = params.int("amount");
            let price = json!({ "unit_amount_decimal": amount.to_string() });
            Ok(Cost { price, amount, currency: currency(params)? })
        }
        ["unit_amount_decimal"] => {
            let unit = params.text("unit_amount_decimal");
            let amount = times(unit, quantity)
                .ok_or_else(|| ApiError::invalid(format!("Invalid decimal: {unit}")).param("unit_amount_decimal"))?;
            Ok(Cost { price: json!({ "unit_amount_decimal": unit }), amount, currency: currency(params)? })
        }
        ["pricing"] => {
            let id = params.get("pricing").and_then(|pricing| pricing.maybe("price"));
            let id = id.ok_or_else(|| ApiError::missing_param("pricing[price]"))?;
            let price = account.find("price", id, "pricing[price]")?;
            of_price(params, price, quantity, "pricing[price]")
        }
        [one, other, ..] => {
            Err(ApiError::invalid(format!("You may only specify one of these parameters: {one}, {other}."))
                .param(other))
        }
        [_price_data] => {
            let data = params.get("price_data").cloned().unwrap_or_default();
            let price = prices::create_from(account, &data)?;
            of_price(params, price, quantity, "price_data")
        }
    }
}

fn currency(params: &Value) -> Result<String, ApiError> {
    params.maybe("currency").map(str::to_lowercase).ok_or_else(|| ApiError::missing_param("currency"))
}

fn of_price(params: &Value, price: Value, quantity: i64, param: &str) -> Result<Cost, ApiError> {
    if price.text("type") != "one_time" {
        return Err(ApiError::invalid(
            "The price specified is set to `type=recurring` but this field only accepts prices with `type=one_time`.",
        )
        .param(param));
    }
    if !price.flag("active") {
        return Err(
            ApiError::invalid("The price specified is inactive. This field only accepts active prices.").param(param)
        );
    }
    let currency = price.text("currency").to_owned();
    if params.maybe("currency").is_some_and(|given| given.to_lowercase() != currency) {
        return Err(ApiError::invalid(format!("The price specified supports the currency `{currency}` only."))
            .param("currency"));
    }
    let amount = price.int("unit_amount").saturating_mul(quantity);
    Ok(Cost { price, amount, currency })
}

/// Whether a draft takes this item.
fn takes(account: &Account, invoice: &str, customer: &str, currency: &str) -> Result<(), ApiError> {
    let invoice = account.find("invoice", invoice, "invoice")?;
    if invoice.text("customer") != customer {
        return Err(ApiError::no_such("invoice", invoice.text("id"), "invoice"));
    }
    editable(&invoice)?;
    if invoices::subscription(&invoice).is_some() {
        return Err(
            ApiError::invalid("This sandbox takes invoice items on invoices made by hand only.").param("invoice")
        );
    }
    if invoice.text("currency") != currency {
        return Err(ApiError::invalid(format!(
            "The currency of the invoice item (`{currency}`) must be that of the invoice (`{}`).",
            invoice.text("currency")
        ))
        .param("currency"));
    }
    Ok(())
}

fn editable(invoice: &Value) -> Result<(), ApiError> {
    if invoice.text("status") == "draft" {
        return Ok(());
    }
    Err(ApiError::invalid("The specified invoice can no longer be edited. Instead, consider creating additional invoice items that will be applied to the next invoice.")
        .code("invoice_not_editable")
        .param("invoice"))
}

/// `unit · quantity`, rounded half away from zero. Stripe takes up to twelve decimal places.
fn times(unit: &str, quantity: i64) -> Option<i64> {
    const PLACES: usize = 12;
    let (whole, fraction) = unit.split_once('.').unwrap_or((unit, ""));
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let unsigned = whole.strip_prefix('-').unwrap_or(whole);
    if fraction.len() > PLACES || !digits(fraction) || !digits(unsigned) || !(1..=16).contains(&unsigned.len()) {
        return None;
    }
    let scaled: i128 = format!("{whole}{fraction:0<PLACES$}").parse().ok()?;
    let one = 10_i128.pow(12);
    let doubled = scaled.checked_mul(i128::from(quantity))?.checked_mul(2)?;
    i64::try_from((doubled + doubled.signum() * one) / (2 * one)).ok()
}

fn retrieve(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    account.path(KIND, call.id())
}

fn remove(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let item = account.path(KIND, call.id())?;
    let invoice = item.maybe("invoice").map(str::to_owned);
    if let Some(invoice) = invoice.as_deref().and_then(|id| account.get("invoice", id)) {
        editable(invoice)?;
    }
    account.announce(&item, "invoiceitem.deleted");
    account.remove(KIND, call.id());
    if let Some(invoice) = invoice {
        invoices::recount(account, &invoice);
    }
    Ok(json!({ "id": call.id(), "object": KIND, "deleted": true }))
}

fn all(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let params = &call.params;
    customers::check_filter(account, params)?;
    let pending = params.get("pending").and_then(Value::as_bool);
    list::page(account, KIND, "/v1/invoiceitems", params, |item| {
        ["customer", "invoice"].iter().all(|field| list::matches(item, field, params))
            && pending.is_none_or(|wanted| wanted == item.maybe("invoice").is_none())
    })
}

#[cfg(test)]
mod tests {
    use super::times;

    #[test]
    fn parts_of_a_unit_are_multiplied_before_they_are_rounded() {
        assert_eq!(times("0.5", 3), Some(2));
        assert_eq!(times("-0.5", 3), Some(-2));
        assert_eq!(times("0.000000000001", 1_000_000_000_000), Some(1));
        assert_eq!(times("12", 3), Some(36));
        assert_eq!(times("12.34", 0), Some(0));
        for odd in ["", ".", "1e3", "0.0000000000001", "1.2.3", "inf", "99999999999999999"] {
            assert_eq!(times(odd, 1), None, "{odd}");
        }
    }
}
