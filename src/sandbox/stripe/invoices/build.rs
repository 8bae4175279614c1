//! Drafting invoices: lines, discounts and totals, before anything is collected.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ids;
use crate::json::{Json, merge};
use crate::stripe::account::Account;
use crate::stripe::{discounts, invoice_items, list};

/// One line to bill.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Line {
    /// What it says.
    pub description: String,
    /// Signed amount in minor units; credits are negative.
    pub amount: i64,
    /// Number of units.
    pub quantity: i64,
    /// The price object.
    pub price: Value,
    /// Start and end of what it pays for.
    pub period: (i64, i64),
    /// The subscription item it bills.
    pub item: Option<String>,
    /// Whether it corrects an earlier line.
    pub proration: bool,
    /// The invoice item it comes from.
    #[serde(default)]
    pub invoice_item: Option<String>,
    /// Metadata of the line, if not the subscription's.
    #[serde(default)]
    pub metadata: Value,
}

/// What an invoice is made from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    /// Id to use, so that others can refer to it already.
    pub id: String,
    /// Customer id.
    pub customer: String,
    /// The subscription object, if it bills one.
    pub subscription: Option<Value>,
    /// Stripe's reason.
    pub reason: &'static str,
    /// Lower-case currency.
    pub currency: String,
    /// What is billed.
    pub lines: Vec<Line>,
    /// Ids of the discounts that apply.
    pub discounts: Vec<Value>,
    /// The period that the header names.
    pub period: (i64, i64),
    /// Fields to take over as they are.
    pub fields: Value,
}

/// The invoice as it would be, settled against the customer's balance, without writing anything.
pub(super) fn preview(account: &Account, draft: &Draft) -> Value {
    let mut invoice = object(account, draft);
    let balance = account.get("customer", &draft.customer).map_or(0, |customer| customer.int("balance"));
    settle(&mut invoice, balance);
    invoice
}

/// The invoice as it would be for somebody without a balance.
pub(super) fn unsettled(account: &Account, draft: &Draft) -> Value {
    object(account, draft)
}

/// A credit balance (negative) pays first; a negative total becomes credit. Gives the balance that
/// is left.
pub(super) fn settle(invoice: &mut Value, balance: i64) -> i64 {
    let total = invoice.int("total");
    let due = (total + balance).clamp(0, total.max(0));
    let after = if total >= 0 { balance + (total - due) } else { balance + total };
    invoice.set("starting_balance", balance);
    invoice.set("ending_balance", after);
    invoice.set("amount_due", due);
    invoice.set("amount_remaining", due);
    after
}

/// Saves the draft as an invoice in status `draft`.
pub(crate) fn create(account: &mut Account, draft: &Draft) -> Value {
    let invoice = object(account, draft);
    for line in &draft.lines {
        if let Some(item) = &line.invoice_item {
            invoice_items::put_on(account, item, Some(&draft.id));
        }
    }
    account.create(&invoice, "invoice.created");
    invoice
}

/// Counts a draft anew after its items have changed. Lines that stay keep their ids.
pub(super) fn recount(account: &mut Account, invoice: &mut Value) {
    let id = invoice.text("id").to_owned();
    let draft = Draft {
        customer: invoice.text("customer").to_owned(),
        currency: invoice.text("currency").to_owned(),
        lines: invoice_items::on(account, &id).iter().map(invoice_items::line).collect(),
        discounts: invoice.list("discounts").to_vec(),
        id,
        ..Draft::default()
    };
    let mut fresh = object(account, &draft);
    let known: Vec<Value> = invoice.get("lines").map_or(&[][..], |lines| lines.list("data")).to_vec();
    if let Some(lines) = fresh.get_mut("lines").and_then(|lines| lines.get_mut("data")).and_then(Value::as_array_mut) {
        for line in lines {
            if let Some(same) = known.iter().find(|it| it.get("parent") == line.get("parent")) {
                line.set("id", same.text("id"));
            }
        }
    }
    for field in COUNTED {
        invoice.set(field, fresh.take_key(field).unwrap_or_default());
    }
    account.update(invoice, "invoice.updated");
}

/// What of an invoice follows from its lines.
const COUNTED: [&str; 8] = [
    "amount_due",
    "amount_remaining",
    "lines",
    "subtotal",
    "subtotal_excluding_tax",
    "total",
    "total_discount_amounts",
    "total_excluding_tax",
];

fn object(account: &Account, draft: &Draft) -> Value {
    let subtotal: i64 = draft.lines.iter().map(|line| line.amount).sum();
    // Prorations are net of discounts already.
    let discountable = draft.lines.iter().filter(|line| !line.proration).map(|line| line.amount).sum();
    let off = discounts::amounts(account, &draft.discounts, discountable, &draft.currency);
    let total = subtotal - off.iter().map(|(_, amount)| amount).sum::<i64>();
    let due = total.max(0);
    let customer = account.get("customer", &draft.customer).cloned().unwrap_or_default();
    let subscription = draft.subscription.clone().unwrap_or_default();
    let mut invoice = skeleton(account, draft, &customer, &subscription);
    let numbers = json!({
        "amount_due": due,
        "amount_remaining": due,
        "lines": lines(draft, &off, discountable),
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal,
        "total": total,
        "total_excluding_tax": total,
        "total_discount_amounts": off
            .iter()
            .map(|(discount, amount)| json!({ "amount": amount, "discount": discount }))
            .collect::<Value>(),
    });
    merge(&mut invoice, numbers);
    merge(&mut invoice, draft.fields.clone());
    invoice
}

