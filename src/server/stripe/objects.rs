//! Stripe's objects as we read them, whether from an answer or from an event.
//!
//! One tolerant reading: only the fields that decide something, unknown fields and unknown values kept out of the way,
//! so that a new API version or an added field never stops an event. A missing field is an error with its path.

use std::collections::HashMap;

use domain::organization::{OrganizationId, UserId};
use domain::subscription::{Status, Subscription};
use domain::time::Timestamp;
use serde::Deserialize;

/// Keys that we set on what we create at Stripe.
pub(super) mod metadata {
    /// The organization that is billed.
    pub const ORGANIZATION: &str = "organization";
    /// The person who bought.
    pub const USER: &str = "user";
    /// The plan, for people who read Stripe's dashboard.
    pub const PLAN: &str = "plan";
    /// `individual` or `department`.
    pub const SUBSCRIPTION_TYPE: &str = "subscriptionType";
}

/// A field that holds an id, or the whole object where it was expanded.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Reference {
    Id(String),
    Object { id: String },
}

impl Reference {
    pub(super) fn into_id(self) -> String {
        match self {
            Self::Id(id) | Self::Object { id } => id,
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct StripeSubscription {
    id: String,
    customer: Reference,
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
    price: Price,
    quantity: Option<u32>,
    current_period_start: i64,
    current_period_end: i64,
}

#[derive(Debug, Deserialize)]
struct Price {
    id: String,
}

/// A subscription that we cannot mirror.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    #[error("subscription {0} has no item")]
    NoItem(String),
    #[error("subscription {0} has the status `{1}`, which this version does not know")]
    UnknownStatus(String, String),
}

impl TryFrom<StripeSubscription> for Subscription {
    type Error = Unusable;

    fn try_from(stripe: StripeSubscription) -> Result<Self, Unusable> {
        let Some(item) = stripe.items.data.into_iter().next() else {
            return Err(Unusable::NoItem(stripe.id));
        };
        let Some(status) = Status::parse(&stripe.status) else {
            return Err(Unusable::UnknownStatus(stripe.id, stripe.status));
        };
        let from_metadata = |key: &str| stripe.metadata.get(key).cloned();
        Ok(Self {
            organization: from_metadata(metadata::ORGANIZATION).map(OrganizationId),
            buyer: from_metadata(metadata::USER).map(UserId),
            id: stripe.id,
            customer: stripe.customer.into_id(),
            status,
            price: item.price.id,
            quantity: item.quantity.unwrap_or(1),
            created: Timestamp(stripe.created),
            period_start: Timestamp(item.current_period_start),
            period_end: Timestamp(item.current_period_end),
            cancel_at_period_end: stripe.cancel_at_period_end,
            cancel_at: stripe.cancel_at.map(Timestamp),
            canceled_at: stripe.canceled_at.map(Timestamp),
            ended_at: stripe.ended_at.map(Timestamp),
            trial_start: stripe.trial_start.map(Timestamp),
            trial_end: stripe.trial_end.map(Timestamp),
            // Stripe gave up on the payment: nothing was paid up to the end of the period, whatever we saw before.
            past_due_at: stripe
                .cancellation_details
                .filter(CancellationDetails::is_payment_failure)
                .and(stripe.ended_at)
                .map(Timestamp),
            livemode: stripe.livemode,
        })
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct StripeSession {
    pub(super) id: String,
    pub(super) url: Option<String>,
    status: Option<String>,
    client_reference_id: Option<String>,
    subscription: Option<Reference>,
}

/// A checkout session that we ask about after the customer comes back.
#[derive(Clone, Debug)]
pub struct FinishedSession {
    /// Stripe's id, `cs_…`.
    pub id: String,
    /// Whether it was paid (or needs no payment yet, in a trial).
    pub complete: bool,
    /// Whose it is: what we wrote into `client_reference_id`.
    pub organization: Option<OrganizationId>,
    /// The subscription that it made.
    pub subscription: Option<String>,
}

impl From<StripeSession> for FinishedSession {
    fn from(session: StripeSession) -> Self {
        Self {
            complete: session.status.as_deref() == Some("complete"),
            organization: session.client_reference_id.map(OrganizationId),
            subscription: session.subscription.map(Reference::into_id),
            id: session.id,
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct WithId {
    pub(super) id: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct WithUrl {
    pub(super) url: String,
}

/// An event's envelope, and what it is about.
#[derive(Clone, Debug)]
pub struct Event {
    /// Stripe's id, `evt_…`.
    pub id: String,
    /// Its type, for example `customer.subscription.updated`.
    pub kind: String,
    /// Whether real money is behind it.
    pub livemode: bool,
    /// What to look at because of it.
    pub subject: Subject,
}

/// What an event is about. An event is a hint: it says where to look, not what is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Something happened to this subscription.
    Subscription(String),
    /// This checkout session was completed, and made this subscription if it was one.
    CheckoutCompleted {
        /// The session.
        session: String,
        /// The subscription.
        subscription: Option<String>,
    },
    /// This checkout session can no longer be paid.
    CheckoutExpired(String),
    /// Nothing that changes a tier.
    Nothing,
}

#[derive(Deserialize)]
struct Envelope {
    id: String,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    livemode: bool,
    #[serde(default)]
    data: Data,
}

#[derive(Default, Deserialize)]
struct Data {
    #[serde(default)]
    object: serde_json::Value,
}

impl Event {
    /// Reads an event from its raw body. Only the id must be there: everything else that is missing or new makes an
    /// event about nothing, which is stored all the same.
    pub fn read(body: &str) -> Result<Self, serde_json::Error> {
        let envelope: Envelope = serde_json::from_str(body)?;
        let subject = subject(&envelope.kind, &envelope.data.object);
        Ok(Self { id: envelope.id, kind: envelope.kind, livemode: envelope.livemode, subject })
    }
}

fn subject(kind: &str, object: &serde_json::Value) -> Subject {
    let id = |object: &serde_json::Value| match object {
        serde_json::Value::String(id) => Some(id.clone()),
        other => other.get("id").and_then(serde_json::Value::as_str).map(str::to_owned),
    };
    let Some(own) = id(object) else { return Subject::Nothing };
    match kind {
        "checkout.session.completed" | "checkout.session.async_payment_succeeded" => {
            Subject::CheckoutCompleted { session: own, subscription: object.get("subscription").and_then(id) }
        }
        "checkout.session.expired" => Subject::CheckoutExpired(own),
        _ if kind.starts_with("customer.subscription.") => Subject::Subscription(own),
        _ if kind.starts_with("invoice.") => object
            .pointer("/parent/subscription_details/subscription")
            .and_then(id)
            .map_or(Subject::Nothing, Subject::Subscription),
        _ => Subject::Nothing,
    }
}
