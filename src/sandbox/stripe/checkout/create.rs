//! Creating a session: which parameters go together, and what may be sold.

use serde_json::{Value, json};

use super::order::{self, Order};
use crate::ids;
use crate::json::{Json, merge};
use crate::stripe::account::Account;
use crate::stripe::error::ApiError;
use crate::stripe::routes::{Call, apply, apply_metadata};
use crate::stripe::{customers, discounts, prices};

pub(super) const PARAMS: &str = "adaptive_pricing:any after_expiration:any allow_promotion_codes:bool \
    allowed_payment_method_types[] automatic_tax{enabled!:bool liability:any} \
    billing_address_collection=auto|required branding_settings:any cancel_url client_reference_id \
    consent_collection:any currency custom_fields:any custom_text:any customer customer_account \
    customer_creation=always|if_required customer_email customer_update{address=auto|never name=auto|never shipping=auto|never} \
    discounts[]{coupon promotion_code} excluded_payment_method_types[] expires_at:int integration_identifier \
    invoice_creation{enabled!:bool invoice_data{account_tax_ids[] custom_fields[]{name! value!} description footer \
    issuer:any metadata:map rendering_options:any}} line_items[]{adjustable_quantity{enabled!:bool maximum:int minimum:int} metadata:map price \
    price_data{currency! product product_data{description images[] metadata:map name! tax_code tax_details:any unit_label} \
    recurring{interval!=day|month|week|year interval_count:int} tax_behavior=unspecified|exclusive|inclusive unit_amount:int unit_amount_decimal:dec} \
    quantity:int tax_rates[]} locale managed_payments:any metadata:map mode=payment|setup|subscription \
    name_collection:any optional_items:any origin_context=mobile_app|web \
    payment_intent_data{application_fee_amount:int capture_method=automatic|automatic_async|manual description metadata:map on_behalf_of receipt_email setup_future_usage=off_session|on_session shipping:any statement_descriptor statement_descriptor_suffix transfer_data:any transfer_group} \
    payment_method_collection=always|if_required payment_method_configuration payment_method_data:any \
    payment_method_options:any permissions:any phone_number_collection{enabled!:bool} \
    redirect_on_completion=always|if_required|never return_url saved_payment_method_options:any setup_intent_data:any \
    shipping_address_collection:any shipping_options:any submit_type=auto|book|donate|pay|subscribe \
    subscription_data{application_fee_percent:dec billing_cycle_anchor:int billing_cycle_anchor_config:any \
    billing_mode{flexible{proration_discounts=included|itemized} type!=classic|flexible} default_tax_rates[] description \
    invoice_settings:any metadata:map on_behalf_of pending_invoice_item_interval:any proration_behavior=none|create_prorations \
    transfer_data:any trial_end:int trial_period_days:int \
    trial_settings{end_behavior!{missing_payment_method!=cancel|create_invoice|pause}}} \
    success_url tax_id_collection{enabled!:bool required=never|if_supported} \
    ui_mode=elements|embedded_page|form|hosted_page wallet_options:any";

const TAKEN_OVER: &[&str] = &[
    "allow_promotion_codes",
    "allowed_payment_method_types",
    "billing_address_collection",
    "cancel_url",
    "client_reference_id",
    "customer",
    "customer_creation",
    "customer_email",
    "locale",
    "payment_method_collection",
    "phone_number_collection",
    "submit_type",
    "success_url",
    "tax_id_collection",
];

const MIN_LIFE: i64 = 30 * 60;
const MAX_LIFE: i64 = 86_400;
/// Clients compute `expires_at` a moment before the request arrives.
const SLACK: i64 = 60;

