//! Reading Stripe's events: the envelope, and what an event is about.
//!
//! Nothing but the id must be there. Everything else that is missing or new makes an event about nothing, or one that
//! only says where to look; it is stored all the same.

use domain::invoice::Invoice;
use domain::news::{Kind, News};
use domain::time::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::charge::{self, purchase};
use super::objects::is_paid;
use super::subscription::{self, id_of};

/// An event's envelope, and what it is about.
#[derive(Clone, Debug)]
pub struct Event {
    /// Stripe's id, `evt_…`.
    pub id: String,
    /// Its type, for example `customer.subscription.updated`.
    pub kind: String,
    /// When Stripe made it.
    pub created: Timestamp,
    /// Whether real money is behind it.
    pub livemode: bool,
    /// The connected account that it belongs to, where it is not our own.
    pub account: Option<String>,
    /// What it is about.
    pub subject: Subject,
}

/// What an event is about.
#[derive(Clone, Debug)]
pub enum Subject {
    /// What happened to a subscription, and how it was after it.
    Subscription(Box<News>),
    /// Something happened to this subscription that we cannot read: it says where to look.
    Look(String),
    /// An invoice, and the subscription that it bills.
    Invoice(Box<InvoiceNews>),
    /// This checkout session was completed, and made this subscription if it was one.
    CheckoutCompleted {
        /// The session.
        session: String,
        /// The subscription.
        subscription: Option<String>,
    },
    /// A pack was paid: the intent that it was bought by.
    PurchasePaid(String),
    /// This checkout session can no longer be paid.
    CheckoutExpired(String),
    /// A payment was disputed, or the dispute is over.
    Dispute(DisputeNews),
    /// Money of this charge went back, or a refund of it did not go through.
    Refund(String),
    /// What this customer pays with may have changed.
    PaymentMethod(String),
    /// The customer is no more.
    CustomerDeleted(String),
    /// Nothing that we keep.
    Nothing,
}

/// What happened to an invoice.
#[derive(Clone, Debug)]
pub struct InvoiceNews {
    /// When Stripe made the event.
    pub created: Timestamp,
    /// The invoice, where it can be read.
    pub invoice: Option<Invoice>,
    /// The subscription that it bills.
    pub subscription: Option<String>,
    /// What must be true of the subscription because of it.
    pub implies: Implies,
    /// The intent of a pack that it was paid for, where it bills one and no subscription.
    pub purchase: Option<String>,
}

/// What an invoice's event says of its subscription, without being about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Implies {
    /// It was paid, so nothing is owed.
    Paid,
    /// A payment failed, so something is owed.
    Owing,
    /// Nothing.
    Nothing,
}

/// How a dispute stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisputeNews {
    /// Stripe's id, `du_…` or `dp_…`.
    pub id: String,
    /// The charge that is disputed.
    pub charge: String,
    /// Stripe's word for how it stands.
    pub status: String,
    /// When it was opened.
    pub opened: Timestamp,
}

#[derive(Deserialize)]
struct Envelope {
    id: String,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    created: Value,
    #[serde(default)]
    livemode: bool,
    #[serde(default)]
    account: Value,
    #[serde(default)]
    data: Data,
}

#[derive(Default, Deserialize)]
struct Data {
    #[serde(default)]
    object: Value,
    #[serde(default)]
    previous_attributes: Value,
}

/// What of an event is kept beside its body. Reading what it is about is left to who acts on it.
#[derive(Clone, Debug, Deserialize)]
pub struct Head {
    /// Stripe's id, `evt_…`.
    pub id: String,
    /// Its type.
    #[serde(rename = "type", default)]
    pub kind: String,
    #[serde(default)]
    created: Value,
    /// Whether real money is behind it.
    #[serde(default)]
    pub livemode: bool,
}

impl Head {
    /// Reads it from the raw body. Control characters in a name are refused here: PostgreSQL has no place for all of
    /// them, and one refused event would take those that are stored with it along.
    pub fn read(body: &str) -> Result<Self, serde_json::Error> {
        let head: Self = serde_json::from_str(body)?;
        if head.id.is_empty() || [&head.id, &head.kind].into_iter().any(|name| name.contains(char::is_control)) {
            return Err(serde::de::Error::custom("it has no usable id or type"));
        }
        Ok(head)
    }

    /// When Stripe made the event.
    pub fn created(&self) -> Timestamp {
        Timestamp(self.created.as_i64().unwrap_or_default())
    }
}

impl Event {
    /// Reads an event from its raw body.
    pub fn read(body: &str) -> Result<Self, serde_json::Error> {
        let envelope: Envelope = serde_json::from_str(body)?;
        let created = Timestamp(envelope.created.as_i64().unwrap_or_default());
        Ok(Self {
            subject: subject(&envelope.kind, created, envelope.data).unwrap_or(Subject::Nothing),
            id: envelope.id,
            kind: envelope.kind,
            created,
            livemode: envelope.livemode,
            account: envelope.account.as_str().map(str::to_owned),
        })
    }
}

