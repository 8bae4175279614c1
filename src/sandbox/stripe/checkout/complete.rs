//! Completing a session: the customer, the payment method, then the subscription or the payment,
//! all in the transaction of the person's click.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::once;
use super::order::{self, Order};
use crate::json::{Json, merge};
use crate::stripe::account::Account;
use crate::stripe::cards::Card;
use crate::stripe::customers;
use crate::stripe::error::ApiError;
use crate::stripe::payment_methods::{self, Entry};
use crate::stripe::routes::apply_metadata;
use crate::stripe::subscriptions::{self, NewItem, NewSubscription};

/// What the person entered.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Buyer {
    /// E-mail address.
    #[serde(default)]
    pub email: String,
    /// Name on the card.
    #[serde(default)]
    pub name: String,
    /// Card number; empty when no card was asked for.
    #[serde(default)]
    pub number: String,
    /// Expiry as typed: `12/34`.
    #[serde(default)]
    pub expiry: String,
    /// Security code.
    #[serde(default)]
    pub cvc: String,
}

impl Buyer {
    /// The card, judged.
    pub(super) fn card(&self, now: i64) -> Result<Entry, ApiError> {
        let (month, year) = expiry(&self.expiry);
        Entry::read(&self.number, month, year, self.cvc.trim(), now)
    }

    fn details(&self) -> Value {
        let name = (!self.name.trim().is_empty()).then(|| self.name.trim());
        json!({ "email": self.email.trim(), "name": name })
    }
}

/// `12/34`, `12 / 2034` as month and year; zeros when it is neither.
pub(crate) fn expiry(text: &str) -> (i64, i64) {
    let (month, year) = text.split_once(['/', '-']).unwrap_or((text, ""));
    let number = |part: &str| part.trim().parse::<i64>().unwrap_or_default();
    let year = match number(year) {
        short @ 1..=99 => 2000 + short,
        long => long,
    };
    (number(month), year)
}

/// Whether the session needs a card at all.
pub(super) fn needs_card(session: &Value) -> bool {
    session.int("amount_total") > 0
        || (session.text("mode") == "subscription" && session.text("payment_method_collection") != "if_required")
}

/// Turns an open session into a complete one.
pub(super) fn complete(
    account: &mut Account,
    mut session: Value,
    buyer: &Buyer,
    entry: Option<&Entry>,
) -> Result<Value, ApiError> {
    let order = Order::load(account, session.text("id"))?;
    if let Some(entry) = entry {
        refuse_declining(entry.card)?;
    }
    let customer = customer(account, &session, &order, buyer);
    // A single payment leaves no card behind unless it was said that there will be more.
    let keeps = session.text("mode") == "subscription" || order.future_usage().is_some();
    let owner = customer.as_deref().filter(|_| keeps);
    let method = entry.map(|entry| payment_methods::save(account, entry, owner, &buyer.details()));
    let method = method.and_then(|method| method.maybe("id").map(str::to_owned));
    if session.text("mode") == "subscription" {
        subscribe(account, &mut session, &order, customer.as_deref(), method)?;
    } else {
        once::collect(account, &mut session, &order, customer.as_deref(), method)?;
    }
    let total = session.int("amount_total");
    session.set("payment_status", if total > 0 { "paid" } else { "no_payment_required" });
    session.set("status", "complete");
    session.set("url", Value::Null);
    session.set("customer", customer.as_deref());
    session.set("customer_details", details(buyer));
    account.announce(&session, "checkout.session.completed");
    Ok(session)
}

/// The bank says no before anything is created.
fn refuse_declining(card: &Card) -> Result<(), ApiError> {
    match card.behaviour.decline(true) {
        Some(code) => Err(ApiError::card("card_declined", Some(code), crate::stripe::cards::sentence(code))),
        None => Ok(()),
    }
}

fn details(buyer: &Buyer) -> Value {
    let mut details = json!({
        "address": { "city": null, "country": "US", "line1": null, "line2": null, "postal_code": null, "state": null },
        "business_name": null,
        "individual_name": null,
        "phone": null,
        "tax_exempt": "none",
        "tax_ids": [],
    });
    merge(&mut details, buyer.details());
    details
}

/// The session's customer, or a new one where the mode asks for one.
fn customer(account: &mut Account, session: &Value, order: &Order, buyer: &Buyer) -> Option<String> {
    if let Some(known) = session.maybe("customer") {
        complement(account, known, order, buyer);
        return Some(known.to_owned());
    }
    let wanted = session.text("mode") == "subscription"
        || session.text("customer_creation") == "always"
        || once::makes_invoice(session)
        || order.future_usage().is_some();
    if !wanted {
        return None;
    }
    let mut customer = customers::blank(account);
    merge(&mut customer, buyer.details());
    account.create(&customer, "customer.created");
    Some(customer.text("id").to_owned())
}

/// Adds an address that was not known, and the name when the session says so.
fn complement(account: &mut Account, id: &str, order: &Order, buyer: &Buyer) {
    let Some(mut customer) = account.get("customer", id).cloned() else {
        return;
    };
    let details = buyer.details();
    if customer.maybe("email").is_none() && customers::plausible(details.text("email")) {
        customer.set("email", details.text("email"));
    }
    if order.customer_update.text("name") == "auto"
        && let Some(name) = details.maybe("name")
    {
        customer.set("name", name);
    }
    account.update(&customer, "customer.updated");
}

fn subscribe(
    account: &mut Account,
    session: &mut Value,
    order: &Order,
    customer: Option<&str>,
    method: Option<String>,
) -> Result<(), ApiError> {
    let data = &order.subscription_data;
    let mut fields = json!({ "metadata": {} });
    apply_metadata(&mut fields, data);
    for name in ["description", "trial_settings", "billing_mode"] {
        if let Some(value) = data.get(name) {
            fields.set(name, value.clone());
        }
    }
    let (recurring, once): (Vec<&Value>, Vec<&Value>) = order.items.iter().partition(|item| order::recurs(item));
    let new = NewSubscription {
        customer: customer.unwrap_or_default().to_owned(),
        items: recurring.into_iter().map(new_item).collect(),
        once: once.into_iter().map(new_item).collect(),
        trial_end: order.trial_end(account.now()),
        anchor: data.maybe_int("billing_cycle_anchor"),
        method,
        discounts: order.source(account).into_iter().collect(),
        fields,
        present: true,
        payment_behavior: "error_if_incomplete".to_owned(),
        session: session.maybe("id").map(str::to_owned),
        ending: Value::Null,
    };
    let subscription = subscriptions::create(account, &new)?;
    session.set("subscription", subscription.text("id"));
    session.set("invoice", subscription.get("latest_invoice").cloned().unwrap_or_default());
    Ok(())
}

fn new_item(item: &Value) -> NewItem {
    NewItem {
        price: item.get("price").cloned().unwrap_or_default(),
        quantity: item.int("quantity"),
        metadata: item.get("metadata").cloned().unwrap_or_else(|| json!({})),
    }
}
