//! Invoices that the application makes and pays: drafts, what goes on them, finalizing and paying.

use serde_json::{Value, json};

use super::build::{self, Draft};
use super::{Attempt, collect, subscription};
use crate::ids;
use crate::json::Json;
use crate::stripe::account::Account;
use crate::stripe::discounts::{self, Place};
use crate::stripe::error::ApiError;
use crate::stripe::routes::{Call, apply, apply_metadata};
use crate::stripe::{customers, invoice_items};

pub(super) const CREATE: &str = "account_tax_ids[] application_fee_amount:int auto_advance:bool automatic_tax:any \
    automatically_finalizes_at:int collection_method=charge_automatically|send_invoice currency \
    custom_fields[]{name! value!} customer customer_account days_until_due:int default_payment_method default_source \
    default_tax_rates[] description discounts[]{coupon discount promotion_code} due_date:int effective_at:int footer \
    from_invoice:any issuer:any metadata:map number on_behalf_of payment_settings:any \
    pending_invoice_items_behavior=exclude|include rendering:any shipping_cost:any shipping_details:any \
    statement_descriptor subscription transfer_data:any";

pub(super) const UPDATE: &str =
    "auto_advance:bool custom_fields[]{name! value!} default_payment_method description footer metadata:map";

/// What Stripe offers here and this sandbox does not.
const NOT_OFFERED: [&str; 5] = ["automatically_finalizes_at", "effective_at", "from_invoice", "number", "subscription"];

const TAKEN_OVER: [&str; 5] =
    ["custom_fields", "default_payment_method", "description", "footer", "statement_descriptor"];

/// How long a draft that advances by itself stays one.
const DRAFT_FOR: i64 = 3_600;

const DAY: i64 = 86_400;

/// Counts a draft anew after its items have changed.
pub(crate) fn recount(account: &mut Account, invoice: &str) {
    if let Some(mut invoice) = account.get("invoice", invoice).cloned() {
        build::recount(account, &mut invoice);
    }
}

pub(super) fn create(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let params = &call.params;
    if let Some(name) = NOT_OFFERED.iter().find(|name| params.get(**name).is_some()) {
        return Err(ApiError::invalid(format!("This sandbox does not offer `{name}` for invoices.")).param(*name));
    }
    let id = params.maybe("customer").ok_or_else(|| ApiError::missing_param("customer"))?;
    let customer = customers::existing(account, id, "customer")?;
    let fields = fields(account, id, params)?;
    let currency = params.maybe("currency").or(customer.maybe("currency")).unwrap_or("usd").to_lowercase();
    let includes = params.text("pending_invoice_items_behavior") == "include";
    let lines = if includes { invoice_items::waiting(account, id, &currency) } else { Vec::new() };
    let place = Place { customer: Some(id), ..Place::default() };
    let discounts = discounts::sources(account, params.list("discounts"), Some(id))?
        .iter()
        .filter_map(|source| discounts::redeem(account, source, &place).take_key("id"))
        .collect();
    customers::remember_currency(account, id, &currency);
    let draft = Draft {
        id: ids::new("in_"),
        customer: id.to_owned(),
        reason: "manual",
        currency,
        lines,
        discounts,
        period: (account.now(), account.now()),
        fields,
        ..Draft::default()
    };
    Ok(build::create(account, &draft))
}

fn fields(account: &Account, customer: &str, params: &Value) -> Result<Value, ApiError> {
    let now = account.now();
    let mut fields = json!({ "metadata": {} });
    apply_metadata(&mut fields, params);
    check_method(account, customer, params)?;
    apply(&mut fields, params, &TAKEN_OVER);
    let sends = params.text("collection_method") == "send_invoice";
    let due = params.maybe_int("due_date").or(params.maybe_int("days_until_due").map(|days| now + days * DAY));
    if sends && due.is_none() {
        return Err(ApiError::invalid(
            "When `collection_method` is `send_invoice`, you must specify one of `days_until_due` or `due_date`.",
        )
        .param("days_until_due"));
    }
    if !sends && due.is_some() {
        return Err(ApiError::invalid(
            "You can only specify `days_until_due` or `due_date` if `collection_method` is `send_invoice`.",
        )
        .param("days_until_due"));
    }
    fields.set("collection_method", if sends { "send_invoice" } else { "charge_automatically" });
    fields.set("due_date", due);
    advance(&mut fields, params.flag("auto_advance"), now);
    Ok(fields)
}

