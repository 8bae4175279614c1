//! Finalizing invoices and collecting their money, again after three, five and seven days when it
//! is refused.

use serde_json::{Value, json};

use super::{build, keep_as_draft, payment_object, payments_of, subscription, transition, void};
use crate::json::Json;
use crate::stripe::account::Account;
use crate::stripe::error::ApiError;
use crate::stripe::payments::{self, About, Payment};
use crate::stripe::{customers, discounts, subscriptions};

const DAY: i64 = 86_400;
/// How long after each failed attempt the next one is made.
const RETRIES: [i64; 3] = [3 * DAY, 5 * DAY, 7 * DAY];

/// How an invoice is paid.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attempt {
    /// With what, if not with the default payment method.
    pub method: Option<String>,
    /// Whether the person is there to confirm.
    pub present: bool,
    /// Whether nobody asked for it: then a refusal leads to the next retry.
    pub automatic: bool,
    /// What is said about the payment, if not what an invoice says.
    pub about: Option<About>,
}

impl Attempt {
    /// An attempt that nobody asked for.
    pub(crate) fn automatic() -> Self {
        Self { automatic: true, ..Self::default() }
    }
}

/// Does with a draft what its subscription says: finalizes and pays it, sends it, or leaves it.
pub(crate) fn collect(account: &mut Account, invoice: Value) -> Result<Value, ApiError> {
    let paused = subscriptions::paused_collection(account, &invoice);
    if paused.as_deref() == Some("keep_as_draft") {
        return Ok(keep_as_draft(account, invoice));
    }
    let invoice = finalize(account, invoice);
    let id = invoice.text("id").to_owned();
    match paused.as_deref() {
        Some("void") => {
            void(account, &id);
            account.path("invoice", &id)
        }
        Some("mark_uncollectible") => Ok(super::give_up(account, invoice)),
        _ if invoice.text("collection_method") == "send_invoice" && invoice.int("amount_due") > 0 => {
            account.announce(&invoice, "invoice.sent");
            Ok(invoice)
        }
        _ => try_once(account, invoice),
    }
}

/// An attempt by itself; having nothing to pay with is a refusal like any other.
fn try_once(account: &mut Account, invoice: Value) -> Result<Value, ApiError> {
    pay(account, invoice.clone(), &Attempt::automatic()).inspect_err(|error| {
        if !error.is_saved() {
            refused(account, invoice, "requires_payment_method", true);
        }
    })
}

/// When an invoice goes on by itself: a draft is finalized, a payment tried.
pub(crate) fn due_at(invoice: &Value) -> Option<i64> {
    match invoice.text("status") {
        "draft" if invoice.flag("auto_advance") => invoice.maybe_int("automatically_finalizes_at"),
        "open" => invoice.maybe_int("next_payment_attempt"),
        _ => None,
    }
}

/// Finalizes a draft, or tries a payment once more.
pub(crate) fn go_on(account: &mut Account, invoice: Value) {
    if invoice.text("status") == "draft" {
        let _ = collect(account, invoice);
    } else if subscriptions::billed_has_ended(account, &invoice) {
        stop_collecting(account, invoice.text("id"));
    } else {
        let _ = try_once(account, invoice);
    }
}

/// Leaves an invoice that is not paid yet to whoever wants to pay it.
pub(crate) fn stop_collecting(account: &mut Account, id: &str) {
    if let Some(mut invoice) = account.get("invoice", id).cloned()
        && ["draft", "open"].contains(&invoice.text("status"))
    {
        invoice.set("auto_advance", false);
        invoice.set("next_payment_attempt", Value::Null);
        account.update(&invoice, "invoice.updated");
    }
}

/// Gives a draft its number, settles it against the customer's balance and opens it.
pub(crate) fn finalize(account: &mut Account, mut invoice: Value) -> Value {
    let customer = invoice.text("customer").to_owned();
    invoice.set("number", next_number(account, &customer));
    apply_balance(account, &customer, &mut invoice);
    open(account, invoice)
}

/// The same for what is about to be paid in full, which a credit balance does not touch.
pub(crate) fn finalize_in_full(account: &mut Account, mut invoice: Value) -> Value {
    invoice.set("number", next_number(account, invoice.text("customer")));
    open(account, invoice)
}