pub(super) fn call(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let params = &call.params;
    let mode = params.maybe("mode").ok_or_else(|| ApiError::missing_param("mode"))?;
    together(params, mode)?;
    if let Some(customer) = params.maybe("customer") {
        customers::existing(account, customer, "customer")?;
    }
    let id = ids::random("cs_test_", 58);
    let mut session = super::object(account, &id, mode);
    apply(&mut session, params, TAKEN_OVER);
    apply_metadata(&mut session, params);
    if let Some(tax) = params.get("automatic_tax")
        && let Some(existing) = session.get_mut("automatic_tax")
    {
        merge(existing, tax.clone());
    }
    if let Some(at) = params.maybe_int("expires_at") {
        session.set("expires_at", expiry(at, account.now())?);
    }
    if mode == "payment" {
        if params.get("customer_creation").is_none() {
            session.set("customer_creation", "if_required");
        }
        session.set("invoice_creation", invoice_creation(params));
    }
    let data = params.get("subscription_data").cloned();
    let data = data.unwrap_or_else(|| json!({}));
    trial(&data, account.now())?;
    let sources = discounts::sources(account, params.list("discounts"), params.maybe("customer"))?;
    let order = Order {
        session: id,
        items: items(account, params, mode)?,
        subscription_data: data,
        payment_intent_data: params.get("payment_intent_data").cloned().unwrap_or_else(|| json!({})),
        customer_update: params.get("customer_update").cloned().unwrap_or_default(),
        coupon: sources.first().map(|it| it.coupon.text("id").to_owned()),
        promotion_code: sources.first().and_then(|it| it.promotion_code.clone()),
        challenge: None,
    };
    order::price(account, &order, &mut session);
    order.save(account);
    account.save(&session);
    Ok(session)
}

/// Which parameters exclude or need each other.
fn together(params: &Value, mode: &str) -> Result<(), ApiError> {
    let has = |name: &str| params.get(name).is_some_and(|value| !value.is_null());
    let both = |one: &str, other: &str| {
        ApiError::invalid(format!("You may only specify one of these parameters: {one}, {other}.")).param(one)
    };
    if has("customer") && has("customer_email") {
        return Err(both("customer", "customer_email"));
    }
    if has("allow_promotion_codes") && has("discounts") {
        return Err(both("allow_promotion_codes", "discounts"));
    }
    if params.list("discounts").len() > 1 {
        return Err(ApiError::invalid("You can only apply one discount to a Checkout Session.").param("discounts"));
    }
    if has("customer_update") && !has("customer") {
        return Err(ApiError::invalid("`customer_update` can only be used with `customer`.").param("customer_update"));
    }
    if has("customer_creation") && (has("customer") || mode == "subscription") {
        return Err(ApiError::invalid(
            "`customer_creation` can only be used in `payment` and `setup` mode, without `customer`.",
        )
        .param("customer_creation"));
    }
    if mode != "subscription" {
        for name in ["subscription_data", "payment_method_collection"] {
            if has(name) {
                return Err(
                    ApiError::invalid(format!("You can only pass `{name}` in `subscription` mode.")).param(name)
                );
            }
        }
    }
    once(params, mode)?;
    if mode == "setup" {
        return Err(
            ApiError::invalid("This sandbox offers Checkout in `payment` and `subscription` mode only.").param("mode")
        );
    }
    if params.maybe("ui_mode").is_some_and(|ui| ui != "hosted_page") {
        return Err(ApiError::invalid("This sandbox offers Checkout with `ui_mode=hosted_page` only.").param("ui_mode"));
    }
    urls(params)?;
    if let Some(email) = params.maybe("customer_email")
        && !customers::plausible(email)
    {
        return Err(ApiError::invalid(format!("Invalid email address: {email}"))
            .code("email_invalid")
            .param("customer_email"));
    }
    Ok(())
}

/// What belongs to a single payment.
fn once(params: &Value, mode: &str) -> Result<(), ApiError> {
    let data = params.get("payment_intent_data").filter(|data| !data.is_null());
    if mode != "payment" && data.is_some() {
        return Err(ApiError::invalid(format!("You can not pass `payment_intent_data` in `{mode}` mode."))
            .param("payment_intent_data"));
    }
    if mode != "payment" && params.get("invoice_creation").is_some_and(|it| it.flag("enabled")) {
        return Err(ApiError::invalid(
            "You can only enable invoice creation when `mode` is set to `payment`. Invoices are created automatically when `mode` is set to `subscription`, and are unsupported when set to `setup`.",
        )
        .param("invoice_creation[enabled]"));
    }
    if data.is_some_and(|data| data.text("capture_method") == "manual") {
        return Err(ApiError::invalid("This sandbox captures every payment at once.")
            .param("payment_intent_data[capture_method]"));
    }
    Ok(())
}

/// The session's `invoice_creation`: every field, whatever was given.
fn invoice_creation(params: &Value) -> Value {
    let given = params.get("invoice_creation").cloned().unwrap_or_default();
    let data = given.get("invoice_data").cloned().unwrap_or_default();
    let mut invoice_data = json!({
        "account_tax_ids": null,
        "custom_fields": null,
        "description": null,
        "footer": null,
        "issuer": null,
        "metadata": {},
        "rendering_options": null,
    });
    apply(&mut invoice_data, &data, &["account_tax_ids", "custom_fields", "description", "footer", "issuer"]);
    apply(&mut invoice_data, &data, &["rendering_options"]);
    apply_metadata(&mut invoice_data, &data);
    json!({ "enabled": given.flag("enabled"), "invoice_data": invoice_data })
}

