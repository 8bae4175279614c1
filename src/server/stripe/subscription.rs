//! Reading Stripe's subscription: from an answer with what it points to, and from an event as it is.

use std::collections::HashMap;

use domain::invoice::Invoice;
use domain::organization::{OrganizationId, UserId};
use domain::payment_method::PaymentMethod;
use domain::subscription::{NextTerms, PendingChange, Status, Subscription};
use domain::time::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::objects::{Reference, metadata, read_payment_method};

/// What an answer says at once: the subscription, and what is shown beside it.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The subscription.
    pub subscription: Subscription,
    /// Its latest invoice; where that does not say whether the last period of an ended one was paid, the latest page of
    /// them, if it was asked for alone.
    pub invoices: Vec<Invoice>,
    /// What it is paid with.
    pub payment_method: Option<PaymentMethod>,
}

/// What an answer must bring along.
pub(super) const EXPAND: [&str; 4] =
    ["latest_invoice", "default_payment_method", "customer.invoice_settings.default_payment_method", "schedule"];

#[derive(Debug, Deserialize)]
pub(super) struct StripeSubscription {
    id: String,
    customer: Value,
    status: String,
    created: i64,
    #[serde(default)]
    cancel_at_period_end: bool,
    cancel_at: Option<i64>,
    canceled_at: Option<i64>,
    ended_at: Option<i64>,
    cancellation_details: Option<CancellationDetails>,
    trial_start: Option<i64>,
    trial_end: Option<i64>,
    #[serde(default)]
    livemode: bool,
    #[serde(default)]
    metadata: HashMap<String, String>,
    items: Items,
    #[serde(default)]
    latest_invoice: Value,
    #[serde(default)]
    default_payment_method: Value,
    #[serde(default)]
    schedule: Value,
    pending_update: Option<PendingUpdate>,
}

#[derive(Debug, Deserialize)]
struct CancellationDetails {
    reason: Option<String>,
}

impl CancellationDetails {
    fn is_payment_failure(&self) -> bool {
        self.reason.as_deref() == Some("payment_failed")
    }
}

#[derive(Debug, Deserialize)]
struct Items {
    data: Vec<Item>,
}

#[derive(Debug, Deserialize)]
struct Item {
    id: String,
    price: Reference,
    quantity: Option<u32>,
    current_period_start: i64,
    current_period_end: i64,
}

#[derive(Debug, Deserialize)]
struct PendingUpdate {
    expires_at: i64,
    subscription_items: Option<Vec<PendingItem>>,
}

#[derive(Debug, Deserialize)]
struct PendingItem {
    price: Reference,
    quantity: Option<u32>,
}

#[derive(Debug, Deserialize)]
struct Schedule {
    #[serde(default)]
    phases: Vec<Phase>,
    current_phase: Option<CurrentPhase>,
}

#[derive(Debug, Deserialize)]
struct CurrentPhase {
    end_date: i64,
}

#[derive(Debug, Deserialize)]
struct Phase {
    start_date: i64,
    items: Vec<PhaseItem>,
}

#[derive(Debug, Deserialize)]
struct PhaseItem {
    price: Reference,
    quantity: Option<u32>,
}

/// A subscription that we cannot mirror.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    #[error("the subscription cannot be read: {0}")]
    Shape(#[from] serde_json::Error),
    #[error("subscription {0} has no item")]
    NoItem(String),
    #[error("subscription {0} has the status `{1}`, which this version does not know")]
    UnknownStatus(String, String),
}

/// Reads a subscription as an answer or an event has it.
pub(super) fn read(object: Value) -> Result<Fetched, Unusable> {
    serde_json::from_value::<StripeSubscription>(object)?.read()
}

impl StripeSubscription {
    fn read(self) -> Result<Fetched, Unusable> {
        let Some(item) = self.items.data.into_iter().next() else {
            return Err(Unusable::NoItem(self.id));
        };
        let Some(status) = Status::parse(&self.status) else {
            return Err(Unusable::UnknownStatus(self.id, self.status));
        };
        let from_metadata = |key: &str| self.metadata.get(key).cloned();
        let customers_own = self.customer.pointer("/invoice_settings/default_payment_method");
        let payment_method =
            read_payment_method(&self.default_payment_method).or_else(|| customers_own.and_then(read_payment_method));
        let subscription = Subscription {
            organization: from_metadata(metadata::ORGANIZATION).map(OrganizationId),
            buyer: from_metadata(metadata::USER).map(UserId),
            id: self.id,
            customer: id_of(&self.customer).unwrap_or_default(),
            status,
            item: item.id,
            price: item.price.into_id(),
            quantity: item.quantity.unwrap_or(1),
            created: Timestamp(self.created),
            period_start: Timestamp(item.current_period_start),
            period_end: Timestamp(item.current_period_end),
            cancel_at_period_end: self.cancel_at_period_end,
            cancel_at: self.cancel_at.map(Timestamp),
            canceled_at: self.canceled_at.map(Timestamp),
            ended_at: self.ended_at.map(Timestamp),
            trial_start: self.trial_start.map(Timestamp),
            trial_end: self.trial_end.map(Timestamp),
            // Stripe gave up on the payment: it counts where the invoice of the period is not known.
            past_due_at: self
                .cancellation_details
                .filter(CancellationDetails::is_payment_failure)
                .and(self.ended_at)
                .map(Timestamp),
            schedule: id_of(&self.schedule),
            next: next_terms(&self.schedule),
            pending: self.pending_update.and_then(pending_change),
            period_paid: None,
            dispute: None,
            livemode: self.livemode,
        };
        let invoices = super::invoice::read(self.latest_invoice).into_iter().collect();
        Ok(Fetched { subscription, invoices, payment_method })
    }
}

/// The id in a field that holds it, or the whole object.
pub(super) fn id_of(value: &Value) -> Option<String> {
    match value {
        Value::String(id) => Some(id.clone()),
        other => other.get("id").and_then(Value::as_str).map(str::to_owned),
    }
}

/// What the phase after the present one brings, where the schedule was expanded.
fn next_terms(schedule: &Value) -> Option<NextTerms> {
    let schedule: Schedule = serde_json::from_value(schedule.clone()).ok()?;
    let ends = schedule.current_phase?.end_date;
    let phase = schedule.phases.into_iter().find(|phase| phase.start_date >= ends)?;
    let item = phase.items.into_iter().next()?;
    Some(NextTerms {
        price: item.price.into_id(),
        quantity: item.quantity.unwrap_or(1),
        at: Timestamp(phase.start_date),
    })
}

fn pending_change(pending: PendingUpdate) -> Option<PendingChange> {
    let item = pending.subscription_items?.into_iter().next()?;
    Some(PendingChange {
        price: item.price.into_id(),
        quantity: item.quantity.unwrap_or(1),
        expires_at: Timestamp(pending.expires_at),
    })
}