fn open(account: &mut Account, mut invoice: Value) -> Value {
    let now = account.now();
    let id = invoice.text("id");
    let url = format!("{}/i/{id}", account.base_url());
    invoice.set("automatically_finalizes_at", Value::Null);
    invoice.set("next_payment_attempt", Value::Null);
    invoice.set("invoice_pdf", format!("{url}/pdf"));
    invoice.set("hosted_invoice_url", url);
    invoice.set("status", "open");
    invoice.set("effective_at", now);
    transition(&mut invoice, "finalized_at", now);
    discounts::spend(account, &invoice);
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

fn apply_balance(account: &mut Account, customer: &str, invoice: &mut Value) {
    let Some(mut customer) = account.get("customer", customer).cloned() else {
        return;
    };
    let balance = customer.int("balance");
    let after = build::settle(invoice, balance);
    if after != balance {
        customer.set("balance", after);
        account.update(&customer, "customer.updated");
    }
}

/// Collects an open invoice. A refusal leaves it open, announced and counted.
pub(crate) fn pay(account: &mut Account, invoice: Value, attempt: &Attempt) -> Result<Value, ApiError> {
    if invoice.int("amount_due") == 0 {
        return Ok(paid(account, invoice, false));
    }
    let method = attempt.method.clone().or_else(|| own_method(account, &invoice)).ok_or_else(no_method)?;
    let customer = invoice.text("customer").to_owned();
    let currency = invoice.text("currency").to_owned();
    let about = attempt.about.clone().unwrap_or_else(|| about(&invoice));
    let (intent, outcome) = payments::attempt(
        account,
        &Payment {
            customer: Some(&customer),
            method: &method,
            amount: invoice.int("amount_due"),
            currency: &currency,
            present: attempt.present,
            about,
        },
    );
    let payment = payment_object(account, &invoice, intent.text("id"), outcome.is_ok());
    account.save(&payment);
    super::remember_payment(account, invoice.text("id"), payment.text("id"));
    match outcome {
        Ok(()) => Ok(paid(account, invoice, true)),
        Err(error) => {
            refused(account, invoice, intent.text("status"), attempt.automatic);
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

/// What the payment of an invoice says of itself.
fn about(invoice: &Value) -> About {
    let description = match invoice.text("billing_reason") {
        "subscription_create" => "Subscription creation".to_owned(),
        "subscription_update" => "Subscription update".to_owned(),
        _ => format!("Payment for Invoice {}", invoice.text("number")),
    };
    let future_usage = subscription(invoice).map(|_| "off_session".to_owned());
    About { description: Some(description), metadata: json!({}), future_usage, receipt_email: None }
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
    let open = payments_of(account, invoice).into_iter().filter(|payment| payment.text("status") == "open");
    for mut payment in open {
        payment.set("status", "canceled");
        payment.set("is_default", false);
        account.save(&payment);
    }
}

/// Stripe counts the first attempt and the automatic ones after it.
fn refused(account: &mut Account, mut invoice: Value, intent_status: &str, automatic: bool) {
    let count = invoice.int("attempt_count");
    let counts = automatic || count == 0;
    let alone = subscription(&invoice).is_none() && invoice.flag("auto_advance");
    let retried = automatic && (alone || subscriptions::retries(account, &invoice));
    invoice.set("attempted", true);
    if counts {
        invoice.set("attempt_count", count + 1);
    }
    if retried {
        let wait = usize::try_from(count).ok().and_then(|made| RETRIES.get(made));
        invoice.set("next_payment_attempt", wait.map(|wait| account.now() + wait));
    }
    account.announce(&invoice, "invoice.payment_failed");
    if intent_status == "requires_action" {
        account.announce(&invoice, "invoice.payment_action_required");
    }
    subscriptions::invoice_refused(account, &invoice);
    if retried && invoice.maybe_int("next_payment_attempt").is_none() {
        subscriptions::retries_used_up(account, &invoice);
    }
}

/// Marks an invoice as paid without a payment.
pub(super) fn settle_out_of_band(account: &mut Account, invoice: Value) -> Value {
    paid(account, invoice, false)
}
