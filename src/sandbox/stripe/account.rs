//! The Stripe account inside one transaction: finding, saving and announcing objects.
//!
//! Resources work on this and never on the store. An object's own `object` and `id` fields say where
//! it is kept; kinds that start with an underscore are the sandbox's private notes.

use serde_json::Value;

use super::error::ApiError;
use super::{events, subscriptions};
use crate::json::Json;
use crate::store::{Data, Due, Transaction};

/// The API version that this Stripe speaks.
pub(crate) const API_VERSION: &str = "2026-09-30.endive";

/// Who caused a change: an API request, or nobody (a page, the clock).
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    /// Id of the request.
    pub request: Option<String>,
    /// Its idempotency key.
    pub key: Option<String>,
}

/// The account, open for one transaction.
pub(crate) struct Account<'s> {
    tx: Transaction<'s>,
    origin: Origin,
    base_url: &'s str,
    now: i64,
    struck: Vec<String>,
}

impl<'s> Account<'s> {
    /// Opens the account at the sandbox's present time.
    pub(crate) fn new(tx: Transaction<'s>, origin: Origin, base_url: &'s str) -> Self {
        let now = tx.data().now();
        Self { tx, origin, base_url, now, struck: Vec::new() }
    }

    /// The sandbox clock, the same throughout the transaction.
    pub(crate) fn now(&self) -> i64 {
        self.now
    }

    /// The clock of the sandbox, whatever moment is being lived through.
    pub(crate) fn clock(&self) -> i64 {
        self.data().now()
    }

    /// Does something as if it were another moment.
    pub(crate) fn at<T>(&mut self, moment: i64, work: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.now, moment);
        let outcome = work(self);
        self.now = outer;
        outcome
    }

    /// Does something and takes all of it back: what would happen.
    pub(crate) fn imagine<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let mark = self.tx.mark();
        let outcome = work(self);
        self.tx.undo_to(mark);
        outcome
    }

    /// Notes that a payment of this customer was made to fail.
    pub(crate) fn strike(&mut self, customer: &str) {
        self.struck.push(customer.to_owned());
    }

    /// Whose payments were made to fail in this transaction.
    pub(crate) fn struck(&self) -> &[String] {
        &self.struck
    }

    /// Stops an object from wanting attention until it is written again.
    pub(crate) fn ignore(&mut self, due: &Due) {
        self.tx.ignore(due);
    }

    /// Root of the pages that this Stripe hosts.
    pub(crate) fn base_url(&self) -> &'s str {
        self.base_url
    }

    /// Who caused what happens now.
    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// All objects, for looking around.
    pub(crate) fn data(&self) -> &Data {
        self.tx.data()
    }

    /// An object, if it exists.
    pub(crate) fn get(&self, kind: &str, id: &str) -> Option<&Value> {
        self.data().get(kind, id)
    }

    /// A copy of an object whose id was given in `param`.
    pub(crate) fn find(&self, kind: &str, id: &str, param: &str) -> Result<Value, ApiError> {
        self.get(kind, id).cloned().ok_or_else(|| ApiError::no_such(noun(kind), id, param))
    }

    /// A copy of the object named in the path.
    pub(crate) fn path(&self, kind: &str, id: &str) -> Result<Value, ApiError> {
        self.find(kind, id, "id")
    }

    /// Writes a private note.
    pub(crate) fn note(&mut self, kind: &str, id: &str, value: Value) {
        self.tx.put(kind, id, value);
    }

    /// Removes an object or note.
    pub(crate) fn remove(&mut self, kind: &str, id: &str) {
        self.tx.remove(kind, id);
    }

    /// Saves an object without telling anybody.
    pub(crate) fn save(&mut self, object: &Value) {
        let (kind, id) = (object.text("object"), object.text("id"));
        self.tx.put(kind, id, object.clone());
        if kind == "subscription" {
            subscriptions::remind(self, object);
        }
    }

    /// Saves a new object and announces it.
    pub(crate) fn create(&mut self, object: &Value, event: &str) {
        self.save(object);
        events::emit(self, event, object, None);
    }

    /// Saves a changed object and announces what changed, if anything did.
    pub(crate) fn update(&mut self, object: &Value, event: &str) {
        let before = self.get(object.text("object"), object.text("id")).cloned();
        let previous = crate::json::previous_attributes(&before.unwrap_or_default(), object);
        if previous.as_object().is_some_and(|changed| !changed.is_empty()) {
            self.save(object);
            events::emit(self, event, object, Some(previous));
        }
    }

    /// Saves an object and announces a transition that carries no previous values.
    pub(crate) fn announce(&mut self, object: &Value, event: &str) {
        self.save(object);
        events::emit(self, event, object, None);
    }

    /// Moves the sandbox clock forward; this transaction keeps its own time.
    pub(crate) fn advance_clock(&mut self, seconds: i64) {
        self.tx.advance_clock(seconds);
    }

    /// Makes everything durable and visible.
    pub(crate) fn commit(self) -> Result<(), crate::Error> {
        self.tx.commit()
    }
}

/// Stripe's noun for a kind in "No such …".
fn noun(kind: &str) -> &str {
    match kind {
        "checkout.session" => "checkout.session",
        "billing_portal.configuration" => "configuration",
        "payment_method" => "PaymentMethod",
        "payment_intent" => "payment_intent",
        "webhook_endpoint" => "webhook endpoint",
        "promotion_code" => "promotion code",
        other => other,
    }
}
