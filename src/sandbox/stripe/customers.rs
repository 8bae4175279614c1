//! Customers: create, read, update, delete, list, search.

use serde_json::{Value, json};

use super::account::Account;
use super::error::ApiError;
use super::routes::{self, Call, Route, apply, apply_metadata, get, post};
use super::{list, payment_methods, subscriptions, test_clocks};
use crate::ids;
use crate::json::{Json, merge};

/// What is left of deleted customers.
pub(crate) const DELETED: &str = "_deleted_customer";

const FIELDS: &[&str] =
    &["address", "balance", "description", "email", "name", "phone", "preferred_locales", "shipping", "tax_exempt"];

const CREATE: &str = "address{city country line1 line2 postal_code state} balance:int business_name \
    cash_balance:any description email individual_name invoice_prefix \
    invoice_settings{custom_fields[]{name! value!} default_payment_method footer rendering_options:any} \
    metadata:map name next_invoice_sequence:int payment_method phone preferred_locales[] shipping:any \
    source tax:any tax_exempt?=none|exempt|reverse tax_id_data:any test_clock validate:bool";

const UPDATE: &str = "address{city country line1 line2 postal_code state} balance:int business_name \
    cash_balance:any default_source description email individual_name invoice_prefix \
    invoice_settings{custom_fields[]{name! value!} default_payment_method footer rendering_options:any} \
    metadata:map name next_invoice_sequence:int phone preferred_locales[] shipping:any \
    source tax:any tax_exempt?=none|exempt|reverse validate:bool";

pub(crate) const ROUTES: &[Route] = &[
    get("/v1/customers", "@list created:range email test_clock", all),
    get("/v1/customers/search", "query! limit:int page", search),
    post("/v1/customers", CREATE, create),
    get("/v1/customers/{id}", "", retrieve),
    post("/v1/customers/{id}", UPDATE, update),
    routes::delete("/v1/customers/{id}", "", remove),
];

/// A customer object with nothing known about the person.
pub(crate) fn blank(account: &Account) -> Value {
    json!({
        "id": ids::random("cus_", 14),
        "object": "customer",
        "address": null,
        "balance": 0,
        "created": account.now(),
        "currency": null,
        "customer_account": null,
        "default_source": null,
        "delinquent": false,
        "description": null,
        "discount": null,
        "email": null,
        "invoice_prefix": ids::random("", 8).to_uppercase(),
        "invoice_settings": {
            "custom_fields": null,
            "default_payment_method": null,
            "footer": null,
            "rendering_options": null,
        },
        "livemode": false,
        "metadata": {},
        "name": null,
        "next_invoice_sequence": 1,
        "phone": null,
        "preferred_locales": [],
        "shipping": null,
        "tax_exempt": "none",
        "test_clock": null,
    })
}

/// The customer whose id was given in `param`; a deleted one does not count.
pub(crate) fn existing(account: &Account, id: &str, param: &str) -> Result<Value, ApiError> {
    account.find("customer", id, param)
}

/// Refuses a list filter that names a customer who never was.
pub(crate) fn check_filter(account: &Account, params: &Value) -> Result<(), ApiError> {
    match params.maybe("customer") {
        Some(id) if account.get(DELETED, id).is_none() => existing(account, id, "customer").map(|_| ()),
        _ => Ok(()),
    }
}

/// The payment method that pays when neither invoice nor subscription names one.
pub(crate) fn default_payment_method(account: &Account, customer: &str) -> Option<String> {
    account.get("customer", customer)?.get("invoice_settings")?.maybe("default_payment_method").map(str::to_owned)
}

/// The customer's payment method that an id in `param` names.
pub(crate) fn own_method(account: &Account, customer: &str, method: &str, param: &str) -> Result<Value, ApiError> {
    let known = account.find("payment_method", method, param)?;
    if known.maybe("customer") == Some(customer) {
        return Ok(known);
    }
    Err(ApiError::invalid("The customer does not have a payment method with the ID given. The payment method must be attached to the customer.")
        .code("resource_missing")
        .param(param))
}

/// Remembers the currency of a customer who had none: the one in which they are billed.
pub(crate) fn remember_currency(account: &mut Account, customer: &str, currency: &str) {
    if let Some(mut customer) = account.get("customer", customer).cloned()
        && customer.maybe("currency").is_none()
    {
        customer.set("currency", currency);
        account.save(&customer);
    }
}

