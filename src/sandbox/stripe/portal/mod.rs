//! The customer portal: sessions here, configurations in `configuration`, the hosted pages in
//! `hosted` (what the buttons do) and `page` (what is shown).

mod configuration;
mod hosted;
mod page;

use serde_json::{Value, json};

pub(crate) use configuration::{ROUTES as CONFIGURATION_ROUTES, ensure_default_configuration};
pub(crate) use hosted::router;

use super::account::Account;
use super::error::ApiError;
use super::routes::{Call, Route, post};
use super::{customers, subscriptions};
use crate::ids;
use crate::json::Json;

const KIND: &str = "billing_portal.session";

const CREATE: &str = "configuration customer customer_account \
    flow_data{after_completion{hosted_confirmation{custom_message} redirect{return_url!} \
    type!=hosted_confirmation|portal_homepage|redirect} \
    subscription_cancel{retention:any subscription!} subscription_update{subscription!} \
    subscription_update_confirm{discounts[]{coupon promotion_code} items![]{id! price quantity:int} subscription!} \
    type!=customer_update|payment_method_update|subscription_cancel|subscription_update|subscription_update_confirm} \
    locale on_behalf_of return_url";

pub(crate) const ROUTES: &[Route] = &[post("/v1/billing_portal/sessions", CREATE, create)];

fn create(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let params = &call.params;
    let customer = params.maybe("customer").ok_or_else(|| ApiError::missing_param("customer"))?;
    customers::existing(account, customer, "customer")?;
    let configuration = match params.maybe("configuration") {
        Some(id) => account.find(configuration::KIND, id, "configuration")?,
        None => configuration::default(account),
    };
    let return_url =
        params.get("return_url").filter(|url| url.is_string()).or(configuration.get("default_return_url")).cloned();
    let flow = params.get("flow_data").map(flow);
    if let Some(flow) = &flow {
        check_flow(account, flow, customer, &configuration)?;
    }
    let id = ids::new("bps_");
    let session = json!({
        "id": id,
        "object": KIND,
        "configuration": configuration.text("id"),
        "created": account.now(),
        "customer": customer,
        "customer_account": null,
        "flow": flow,
        "livemode": false,
        "locale": params.get("locale"),
        "on_behalf_of": null,
        "return_url": return_url,
        "url": format!("{}/p/session/{id}", account.base_url()),
    });
    account.create(&session, "billing_portal.session.created");
    Ok(session)
}

/// The `flow` property that shows what `flow_data` asked for.
fn flow(data: &Value) -> Value {
    let after = data.get("after_completion").cloned();
    let after = after.unwrap_or_else(|| json!({ "type": "portal_homepage" }));
    json!({
        "after_completion": {
            "hosted_confirmation": after.get("hosted_confirmation"),
            "redirect": after.get("redirect"),
            "type": after.text("type"),
        },
        "customer_update": null,
        "subscription_cancel": data.get("subscription_cancel"),
        "subscription_update": data.get("subscription_update"),
        "subscription_update_confirm": data.get("subscription_update_confirm"),
        "type": data.text("type"),
    })
}

fn check_flow(account: &Account, flow: &Value, customer: &str, configuration: &Value) -> Result<(), ApiError> {
    let kind = flow.text("type");
    let feature = match kind {
        "subscription_update_confirm" => "subscription_update",
        other => other,
    };
    if !configuration::allows(configuration, feature) {
        return Err(ApiError::invalid(format!("The `{feature}` feature is disabled in this portal configuration."))
            .param("flow_data[type]"));
    }
    if !kind.starts_with("subscription_") {
        return Ok(());
    }
    let param = format!("flow_data[{kind}][subscription]");
    let id = flow.get(kind).and_then(|it| it.maybe("subscription")).ok_or_else(|| ApiError::missing_param(&param))?;
    let subscription = account.find("subscription", id, &param)?;
    if subscription.text("customer") != customer {
        return Err(ApiError::no_such("subscription", id, &param));
    }
    let items = flow.get(kind).map_or(&[][..], |it| it.list("items"));
    for (index, item) in items.iter().enumerate() {
        let param = format!("flow_data[{kind}][items][{index}]");
        if !subscriptions::items(&subscription).iter().any(|it| it.get("id") == item.get("id")) {
            return Err(ApiError::no_such("subscription_item", item.text("id"), &format!("{param}[id]")));
        }
        if let Some(price) = item.maybe("price") {
            account.find("price", price, &format!("{param}[price]"))?;
        }
    }
    let cancels = subscription.flag("cancel_at_period_end") || subscription.maybe_int("cancel_at").is_some();
    if kind == "subscription_cancel" && (cancels || subscriptions::has_ended(&subscription)) {
        return Err(
            ApiError::invalid("The subscription is already set to be canceled at the end of the period.").param(param)
        );
    }
    Ok(())
}
