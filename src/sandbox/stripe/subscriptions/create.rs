//! Starting a subscription: its items, its trial, its first invoice and payment.

use serde_json::{Value, json};

use super::{bill, object, update};
use crate::ids;
use crate::json::Json;
use crate::stripe::account::Account;
use crate::stripe::discounts::{self, Place, Source};
use crate::stripe::error::ApiError;
use crate::stripe::routes::{Call, apply_metadata};
use crate::stripe::{customers, invoice_items, invoices, prices, products};

pub(super) const PARAMS: &str = "add_invoice_items:any application_fee_percent:any automatic_tax:any \
    backdate_start_date:int billing_cycle_anchor:int billing_cycle_anchor_config:any \
    billing_mode{flexible{proration_discounts=included|itemized} type!=classic|flexible} billing_schedules:any \
    billing_thresholds:any cancel_at:int=min_period_end|max_period_end cancel_at_period_end:bool \
    collection_method=charge_automatically|send_invoice currency customer! customer_account days_until_due:int \
    default_payment_method default_source default_tax_rates[] description \
    discounts[]{coupon discount promotion_code} invoice_settings:any \
    items![]{billing_thresholds:any discounts:any metadata:map plan price \
    price_data{currency! product! recurring!{interval!=day|week|month|year interval_count:int} tax_behavior unit_amount:int unit_amount_decimal:dec} \
    quantity:int tax_rates[]} metadata:map off_session:bool on_behalf_of \
    payment_behavior=allow_incomplete|default_incomplete|error_if_incomplete|pending_if_incomplete \
    payment_settings{payment_method_options:any payment_method_types[] save_default_payment_method=off|on_subscription} \
    pending_invoice_item_interval:any proration_behavior=none|create_prorations|always_invoice transfer_data:any \
    trial_end:int=now trial_from_plan:bool trial_period_days:int \
    trial_settings{end_behavior!{billing_cycle_anchor=now|unchanged missing_payment_method!=cancel|create_invoice|pause}}";

/// One item to start with.
#[derive(Clone, Debug)]
pub(crate) struct NewItem {
    /// The price object.
    pub price: Value,
    /// Number of units.
    pub quantity: i64,
    /// Metadata of the item.
    pub metadata: Value,
}

/// A subscription to start.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewSubscription {
    /// Customer id.
    pub customer: String,
    /// What is subscribed to.
    pub items: Vec<NewItem>,
    /// What is billed once, on the first invoice.
    pub once: Vec<NewItem>,
    /// End of the trial, if there is one.
    pub trial_end: Option<i64>,
    /// A future start of the billing cycle.
    pub anchor: Option<i64>,
    /// What pays.
    pub method: Option<String>,
    /// What is taken off.
    pub discounts: Vec<Source>,
    /// `metadata`, `description` and other fields to take over as they are.
    pub fields: Value,
    /// Whether the person is there to confirm the payment.
    pub present: bool,
    /// Stripe's `payment_behavior`.
    pub payment_behavior: String,
    /// The Checkout session it comes from.
    pub session: Option<String>,
    /// `cancel_at` and `cancel_at_period_end`, if it is to end from the start.
    pub ending: Value,
}

/// A subscription that is about to start, and its first invoice.
pub(crate) struct Start {
    /// The subscription, not saved yet.
    pub subscription: Value,
    /// Its first invoice.
    pub draft: invoices::Draft,
}

/// Decides how a subscription starts.
pub(crate) fn plan(account: &mut Account, new: &NewSubscription) -> Result<Start, ApiError> {
    let currency = currency(&new.items)?;
    let now = account.now();
    let trial = new.trial_end.filter(|end| *end > now);
    let mut subscription = object::blank(account, &new.customer, &currency);
    crate::json::merge(&mut subscription, new.fields.clone());
    subscription.set("default_payment_method", new.method.clone());
    let anchor = trial.or(new.anchor).unwrap_or(now);
    subscription.set("billing_cycle_anchor", anchor);
    if let Some(end) = trial {
        subscription.set("trial_start", now);
        subscription.set("trial_end", end);
    }
    let id = subscription.text("id").to_owned();
    let items: Vec<Value> = new
        .items
        .iter()
        .map(|item| {
            let period = object::period(&item.price, anchor, trial, now);
            object::item(account, &id, &item.price, item.quantity, &item.metadata, period)
        })
        .collect();
    object::set_items(&mut subscription, &items);
    customers::remember_currency(account, &new.customer, &currency);
    redeem(account, new, &mut subscription);
    update::schedule(account, &mut subscription, &new.ending)?;
    let draft = draft(account, &subscription, new);
    let free = draft.lines.iter().all(|line| line.amount == 0);
    let sends = subscription.text("collection_method") == "send_invoice";
    let status = match () {
        () if trial.is_some() => "trialing",
        () if sends || free => "active",
        () => "incomplete",
    };
    subscription.set("latest_invoice", draft.id.clone());
    subscription.set("status", status);
    Ok(Start { subscription, draft })
}

/// Starts a subscription. Fails only when nothing may remain of it.
pub(crate) fn create(account: &mut Account, new: &NewSubscription) -> Result<Value, ApiError> {
    let Start { subscription, draft } = plan(account, new)?;
    account.create(&subscription, "customer.subscription.created");
    let invoice = invoices::create(account, &draft);
    let invoice = invoices::finalize(account, invoice);
    let id = subscription.text("id").to_owned();
    let sends = subscription.text("collection_method") == "send_invoice";
    let waits = new.payment_behavior == "default_incomplete" && invoice.int("amount_due") > 0;
    if !sends && !waits {
        let attempt = invoices::Attempt { present: new.present, ..invoices::Attempt::automatic() };
        match invoices::pay(account, invoice, &attempt) {
            Err(error) if new.payment_behavior == "error_if_incomplete" || !error.is_saved() => {
                return Err(error);
            }
            Ok(_) | Err(_) => {}
        }
    }
    account.path("subscription", &id)
}

