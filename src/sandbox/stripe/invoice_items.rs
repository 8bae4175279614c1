//! Invoice items: what is billed apart from subscriptions, each a line of an invoice.

use serde_json::{Value, json};

use super::account::Account;
use super::invoices::Line;
use super::products;
use crate::ids;
use crate::json::Json;

/// Kind of the objects.
pub(crate) const KIND: &str = "invoiceitem";

/// An item to bill.
pub(crate) struct NewItem<'a> {
    /// Who pays.
    pub customer: &'a str,
    /// The draft it stands on.
    pub invoice: Option<&'a str>,
    /// The price object.
    pub price: &'a Value,
    /// How many units.
    pub quantity: i64,
    /// Amount of all units in minor units.
    pub amount: i64,
    /// Lower-case currency.
    pub currency: &'a str,
    /// What it says, if not the product's name.
    pub description: Option<&'a str>,
    /// Metadata of the item.
    pub metadata: Value,
}

/// Saves an item and announces it.
pub(crate) fn create(account: &mut Account, new: NewItem) -> Value {
    let item = object(account, new);
    account.create(&item, "invoiceitem.created");
    item
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
        "period": { "start": now, "end": now },
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
