//! Payment methods: test cards, attached to customers.

use serde_json::{Value, json};

use super::account::Account;
use super::cards::{Behaviour, Card};
use super::error::ApiError;
use super::routes::{Call, Route, apply_metadata, get, post};
use super::{customers, list};
use crate::calendar;
use crate::ids;
use crate::json::{Json, merge};

/// Which test card a payment method is.
const CARD: &str = "_card";

pub(crate) const ROUTES: &[Route] = &[
    get("/v1/payment_methods", "@list customer type allow_redisplay", all),
    post(
        "/v1/payment_methods",
        "type!=card card{number exp_month:int exp_year:int cvc token networks:any} billing_details:any \
         metadata:map allow_redisplay=always|limited|unspecified",
        create,
    ),
    get("/v1/payment_methods/{id}", "", retrieve),
    post(
        "/v1/payment_methods/{id}",
        "billing_details:any metadata:map card{exp_month:int exp_year:int networks:any} \
         allow_redisplay=always|limited|unspecified",
        update,
    ),
    post("/v1/payment_methods/{id}/attach", "customer!", attach_call),
    post("/v1/payment_methods/{id}/detach", "", detach),
    get("/v1/customers/{id}/payment_methods", "@list type allow_redisplay", of_customer),
    get("/v1/customers/{id}/payment_methods/{method}", "", one_of_customer),
];

/// A card as a person types it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Which card it is.
    pub card: &'static Card,
    /// Month of expiry.
    pub exp_month: i64,
    /// Year of expiry.
    pub exp_year: i64,
}

impl Entry {
    /// Judges what was typed, with Stripe's sentences.
    pub(crate) fn read(number: &str, exp_month: i64, exp_year: i64, cvc: &str, now: i64) -> Result<Self, ApiError> {
        let digits: String = number.chars().filter(char::is_ascii_digit).collect();
        let card = Card::by_number(&digits).ok_or_else(|| {
            ApiError::card("incorrect_number", None, "Your card number is incorrect. Use one of the test cards.")
                .param("number")
        })?;
        let (year, month) = calendar::year_month(now);
        if !(1..=12).contains(&exp_month) {
            return Err(ApiError::card("invalid_expiry_month", None, "Your card's expiration month is invalid.")
                .param("exp_month"));
        }
        if (exp_year, exp_month) < (year, month) || exp_year > year + 50 {
            return Err(ApiError::card(
                "invalid_expiry_year",
                None,
                "Your card's expiration date is in the past or invalid.",
            )
            .param("exp_year"));
        }
        let plausible = (3..=4).contains(&cvc.len()) && cvc.chars().all(|c| c.is_ascii_digit());
        if !plausible {
            return Err(ApiError::card("invalid_cvc", None, "Your card's security code is invalid.").param("cvc"));
        }
        Ok(Self { card, exp_month, exp_year })
    }

    /// A card that will not expire soon.
    pub(crate) fn fresh(card: &'static Card, now: i64) -> Self {
        Self { card, exp_month: 12, exp_year: calendar::year_month(now).0 + 5 }
    }
}

