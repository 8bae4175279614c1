//! What all of Stripe's objects have in common, and the small ones.
//!
//! One tolerant reading: only the fields that decide something, unknown fields and unknown values kept out of the way,
//! so that a new API version or an added field never stops an event. A missing field is an error with its path.

use std::collections::HashMap;

use domain::organization::OrganizationId;
use domain::payment_method::PaymentMethod;
use serde::Deserialize;
use serde_json::Value;

/// Keys that we set on what we create at Stripe.
pub(super) mod metadata {
    /// The organization that is billed.
    pub const ORGANIZATION: &str = "organization";
    /// The person who bought.
    pub const USER: &str = "user";
    /// The plan, for people who read Stripe's dashboard.
    pub const PLAN: &str = "plan";
    /// The intent that a checkout session was opened for.
    pub const CHECKOUT: &str = "checkout";
    /// The pack, for people who read Stripe's dashboard.
    pub const PACK: &str = "pack";
    /// The intent that a pack was bought by.
    pub const PURCHASE: &str = "purchase";
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
pub(super) struct StripeSession {
    pub(super) id: String,
    pub(super) url: Option<String>,
    status: Option<String>,
    client_reference_id: Option<String>,
    subscription: Option<Reference>,
    payment_status: Option<String>,
    #[serde(default)]
    metadata: Option<HashMap<String, String>>,
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
    /// Whether nothing is left to be paid.
    pub paid: bool,
    /// The intent, where a pack was bought.
    pub purchase: Option<String>,
}

impl From<StripeSession> for FinishedSession {
    fn from(session: StripeSession) -> Self {
        Self {
            paid: is_paid(session.payment_status.as_deref()),
            purchase: session.metadata.and_then(|mut metadata| metadata.remove(metadata::PURCHASE)),
            complete: session.status.as_deref() == Some("complete"),
            organization: session.client_reference_id.map(OrganizationId),
            subscription: session.subscription.map(Reference::into_id),
            id: session.id,
        }
    }
}

/// Whether a session's `payment_status` says that nothing is left to be paid.
pub(super) fn is_paid(payment_status: Option<&str>) -> bool {
    matches!(payment_status, Some("paid" | "no_payment_required"))
}

#[derive(Debug, Deserialize)]
pub(super) struct WithId {
    pub(super) id: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct WithUrl {
    pub(super) url: String,
}

/// A list's page.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    pub(super) data: Vec<Value>,
    #[serde(default)]
    pub(super) has_more: bool,
}

/// A payment method, where it was expanded. One that was detached from its customer pays nothing any more.
pub(super) fn read_payment_method(object: &Value) -> Option<PaymentMethod> {
    if object.get("customer") == Some(&Value::Null) {
        return None;
    }
    let kind = object.get("type")?.as_str()?;
    let detail = object.get(kind);
    let text = |field: &str| detail.and_then(|detail| detail.get(field)).and_then(Value::as_str).map(str::to_owned);
    let number = |field: &str| {
        detail.and_then(|detail| detail.get(field)).and_then(Value::as_u64).and_then(|value| u32::try_from(value).ok())
    };
    Some(PaymentMethod {
        kind: kind.to_owned(),
        brand: text("brand"),
        last4: text("last4"),
        expires: number("exp_month").zip(number("exp_year")),
    })
}