fn subject(kind: &str, created: Timestamp, data: Data) -> Option<Subject> {
    let object = &data.object;
    let own = id_of(object)?;
    Some(match kind {
        "checkout.session.completed" | "checkout.session.async_payment_succeeded" if purchase(object).is_some() => {
            // One that is paid later tells again when it is.
            let paid = is_paid(object.get("payment_status").and_then(Value::as_str));
            Subject::PurchasePaid(purchase(object).filter(|_| paid)?)
        }
        "checkout.session.completed" | "checkout.session.async_payment_succeeded" => {
            Subject::CheckoutCompleted { session: own, subscription: object.get("subscription").and_then(id_of) }
        }
        "checkout.session.async_payment_failed" => Subject::Look(object.get("subscription").and_then(id_of)?),
        "checkout.session.expired" => Subject::CheckoutExpired(own),
        "customer.deleted" => Subject::CustomerDeleted(own),
        "customer.updated" if data.previous_attributes.get("invoice_settings").is_some() => Subject::PaymentMethod(own),
        "payment_method.automatically_updated" | "payment_method.updated" | "payment_method.detached" => {
            let before = data.previous_attributes.get("customer");
            Subject::PaymentMethod(object.get("customer").and_then(id_of).or_else(|| before.and_then(id_of))?)
        }
        "charge.dispute.created" | "charge.dispute.updated" | "charge.dispute.closed" => {
            Subject::Dispute(dispute(own, object)?)
        }
        "charge.refunded" => Subject::Refund(own),
        "refund.failed" => Subject::Refund(object.get("charge").and_then(id_of)?),
        // One that was canceled gives nothing back either.
        "refund.updated" if charge::went_back(object) == 0 => Subject::Refund(object.get("charge").and_then(id_of)?),
        // An event names the method and does not say what it is.
        "customer.subscription.updated" if data.previous_attributes.get("default_payment_method").is_some() => {
            Subject::Look(own)
        }
        _ if kind.starts_with("customer.subscription.") => news(kind, own, created, data),
        _ if kind.starts_with("subscription_schedule.") => Subject::Look(scheduled(object)?),
        _ if kind.starts_with("invoice.") => invoice_news(kind, created, object),
        _ => return None,
    })
}

fn news(kind: &str, own: String, created: Timestamp, data: Data) -> Subject {
    let kind = match kind {
        "customer.subscription.created" => Kind::Created,
        "customer.subscription.updated" => {
            let mut before = data.object.clone();
            merge(&mut before, data.previous_attributes);
            match subscription::read(before) {
                Ok(before) => Kind::Changed(Box::new(before.subscription)),
                Err(_) => Kind::Mentioned,
            }
        }
        _ => Kind::Mentioned,
    };
    match subscription::read(data.object) {
        Ok(after) => Subject::Subscription(Box::new(News { created, kind, after: after.subscription })),
        Err(_) => Subject::Look(own),
    }
}

/// Puts what Stripe says was there before over what is there now: objects field by field, arrays whole.
fn merge(now: &mut Value, before: Value) {
    match (now, before) {
        (Value::Object(now), Value::Object(before)) => {
            for (field, value) in before {
                merge(now.entry(field).or_insert(Value::Null), value);
            }
        }
        (now, before) => *now = before,
    }
}

fn invoice_news(kind: &str, created: Timestamp, object: &Value) -> Subject {
    let implies = match kind {
        "invoice.paid" | "invoice.payment_succeeded" => Implies::Paid,
        "invoice.payment_failed" | "invoice.payment_action_required" | "invoice.finalization_failed" => Implies::Owing,
        _ => Implies::Nothing,
    };
    let subscription = object.get("parent").and_then(super::invoice::subscription_of);
    let paid = implies == Implies::Paid && object.get("status").and_then(Value::as_str) == Some("paid");
    Subject::Invoice(Box::new(InvoiceNews {
        created,
        // An upcoming invoice does not exist yet.
        invoice: super::invoice::read(object.clone()).ok().filter(|_| kind != "invoice.upcoming"),
        purchase: purchase(object).filter(|_| paid && subscription.is_none()),
        subscription,
        implies,
    }))
}

fn dispute(id: String, object: &Value) -> Option<DisputeNews> {
    Some(DisputeNews {
        id,
        charge: object.get("charge").and_then(id_of)?,
        status: object.get("status").and_then(Value::as_str).unwrap_or_default().to_owned(),
        opened: Timestamp(object.get("created").and_then(Value::as_i64).unwrap_or_default()),
    })
}

/// The subscription of a schedule; one that was released names it elsewhere.
fn scheduled(schedule: &Value) -> Option<String> {
    let of = |field: &str| schedule.get(field).and_then(id_of);
    of("subscription").or_else(|| of("released_subscription"))
}
