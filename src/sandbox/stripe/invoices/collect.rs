//! Finalizing invoices and collecting their money.

use serde_json::{Value, json};

use super::{PAYMENT, payment_object, subscription, transition};
use crate::json::Json;
use crate::stripe::account::Account;
use crate::stripe::error::ApiError;
use crate::stripe::payments::{self, Payment};
use crate::stripe::{customers, subscriptions};

/// When a failed renewal is tried again.
const RETRY_AFTER: i64 = 3 * 86_400;

/// Gives a draft its number, settles it against the customer's balance and opens it.
pub(crate) fn finalize(account: &mut Account, mut invoice: Value) -> Value {
    let now = account.now();
    let customer = invoice.text("customer").to_owned();
    invoice.set("number", next_number(account, &customer));
    apply_balance(account, &customer, &mut invoice);
    let id = invoice.text("id");
    let url = format!("{}/i/{id}", account.base_url());
    invoice.set("invoice_pdf", format!("{url}/pdf"));
    invoice.set("hosted_invoice_url", url);
    invoice.set("status", "open");
    invoice.set("effective_at", now);
    transition(&mut invoice, "finalized_at", now);
    account.announce(&invoice, "invoice.finalized");
    invoice
}

fn next_number(account: &mut Account, customer: &str) -> String {
    let Some(mut customer) = account.get("customer", customer).cloned() else {
        return "DRAFT".to_owned();
    };
    let sequence = customer.int("next_invoice_sequence");
    customer.set("next_invoice_sequence", sequence + 1);
    account.save(&customer);
    format!("{}-{sequence:04}", customer.text("invoice_prefix"))
}

/// A credit balance (negative) pays first; a negative total becomes credit.
fn apply_balance(account: &mut Account, customer: &str, invoice: &mut Value) {
    let Some(mut customer) = account.get("customer", customer).cloned() else {
        return;
    };
    let balance = customer.int("balance");
    let total = invoice.int("total");
    let due = (total + balance).max(0).min(total.max(0));
    let after = if total >= 0 { balance + (total - due) } else { balance + total };
    invoice.set("starting_balance", balance);
    invoice.set("ending_balance", after);
    invoice.set("amount_due", due);
    invoice.set("amount_remaining", due);
    if after != balance {
        customer.set("balance", after);
        account.update(&customer, "customer.updated");
    }
}

/// Collects an open invoice. A refusal leaves it open, announced and counted.
pub(crate) fn pay(
    account: &mut Account,
    mut invoice: Value,
    method: Option<String>,
    present: bool,
) -> Result<Value, ApiError> {
    if invoice.int("amount_due") == 0 {
        return Ok(paid(account, invoice, false));
    }
    let method = method.or_else(|| own_method(account, &invoice)).ok_or_else(no_method)?;
    let customer = invoice.text("customer").to_owned();
    let currency = invoice.text("currency").to_owned();
    let description = description(&invoice);
    let (intent, outcome) = payments::attempt(
        account,
        &Payment {
            customer: Some(&customer),
            method: &method,
            amount: invoice.int("amount_due"),
            currency: &currency,
            present,
            description: &description,
            metadata: json!({}),
        },
    );
    let payment = payment_object(account, &invoice, intent.text("id"), outcome.is_ok());
    account.save(&payment);
    match outcome {
        Ok(()) => Ok(paid(account, invoice, true)),
        Err(error) => {
            refused(account, &mut invoice, intent.text("status"));
            Err(error)
        }
    }
}

fn no_method() -> ApiError {
    ApiError::invalid("This customer has no attached payment source or default payment method. Please consider adding a default payment method. For more information, visit https://docs.stripe.com/billing/subscriptions/payment-methods-setting#payment-method-priority.")
        .code("resource_missing")
}

/// The invoice's, the subscription's or the customer's default payment method.
fn own_method(account: &Account, invoice: &Value) -> Option<String> {
    let of_subscription = || account.get("subscription", subscription(invoice)?)?.maybe("default_payment_method");
    invoice
        .maybe("default_payment_method")
        .or_else(of_subscription)
        .map(str::to_owned)
        .or_else(|| customers::default_payment_method(account, invoice.text("customer")))
}

fn description(invoice: &Value) -> String {
    match invoice.text("billing_reason") {
        "subscription_create" => "Subscription creation".to_owned(),
        "subscription_update" => "Subscription update".to_owned(),
        _ => format!("Payment for Invoice {}", invoice.text("number")),
    }
}

fn paid(account: &mut Account, mut invoice: Value, attempted: bool) -> Value {
    if attempted {
        invoice.set("attempt_count", invoice.int("attempt_count") + 1);
    }
    invoice.set("attempted", true);
    invoice.set("amount_paid", invoice.int("amount_due"));
    invoice.set("amount_remaining", 0);
    invoice.set("next_payment_attempt", Value::Null);
    invoice.set("status", "paid");
    transition(&mut invoice, "paid_at", account.now());
    account.announce(&invoice, "invoice.paid");
    account.announce(&invoice, "invoice.payment_succeeded");
    close_attempts(account, invoice.text("id"));
    subscriptions::invoice_paid(account, &invoice);
    invoice
}

/// Payments that failed before stay on record as canceled.
fn close_attempts(account: &mut Account, invoice: &str) {
    let open: Vec<Value> = account
        .data()
        .newest(PAYMENT)
        .filter(|payment| payment.text("invoice") == invoice && payment.text("status") == "open")
        .cloned()
        .collect();
    for mut payment in open {
        payment.set("status", "canceled");
        payment.set("is_default", false);
        account.save(&payment);
    }
}

fn refused(account: &mut Account, invoice: &mut Value, intent_status: &str) {
    invoice.set("attempted", true);
    invoice.set("attempt_count", invoice.int("attempt_count") + 1);
    if invoice.text("billing_reason") != "subscription_create" {
        invoice.set("next_payment_attempt", account.now() + RETRY_AFTER);
    }
    account.announce(invoice, "invoice.payment_failed");
    if intent_status == "requires_action" {
        account.announce(invoice, "invoice.payment_action_required");
    }
    subscriptions::invoice_refused(account, invoice);
}

/// Marks an invoice as paid without a payment.
pub(super) fn settle_out_of_band(account: &mut Account, invoice: Value) -> Value {
    paid(account, invoice, false)
}
