//! Reading Stripe's invoices and previews of them.

use domain::invoice::{Invoice, Status};
use domain::money::Currency;
use domain::time::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::subscription::id_of;

#[derive(Debug, Deserialize)]
struct StripeInvoice {
    id: String,
    customer: Value,
    status: String,
    number: Option<String>,
    currency: String,
    total: i64,
    #[serde(default)]
    amount_remaining: i64,
    #[serde(default)]
    attempt_count: u32,
    next_payment_attempt: Option<i64>,
    created: i64,
    hosted_invoice_url: Option<String>,
    invoice_pdf: Option<String>,
    #[serde(default)]
    parent: Value,
    #[serde(default)]
    lines: Value,
    billing_reason: Option<String>,
    period_end: Option<i64>,
}

/// An invoice that we cannot mirror.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    #[error("the invoice cannot be read: {0}")]
    Shape(#[from] serde_json::Error),
    #[error("invoice {0} has the status or currency `{1}`, which this version does not know")]
    Unknown(String, String),
}

/// Reads an invoice.
pub(super) fn read(object: Value) -> Result<Invoice, Unusable> {
    let invoice: StripeInvoice = serde_json::from_value(object)?;
    let Some(status) = Status::parse(&invoice.status) else {
        return Err(Unusable::Unknown(invoice.id, invoice.status));
    };
    let Ok(currency) = Currency::parse(&invoice.currency) else {
        return Err(Unusable::Unknown(invoice.id, invoice.currency));
    };
    Ok(Invoice {
        customer: id_of(&invoice.customer).unwrap_or_default(),
        subscription: subscription_of(&invoice.parent),
        bills_from: bills_from(&invoice),
        id: invoice.id,
        number: invoice.number,
        status,
        currency,
        total: invoice.total,
        remaining: invoice.amount_remaining,
        attempts: invoice.attempt_count,
        next_attempt: invoice.next_payment_attempt.map(Timestamp),
        created: Timestamp(invoice.created),
        hosted_url: invoice.hosted_invoice_url,
        pdf_url: invoice.invoice_pdf,
    })
}

/// The subscription that an invoice bills: since API 2025-03-31 it is in its `parent`.
pub(super) fn subscription_of(parent: &Value) -> Option<String> {
    parent.pointer("/subscription_details/subscription").and_then(id_of)
}

/// The start of the period that lines for a whole one are for: the latest, because what is billed by use is billed for
/// the period before it.
fn bills_from(invoice: &StripeInvoice) -> Option<Timestamp> {
    let lines = invoice.lines.get("data")?.as_array()?;
    let whole = |line: &&Value| {
        let proration = line.pointer("/parent/subscription_item_details/proration");
        proration.and_then(Value::as_bool) == Some(false)
    };
    let starts = lines.iter().filter(whole).filter_map(|line| line.pointer("/period/start")?.as_i64());
    starts.chain(renews_from(invoice)).max().map(Timestamp)
}

/// Only the first ten lines come with an invoice, and what changed in the period before stands in front. A renewal
/// collects what was added until the period that it bills begins.
fn renews_from(invoice: &StripeInvoice) -> Option<i64> {
    let is_cut = invoice.lines.get("has_more").and_then(Value::as_bool) == Some(true);
    let renews = invoice.billing_reason.as_deref() == Some("subscription_cycle");
    invoice.period_end.filter(|_| is_cut && renews)
}

/// What a change would cost: the invoice that it would make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// What is in it, in order.
    pub lines: Vec<PreviewLine>,
    /// The sum of the lines, after discounts and taxes, minor units.
    pub total: i64,
    /// What would be charged: the sum less the customer's credit, minor units.
    pub due: i64,
    /// What everything is in.
    pub currency: Currency,
}

impl Preview {
    /// Nothing is charged.
    pub fn of_nothing(currency: Currency) -> Self {
        Self { lines: Vec::new(), total: 0, due: 0, currency }
    }
}

/// A line of a preview.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewLine {
    /// What it is for.
    pub description: String,
    /// Minor units; negative for a credit.
    pub amount: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct StripePreview {
    total: i64,
    amount_due: i64,
    currency: String,
    lines: Lines,
}

#[derive(Debug, Deserialize)]
struct Lines {
    data: Vec<Line>,
}

#[derive(Debug, Deserialize)]
struct Line {
    description: Option<String>,
    amount: i64,
}

impl StripePreview {
    /// As we pass it on; the currency's own text where it is not one.
    pub(super) fn read(self) -> Result<Preview, String> {
        Ok(Preview {
            currency: Currency::parse(&self.currency).map_err(|error| error.to_string())?,
            total: self.total,
            due: self.amount_due,
            lines: self
                .lines
                .data
                .into_iter()
                .map(|line| PreviewLine { description: line.description.unwrap_or_default(), amount: line.amount })
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(proration: bool, start: i64) -> serde_json::Value {
        json!({
            "parent": { "subscription_item_details": { "proration": proration } },
            "period": { "start": start, "end": 2_000 },
        })
    }

    /// An invoice with ten lines, nine of them for changes of the period before, as Stripe sends it where there are
    /// more.
    fn cut(reason: &str, has_more: bool, tenth: &serde_json::Value) -> Option<Timestamp> {
        let mut lines = vec![line(true, 1_700); 9];
        lines.push(tenth.clone());
        let invoice = json!({
            "id": "in_1", "customer": "cus_1", "status": "paid", "currency": "usd", "total": 900, "created": 2_000,
            "billing_reason": reason, "period_start": 1_000, "period_end": 2_000,
            "lines": { "data": lines, "has_more": has_more },
        });
        read(invoice).expect("an invoice").bills_from
    }

    #[test]
    fn a_renewal_whose_own_line_was_cut_off_bills_from_the_end_of_what_it_collects() {
        let (change, used_before) = (line(true, 1_700), line(false, 1_000));
        assert_eq!(cut("subscription_cycle", true, &change), Some(Timestamp(2_000)));
        assert_eq!(cut("subscription_cycle", true, &used_before), Some(Timestamp(2_000)), "not what was used");
        assert_eq!(cut("subscription_cycle", false, &change), None, "all lines are there, none is for a whole period");
        assert_eq!(cut("subscription_update", true, &change), None);
    }
}
