//! Paying once: the payment of a session in `payment` mode, over an invoice where one is asked for.

use serde_json::{Value, json};

use super::order::Order;
use crate::ids;
use crate::json::Json;
use crate::stripe::account::Account;
use crate::stripe::discounts::{self, Place};
use crate::stripe::error::ApiError;
use crate::stripe::invoices::{self, Attempt, Draft};
use crate::stripe::payments::{self, About, Payment};
use crate::stripe::{customers, invoice_items};

/// Whether the payment leaves an invoice behind.
pub(super) fn makes_invoice(session: &Value) -> bool {
    session.get("invoice_creation").is_some_and(|it| it.flag("enabled"))
}

/// Takes the money, and writes into the session what came of it.
pub(super) fn collect(
    account: &mut Account,
    session: &mut Value,
    order: &Order,
    customer: Option<&str>,
    method: Option<String>,
) -> Result<(), ApiError> {
    let place = Place { customer, subscription: None, checkout_session: session.maybe("id") };
    let discount = order.source(account).map(|source| discounts::redeem(account, &source, &place));
    match customer.filter(|_| makes_invoice(session)) {
        Some(customer) => {
            let draft = draft(account, session, order, customer, discount.as_ref());
            bill(account, session, order, &draft, method)?;
        }
        None => pay(account, session, order, customer, method.as_deref())?,
    }
    Ok(())
}

/// Without an invoice it is a payment and nothing else.
fn pay(
    account: &mut Account,
    session: &mut Value,
    order: &Order,
    customer: Option<&str>,
    method: Option<&str>,
) -> Result<(), ApiError> {
    let Some(method) = method.filter(|_| session.int("amount_total") > 0) else {
        return Ok(());
    };
    let payment = Payment {
        customer,
        method,
        amount: session.int("amount_total"),
        currency: session.text("currency"),
        present: true,
        about: About::from_params(&order.payment_intent_data),
    };
    let (intent, outcome) = payments::attempt(account, &payment);
    outcome?;
    session.set("payment_intent", intent.text("id"));
    Ok(())
}

/// The invoice over the order, its lines from invoice items that come into being with it.
fn draft(account: &mut Account, session: &Value, order: &Order, customer: &str, discount: Option<&Value>) -> Draft {
    let id = ids::new("in_");
    customers::remember_currency(account, customer, session.text("currency"));
    let mut lines = Vec::with_capacity(order.items.len());
    for item in &order.items {
        let new = invoice_items::NewItem {
            customer,
            invoice: Some(&id),
            price: item.get("price").cloned().unwrap_or_default(),
            quantity: item.int("quantity"),
            amount: super::order::full_amount(item),
            currency: session.text("currency"),
            description: item.maybe("description"),
            period: None,
            metadata: item.get("metadata").cloned().unwrap_or_else(|| json!({})),
        };
        lines.push(invoice_items::line(&invoice_items::create(account, new)));
    }
    let data = session.get("invoice_creation").and_then(|it| it.get("invoice_data"));
    let field = |name: &str| data.and_then(|data| data.get(name)).cloned().unwrap_or_default();
    Draft {
        id,
        customer: customer.to_owned(),
        reason: "manual",
        currency: session.text("currency").to_owned(),
        lines,
        discounts: discount.and_then(|it| it.get("id")).into_iter().cloned().collect(),
        period: (account.now(), account.now()),
        fields: json!({
            "auto_advance": false,
            "custom_fields": field("custom_fields"),
            "description": field("description"),
            "footer": field("footer"),
            "metadata": field("metadata"),
        }),
        ..Draft::default()
    }
}

fn bill(
    account: &mut Account,
    session: &mut Value,
    order: &Order,
    draft: &Draft,
    method: Option<String>,
) -> Result<(), ApiError> {
    let invoice = invoices::create(account, draft);
    let invoice = invoices::finalize_in_full(account, invoice);
    let about = About::from_params(&order.payment_intent_data);
    let attempt = Attempt { method, present: true, about: Some(about), automatic: false };
    let invoice = invoices::pay(account, invoice, &attempt)?;
    session.set("invoice", invoice.text("id"));
    session.set("payment_intent", invoices::latest_intent(account, &draft.id));
    Ok(())
}