/// Saves a new payment method; with a customer it is announced as attached.
pub(crate) fn save(account: &mut Account, entry: &Entry, customer: Option<&str>, billing: &Value) -> Value {
    let mut details = json!({
        "address": { "city": null, "country": null, "line1": null, "line2": null, "postal_code": null, "state": null },
        "email": null,
        "name": null,
        "phone": null,
        "tax_id": null,
    });
    merge(&mut details, billing.clone());
    let method = json!({
        "id": ids::new("pm_"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": details,
        "card": entry.card.details(entry.exp_month, entry.exp_year),
        "created": account.now(),
        "customer": customer,
        "customer_account": null,
        "livemode": false,
        "metadata": {},
        "type": "card",
    });
    account.note(CARD, method.text("id"), json!({ "number": entry.card.number }));
    if customer.is_some() {
        account.create(&method, "payment_method.attached");
    } else {
        account.save(&method);
    }
    method
}

/// How payments with this method end.
pub(crate) fn behaviour(account: &Account, method: &str) -> Behaviour {
    account
        .get(CARD, method)
        .and_then(|note| Card::by_number(note.text("number")))
        .map_or(Behaviour::Succeeds, |card| card.behaviour)
}

/// Attaches a payment method (or a test card's id) to a customer.
pub(crate) fn attach(account: &mut Account, id: &str, customer: &str, param: &str) -> Result<Value, ApiError> {
    customers::existing(account, customer, "customer")?;
    if let Some(card) = Card::by_token(id) {
        refuse_declining(card)?;
        let entry = Entry::fresh(card, account.now());
        return Ok(save(account, &entry, Some(customer), &json!({})));
    }
    let mut method = account.find("payment_method", id, param)?;
    match method.maybe("customer") {
        Some(owner) if owner == customer => Ok(method),
        Some(_) => Err(ApiError::invalid("The payment method you provided has already been attached to a customer.")
            .code("payment_method_unexpected_state")),
        None => {
            method.set("customer", customer);
            account.announce(&method, "payment_method.attached");
            Ok(method)
        }
    }
}

fn refuse_declining(card: &Card) -> Result<(), ApiError> {
    match card.behaviour.decline(true) {
        Some(code) => Err(ApiError::card("card_declined", Some(code), super::cards::sentence(code))),
        None => Ok(()),
    }
}

fn create(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let card = call.params.get("card").ok_or_else(|| ApiError::missing_param("card"))?;
    let entry = match card.maybe("token") {
        Some(token) => {
            let card = Card::by_token(token).ok_or_else(|| ApiError::no_such("token", token, "card[token]"))?;
            Entry::fresh(card, account.now())
        }
        None => Entry::read(
            card.text("number"),
            card.int("exp_month"),
            card.int("exp_year"),
            card.maybe("cvc").unwrap_or("123"),
            account.now(),
        )?,
    };
    let billing = call.params.get("billing_details").cloned();
    let mut method = save(account, &entry, None, &billing.unwrap_or_else(|| json!({})));
    apply_metadata(&mut method, &call.params);
    account.save(&method);
    Ok(method)
}

fn retrieve(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    account.path("payment_method", call.id())
}

fn update(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let mut method = account.path("payment_method", call.id())?;
    for field in ["billing_details", "card"] {
        if let (Some(existing), Some(changes)) = (method.get_mut(field), call.params.get(field)) {
            merge(existing, changes.clone());
        }
    }
    apply_metadata(&mut method, &call.params);
    account.update(&method, "payment_method.updated");
    Ok(method)
}

fn attach_call(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    attach(account, call.id(), call.params.text("customer"), "id")
}

fn detach(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let mut method = account.path("payment_method", call.id())?;
    let Some(customer) = method.maybe("customer").map(str::to_owned) else {
        return Err(ApiError::invalid(
            "The payment method you provided is not attached to a customer so detachment is impossible.",
        ));
    };
    method.set("customer", Value::Null);
    account.update(&method, "payment_method.detached");
    if let Some(mut customer) = account.get("customer", &customer).cloned()
        && let Some(settings) = customer.get_mut("invoice_settings")
        && settings.maybe("default_payment_method") == Some(call.id())
    {
        settings.set("default_payment_method", Value::Null);
        account.update(&customer, "customer.updated");
    }
    Ok(method)
}

fn all(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    if call.params.get("customer").is_none() {
        return Err(ApiError::missing_param("customer"));
    }
    page(account, "/v1/payment_methods", &call.params)
}

fn of_customer(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    customers::existing(account, call.id(), "id")?;
    let mut params = call.params.clone();
    params.set("customer", call.id());
    let url = format!("/v1/customers/{}/payment_methods", call.id());
    page(account, &url, &params)
}

fn one_of_customer(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let id = call.ids.get(1).map_or("", String::as_str);
    let method = account.path("payment_method", id)?;
    if method.text("customer") == call.id() { Ok(method) } else { Err(ApiError::no_such("PaymentMethod", id, "id")) }
}

fn page(account: &Account, url: &str, params: &Value) -> Result<Value, ApiError> {
    list::page(account, "payment_method", url, params, |method| {
        list::matches(method, "customer", params) && list::matches(method, "type", params)
    })
}