fn lines(draft: &Draft, off: &[(String, i64)], discountable: i64) -> Value {
    let mut left: Vec<i64> = off.iter().map(|(_, amount)| *amount).collect();
    let last = draft.lines.iter().rposition(|line| !line.proration).unwrap_or_default();
    let lines: Vec<Value> = draft
        .lines
        .iter()
        .enumerate()
        .map(|(index, line)| {
            let shares: Vec<Value> = off
                .iter()
                .zip(&mut left)
                .filter(|_| !line.proration)
                .map(|((discount, amount), left)| {
                    let share =
                        if index == last || discountable == 0 { *left } else { amount * line.amount / discountable };
                    *left -= share;
                    json!({ "amount": share, "discount": discount })
                })
                .collect();
            line_object(draft, line, shares)
        })
        .collect();
    list::embedded(&lines, &format!("/v1/invoices/{}/lines", draft.id))
}

fn line_object(draft: &Draft, line: &Line, discount_amounts: Vec<Value>) -> Value {
    let subscription = draft.subscription.as_ref().and_then(|it| it.maybe("id"));
    let of_subscription = || draft.subscription.as_ref().and_then(|it| it.get("metadata").cloned());
    let own = Some(line.metadata.clone()).filter(Value::is_object);
    let metadata = own.or_else(of_subscription).unwrap_or_else(|| json!({}));
    let price_details = line.price.maybe("id").map(|id| json!({ "price": id, "product": line.price.get("product") }));
    json!({
        "id": ids::new("il_"),
        "object": "line_item",
        "amount": line.amount,
        "currency": draft.currency,
        "description": line.description,
        "discount_amounts": discount_amounts,
        "discountable": !line.proration,
        "discounts": [],
        "invoice": draft.id,
        "livemode": false,
        "metadata": metadata,
        "parent": line_parent(line, subscription),
        "period": { "start": line.period.0, "end": line.period.1 },
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": price_details,
            "type": "price_details",
            "unit_amount_decimal": line.price.get("unit_amount_decimal"),
        },
        "quantity": line.quantity,
        "quantity_decimal": line.quantity.to_string(),
        "subscription": subscription,
        "subtotal": line.amount,
        "taxes": [],
    })
}

fn line_parent(line: &Line, subscription: Option<&str>) -> Value {
    let credited = json!({ "credited_items": null });
    if let Some(item) = &line.invoice_item {
        return json!({
            "invoice_item_details": {
                "invoice_item": item,
                "proration": line.proration,
                "proration_details": credited,
                "subscription": null,
            },
            "subscription_item_details": null,
            "type": "invoice_item_details",
        });
    }
    json!({
        "invoice_item_details": null,
        "subscription_item_details": {
            "invoice_item": null,
            "proration": line.proration,
            "proration_details": credited,
            "subscription": subscription,
            "subscription_item": line.item,
        },
        "type": "subscription_item_details",
    })
}

fn skeleton(account: &Account, draft: &Draft, customer: &Value, subscription: &Value) -> Value {
    let now = account.now();
    let parent = subscription.maybe("id").map(|id| {
        json!({
            "quote_details": null,
            "subscription_details": { "metadata": subscription.get("metadata"), "subscription": id },
            "type": "subscription_details",
        })
    });
    let days = subscription.maybe_int("days_until_due");
    json!({
        "id": draft.id,
        "object": "invoice",
        "account_country": "US",
        "account_name": "Billhook sandbox",
        "account_tax_ids": null,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_shipping": 0,
        "application": null,
        "attempt_count": 0,
        "attempted": false,
        "auto_advance": true,
        "automatic_tax": { "disabled_reason": null, "enabled": false, "liability": null, "provider": null, "status": null },
        "automatically_finalizes_at": null,
        "billing_reason": draft.reason,
        "collection_method": subscription.maybe("collection_method").unwrap_or("charge_automatically"),
        "created": now,
        "currency": draft.currency,
        "custom_fields": null,
        "customer": draft.customer,
        "customer_account": null,
        "customer_address": customer.get("address"),
        "customer_email": customer.get("email"),
        "customer_name": customer.get("name"),
        "customer_phone": customer.get("phone"),
        "customer_shipping": customer.get("shipping"),
        "customer_tax_exempt": customer.get("tax_exempt"),
        "customer_tax_ids": [],
        "default_payment_method": null,
        "default_source": null,
        "default_tax_rates": [],
        "description": null,
        "discounts": draft.discounts,
        "due_date": days.map(|days| now + days * 86_400),
        "effective_at": null,
        "ending_balance": null,
        "footer": null,
        "from_invoice": null,
        "hosted_invoice_url": null,
        "invoice_pdf": null,
        "issuer": { "type": "self" },
        "last_finalization_error": null,
        "latest_revision": null,
        "livemode": false,
        "metadata": {},
        "next_payment_attempt": null,
        "number": null,
        "on_behalf_of": null,
        "parent": parent,
        "payment_settings": { "default_mandate": null, "payment_method_options": null, "payment_method_types": null },
        "period_end": draft.period.1,
        "period_start": draft.period.0,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "receipt_number": null,
        "rendering": null,
        "shipping_cost": null,
        "shipping_details": null,
        "starting_balance": 0,
        "statement_descriptor": null,
        "status": "draft",
        "status_transitions": { "finalized_at": null, "marked_uncollectible_at": null, "paid_at": null, "voided_at": null },
        "test_clock": customer.get("test_clock"),
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
        "webhooks_delivered_at": now,
    })
}