fn check_method(account: &Account, customer: &str, params: &Value) -> Result<(), ApiError> {
    match params.maybe("default_payment_method") {
        Some(method) => customers::own_method(account, customer, method, "default_payment_method").map(|_| ()),
        None => Ok(()),
    }
}

/// Says whether and when a draft goes on by itself.
fn advance(draft: &mut Value, advances: bool, now: i64) {
    let at = advances.then_some(now + DRAFT_FOR);
    draft.set("auto_advance", advances);
    draft.set("automatically_finalizes_at", at);
    let charges = draft.text("collection_method") == "charge_automatically";
    draft.set("next_payment_attempt", at.filter(|_| charges));
}

pub(super) fn update(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let mut invoice = account.path("invoice", call.id())?;
    check_method(account, invoice.text("customer"), &call.params)?;
    apply_metadata(&mut invoice, &call.params);
    apply(&mut invoice, &call.params, &TAKEN_OVER);
    if let Some(advances) = call.params.get("auto_advance").and_then(Value::as_bool) {
        if invoice.text("status") == "draft" {
            advance(&mut invoice, advances, account.now());
        }
        invoice.set("auto_advance", advances);
    }
    account.update(&invoice, "invoice.updated");
    Ok(invoice)
}

/// Deletes a draft. What stood on it waits for the next invoice again.
pub(super) fn remove(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let invoice = account.path("invoice", call.id())?;
    if invoice.text("status") != "draft" {
        return Err(ApiError::invalid(format!(
            "You can only delete draft invoices. This invoice has a status of {}.",
            invoice.text("status")
        ))
        .code("invoice_not_editable"));
    }
    if subscription(&invoice).is_some() {
        return Err(ApiError::invalid("You can't delete invoices created by subscriptions."));
    }
    for item in invoice_items::on(account, call.id()) {
        invoice_items::put_on(account, item.text("id"), None);
    }
    account.announce(&invoice, "invoice.deleted");
    account.remove("invoice", call.id());
    Ok(json!({ "id": call.id(), "object": "invoice", "deleted": true }))
}

pub(super) fn finalize(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let mut invoice = account.path("invoice", call.id())?;
    if invoice.text("status") != "draft" {
        return Err(ApiError::invalid("This invoice is already finalized, you can't re-finalize a non-draft invoice."));
    }
    if let Some(advance) = call.params.get("auto_advance").and_then(Value::as_bool) {
        invoice.set("auto_advance", advance);
    }
    let mut invoice = collect::finalize(account, invoice);
    if invoice.int("amount_due") == 0 {
        return collect::pay(account, invoice, &Attempt::default());
    }
    if invoice.flag("auto_advance") && invoice.text("collection_method") == "charge_automatically" {
        // It is paid in a moment, after this request has been answered.
        invoice.set("next_payment_attempt", account.now());
        account.save(&invoice);
    }
    Ok(invoice)
}

pub(super) fn pay(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let params = &call.params;
    let mut invoice = account.path("invoice", call.id())?;
    match invoice.text("status") {
        "draft" | "open" | "uncollectible" => {}
        "paid" => return Err(ApiError::invalid("Invoice is already paid").code("invoice_already_paid")),
        status => {
            return Err(ApiError::invalid(format!("This invoice can no longer be paid: its status is {status}.")));
        }
    }
    if let Some(method) = params.maybe("payment_method") {
        customers::own_method(account, invoice.text("customer"), method, "payment_method")?;
    }
    if invoice.text("status") == "draft" {
        invoice = collect::finalize(account, invoice);
    }
    if params.flag("paid_out_of_band") {
        return Ok(collect::settle_out_of_band(account, invoice));
    }
    let present = params.get("off_session").and_then(Value::as_bool) == Some(false);
    let method = params.maybe("payment_method").map(str::to_owned);
    let attempt = Attempt { method, present, ..Attempt::default() };
    collect::pay(account, invoice, &attempt).map_err(ApiError::keeping_changes)
}