fn urls(params: &Value) -> Result<(), ApiError> {
    if params.maybe("success_url").is_none() {
        return Err(ApiError::missing_param("success_url"));
    }
    for name in ["success_url", "cancel_url"] {
        let web = |url: &str| url.starts_with("http://") || url.starts_with("https://");
        if params.maybe(name).is_some_and(|url| !web(url)) {
            return Err(ApiError::invalid("Not a valid URL: an explicit scheme (such as https) must be provided.")
                .code("url_invalid")
                .param(name));
        }
    }
    Ok(())
}

fn expiry(at: i64, now: i64) -> Result<i64, ApiError> {
    if at < now + MIN_LIFE - SLACK {
        return Err(ApiError::invalid(
            "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.",
        )
        .param("expires_at"));
    }
    if at > now + MAX_LIFE + SLACK {
        return Err(ApiError::invalid(
            "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.",
        )
        .param("expires_at"));
    }
    Ok(at)
}

fn trial(data: &Value, now: i64) -> Result<(), ApiError> {
    let at = |name: &str| format!("subscription_data[{name}]");
    let days = data.maybe_int("trial_period_days");
    if days.is_some_and(|days| days < 1) {
        return Err(ApiError::invalid("This value must be greater than or equal to 1.")
            .code("parameter_invalid_integer")
            .param(at("trial_period_days")));
    }
    if days.is_some_and(|days| days > 730) {
        return Err(ApiError::invalid("The maximum number of trial period days is 730 (2 years).")
            .param(at("trial_period_days")));
    }
    if days.is_some() && data.maybe_int("trial_end").is_some() {
        return Err(ApiError::invalid("You may only specify one of these parameters: trial_end, trial_period_days.")
            .param(at("trial_end")));
    }
    if data.maybe_int("trial_end").is_some_and(|end| end < now + 2 * 86_400 - SLACK) {
        return Err(
            ApiError::invalid("The `trial_end` date has to be at least 2 days in the future.").param(at("trial_end"))
        );
    }
    Ok(())
}

fn items(account: &mut Account, params: &Value, mode: &str) -> Result<Vec<Value>, ApiError> {
    let given = params.list("line_items");
    if given.is_empty() {
        return Err(ApiError::missing_param("line_items"));
    }
    let mut items = Vec::with_capacity(given.len());
    for (index, item) in given.iter().enumerate() {
        let price = price(account, item, index)?;
        items.push(order::item(account, item, &price));
    }
    let recurring = items.iter().filter(|item| order::recurs(item)).count();
    if mode == "subscription" && recurring == 0 {
        return Err(ApiError::invalid(
            "You must provide at least one recurring price in `subscription` mode when using prices.",
        )
        .param("line_items"));
    }
    if mode == "payment" && recurring > 0 {
        return Err(ApiError::invalid("You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use only one-time prices.").param("line_items"));
    }
    let first = items.first().map_or("", |item| item.text("currency")).to_owned();
    if items.iter().any(|item| item.text("currency") != first) {
        return Err(ApiError::invalid("All line items must have the same currency.").param("line_items"));
    }
    Ok(items)
}

fn price(account: &mut Account, item: &Value, index: usize) -> Result<Value, ApiError> {
    let at = |name: &str| format!("line_items[{index}][{name}]");
    if item.maybe_int("quantity").is_some_and(|quantity| quantity < 1) {
        return Err(ApiError::invalid("This value must be greater than or equal to 1.")
            .code("parameter_invalid_integer")
            .param(at("quantity")));
    }
    let price = match (item.maybe("price"), item.get("price_data")) {
        (Some(id), None) => account.find("price", id, &at("price"))?,
        (None, Some(data)) => prices::create_from(account, data)?,
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid("You may only specify one of these parameters: price, price_data.")
                .param(at("price_data")));
        }
        (None, None) => return Err(ApiError::missing_param(&at("price"))),
    };
    if item.get("quantity").is_none() {
        return Err(ApiError::invalid("Quantity is required. Add `quantity` to `line_items[0]`.")
            .code("parameter_missing")
            .param(at("quantity")));
    }
    if !price.flag("active") {
        return Err(ApiError::invalid("The price specified is inactive. This field only accepts active prices.")
            .param(at("price")));
    }
    Ok(price)
}