fn currency(items: &[NewItem]) -> Result<String, ApiError> {
    let first = items.first().ok_or_else(|| ApiError::missing_param("items"))?;
    for item in items {
        if item.price.text("type") != "recurring" {
            return Err(ApiError::invalid(format!(
                "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`: {}",
                item.price.text("id")
            ))
            .param("items[0][price]"));
        }
        if item.price.text("currency") != first.price.text("currency") {
            return Err(ApiError::invalid("All prices on a subscription must have the same currency."));
        }
        if !item.price.flag("active") {
            return Err(ApiError::invalid(format!(
                "The price specified is inactive. This field only accepts active prices: {}",
                item.price.text("id")
            )));
        }
    }
    Ok(first.price.text("currency").to_owned())
}

fn redeem(account: &mut Account, new: &NewSubscription, subscription: &mut Value) {
    let id = subscription.text("id").to_owned();
    let place =
        Place { customer: Some(&new.customer), subscription: Some(&id), checkout_session: new.session.as_deref() };
    let discounts: Vec<Value> = new
        .discounts
        .iter()
        .map(|source| discounts::redeem(account, source, &place))
        .filter_map(|discount| discount.get("id").cloned())
        .collect();
    subscription.set("discounts", discounts);
}

fn draft(account: &Account, subscription: &Value, new: &NewSubscription) -> invoices::Draft {
    let trial = subscription.maybe_int("trial_end").is_some();
    let anchor = new.anchor.filter(|_| !trial);
    let recurring = object::items(subscription).iter().map(|item| {
        let mut line = object::line(account, item, trial);
        if let Some(anchor) = anchor {
            line.amount = bill::share_until(item, account.now(), anchor);
        }
        line
    });
    let once = new.once.iter().map(|item| once_line(account, item));
    let waiting = invoice_items::waiting(account, &new.customer, subscription.text("currency"));
    let lines = recurring.chain(once).chain(waiting).collect();
    invoices::Draft {
        id: ids::new("in_"),
        customer: subscription.text("customer").to_owned(),
        subscription: Some(subscription.clone()),
        reason: "subscription_create",
        currency: subscription.text("currency").to_owned(),
        lines,
        discounts: subscription.list("discounts").to_vec(),
        period: (account.now(), account.now()),
        ..invoices::Draft::default()
    }
}

fn once_line(account: &Account, item: &NewItem) -> invoices::Line {
    let name = products::name(account, item.price.text("product"));
    invoices::Line {
        description: format!("{} × {name}", item.quantity),
        amount: item.price.int("unit_amount") * item.quantity,
        quantity: item.quantity,
        price: item.price.clone(),
        period: (account.now(), account.now()),
        ..invoices::Line::default()
    }
}

pub(super) fn call(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let new = read(account, &call.params)?;
    create(account, &new)
}

/// What the parameters describe.
pub(super) fn read(account: &mut Account, params: &Value) -> Result<NewSubscription, ApiError> {
    let customer = params.text("customer");
    customers::existing(account, customer, "customer")?;
    let method = params.maybe("default_payment_method");
    if let Some(method) = method {
        customers::own_method(account, customer, method, "default_payment_method")?;
    }
    let items = params
        .list("items")
        .iter()
        .enumerate()
        .map(|(index, item)| new_item(account, item, index))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(NewSubscription {
        customer: customer.to_owned(),
        items,
        once: Vec::new(),
        trial_end: trial_end(account, params)?,
        anchor: params.maybe_int("billing_cycle_anchor"),
        method: method.map(str::to_owned),
        discounts: discounts::sources(account, params.list("discounts"), Some(customer))?,
        fields: fields(params),
        present: false,
        payment_behavior: params.maybe("payment_behavior").unwrap_or("allow_incomplete").to_owned(),
        session: None,
        ending: params.clone(),
    })
}

fn fields(params: &Value) -> Value {
    let mut fields = json!({ "metadata": {} });
    apply_metadata(&mut fields, params);
    for name in ["description", "collection_method", "days_until_due", "trial_settings"] {
        if let Some(value) = params.get(name).filter(|value| !value.is_null()) {
            fields.set(name, value.clone());
        }
    }
    fields
}

fn new_item(account: &mut Account, item: &Value, index: usize) -> Result<NewItem, ApiError> {
    Ok(NewItem {
        price: item_price(account, item, &format!("items[{index}][price]"))?,
        quantity: item.maybe_int("quantity").unwrap_or(1),
        metadata: item.get("metadata").cloned().unwrap_or_else(|| json!({})),
    })
}

/// The price that an item parameter names or describes.
pub(crate) fn item_price(account: &mut Account, item: &Value, param: &str) -> Result<Value, ApiError> {
    if let Some(data) = item.get("price_data") {
        return prices::create_from(account, data);
    }
    let id = item.maybe("price").or(item.maybe("plan")).ok_or_else(|| ApiError::missing_param(param))?;
    account.find("price", id, param)
}

fn trial_end(account: &Account, params: &Value) -> Result<Option<i64>, ApiError> {
    let now = account.now();
    if let Some(end) = params.maybe_int("trial_end") {
        if end <= now {
            return Err(ApiError::invalid("Invalid timestamp: must be an integer Unix timestamp in the future.")
                .param("trial_end"));
        }
        return Ok(Some(end));
    }
    Ok(params.maybe_int("trial_period_days").filter(|days| *days > 0).map(|days| now + days * 86_400))
}