/// Makes a payment method the customer's default for invoices.
pub(crate) fn set_default_payment_method(account: &mut Account, customer: &str, method: &str) {
    if let Some(mut customer) = account.get("customer", customer).cloned() {
        if let Some(settings) = customer.get_mut("invoice_settings") {
            settings.set("default_payment_method", method);
        }
        account.update(&customer, "customer.updated");
    }
}

fn create(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let mut customer = blank(account);
    fill(account, &mut customer, &call.params)?;
    if let Some(clock) = call.params.maybe("test_clock") {
        account.find(test_clocks::KIND, clock, "test_clock")?;
        customer.set("test_clock", clock);
    }
    account.create(&customer, "customer.created");
    if let Some(method) = call.params.maybe("payment_method") {
        let id = customer.text("id").to_owned();
        let method = payment_methods::attach(account, method, &id, "payment_method")?;
        if call.params.get("invoice_settings").is_some() {
            set_default_payment_method(account, &id, method.text("id"));
        }
        return account.path("customer", &id);
    }
    Ok(customer)
}

fn fill(account: &Account, customer: &mut Value, params: &Value) -> Result<(), ApiError> {
    if let Some(email) = params.maybe("email")
        && !plausible(email)
    {
        return Err(ApiError::invalid(format!("Invalid email address: {email}")).code("email_invalid").param("email"));
    }
    apply(customer, params, FIELDS);
    apply_metadata(customer, params);
    if let Some(settings) = params.get("invoice_settings") {
        let method = settings.maybe("default_payment_method");
        if let Some(method) = method.filter(|_| params.get("payment_method").is_none()) {
            own_method(account, customer.text("id"), method, "invoice_settings[default_payment_method]")?;
        }
        if let Some(existing) = customer.get_mut("invoice_settings") {
            merge(existing, settings.clone());
        }
    }
    Ok(())
}

/// Whether a text can be an e-mail address at all.
pub(crate) fn plausible(email: &str) -> bool {
    email.split_once('@').is_some_and(|(name, domain)| {
        !name.is_empty()
            && domain.contains('.')
            && !domain.starts_with('.')
            && !domain.ends_with('.')
            && !email.contains(char::is_whitespace)
    })
}

fn retrieve(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    match account.get(DELETED, call.id()) {
        Some(deleted) => Ok(deleted.clone()),
        None => account.path("customer", call.id()),
    }
}

fn update(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let mut customer = account.path("customer", call.id())?;
    fill(account, &mut customer, &call.params)?;
    account.update(&customer, "customer.updated");
    Ok(customer)
}

fn remove(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    delete(account, call.id())
}

/// Ends everything a customer has, then the customer.
pub(crate) fn delete(account: &mut Account, id: &str) -> Result<Value, ApiError> {
    let customer = account.path("customer", id)?;
    subscriptions::cancel_all(account, id);
    let customer = account.get("customer", id).cloned().unwrap_or(customer);
    account.announce(&customer, "customer.deleted");
    account.remove("customer", id);
    let stub = json!({ "id": id, "object": "customer", "deleted": true });
    account.note(DELETED, id, stub.clone());
    Ok(stub)
}

fn all(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    list::page(account, "customer", "/v1/customers", &call.params, |customer| {
        list::matches(customer, "email", &call.params) && list::matches(customer, "test_clock", &call.params)
    })
}

/// Search understands `email:'…'`, `name:'…'` and `metadata['…']:'…'`, joined with AND.
fn search(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let clauses: Vec<(String, String)> = call
        .params
        .text("query")
        .split(" AND ")
        .map(clause)
        .collect::<Option<_>>()
        .ok_or_else(|| ApiError::invalid("We were unable to parse your search query.").param("query"))?;
    let found = account.data().newest("customer").filter(|customer| {
        clauses.iter().all(|(field, wanted)| {
            let actual = match field.strip_prefix("metadata.") {
                Some(key) => customer.get("metadata").and_then(|all| all.maybe(key)),
                None => customer.maybe(field),
            };
            actual.is_some_and(|actual| actual.eq_ignore_ascii_case(wanted))
        })
    });
    let mut page = list::of(found, "/v1/customers/search", &call.params)?;
    page.set("object", "search_result");
    page.set("next_page", Value::Null);
    Ok(page)
}

fn clause(text: &str) -> Option<(String, String)> {
    let (field, value) = text.trim().split_once(':')?;
    let unquoted = value.trim().trim_matches(['\'', '"']).to_owned();
    let field = match field.strip_prefix("metadata[") {
        Some(key) => format!("metadata.{}", key.trim_end_matches(']').trim_matches(['\'', '"'])),
        None => field.to_owned(),
    };
    Some((field, unquoted))
}
