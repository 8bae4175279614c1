//! Portal configurations: which features the portal offers.

use serde_json::{Value, json};

use crate::ids;
use crate::json::{Json, merge};
use crate::stripe::account::Account;
use crate::stripe::error::ApiError;
use crate::stripe::list;
use crate::stripe::routes::{Call, Route, apply, apply_metadata, get, post};

/// Kind of the objects.
pub(super) const KIND: &str = "billing_portal.configuration";

const CREATE: &str = "active:bool business_profile{headline privacy_policy_url terms_of_service_url} \
    default_return_url features!{customer_update{allowed_updates[] enabled:bool} invoice_history{enabled!:bool} \
    payment_method_update{enabled!:bool payment_method_configuration} \
    subscription_cancel{cancellation_reason{enabled:bool feedback_options[] options[]} enabled:bool mode=immediately|at_period_end proration_behavior=none|create_prorations|always_invoice} \
    subscription_update{billing_cycle_anchor=now|unchanged default_allowed_updates[] enabled:bool \
    products[]{adjustable_quantity:any prices![] product!} proration_behavior=none|create_prorations|always_invoice \
    schedule_at_period_end:any trial_update_behavior=continue_trial|end_trial}} login_page{enabled!:bool} metadata:map name";

const UPDATE: &str = "active:bool business_profile{headline privacy_policy_url terms_of_service_url} \
    default_return_url features{customer_update{allowed_updates[] enabled:bool} invoice_history{enabled!:bool} \
    payment_method_update{enabled!:bool payment_method_configuration} \
    subscription_cancel{cancellation_reason{enabled:bool feedback_options[] options[]} enabled:bool mode=immediately|at_period_end proration_behavior=none|create_prorations|always_invoice} \
    subscription_update{billing_cycle_anchor=now|unchanged default_allowed_updates[] enabled:bool \
    products[]{adjustable_quantity:any prices![] product!} proration_behavior=none|create_prorations|always_invoice \
    schedule_at_period_end:any trial_update_behavior=continue_trial|end_trial}} login_page{enabled!:bool} metadata:map name";

pub(crate) const ROUTES: &[Route] = &[
    get("/v1/billing_portal/configurations", "@list active:bool is_default:bool", all),
    post("/v1/billing_portal/configurations", CREATE, create),
    get("/v1/billing_portal/configurations/{id}", "", retrieve),
    post("/v1/billing_portal/configurations/{id}", UPDATE, update),
];

/// Makes sure that there is a default configuration.
pub(crate) fn ensure_default_configuration(account: &mut Account) {
    if default(account).is_null() {
        let mut configuration = object(account);
        configuration.set("is_default", true);
        account.save(&configuration);
    }
}

/// The default configuration.
pub(super) fn default(account: &Account) -> Value {
    account.data().newest(KIND).find(|it| it.flag("is_default")).cloned().unwrap_or_default()
}

/// A feature's settings.
pub(super) fn feature<'c>(configuration: &'c Value, name: &str) -> &'c Value {
    configuration.get("features").and_then(|features| features.get(name)).unwrap_or(&Value::Null)
}

/// Whether a feature is on.
pub(super) fn allows(configuration: &Value, name: &str) -> bool {
    feature(configuration, name).flag("enabled")
}

/// Prices that the portal offers to switch to; without a list, all active recurring ones.
pub(super) fn offered(account: &Account, configuration: &Value) -> Vec<Value> {
    let products = feature(configuration, "subscription_update").list("products");
    let listed =
        |id: &str| products.iter().flat_map(|product| product.list("prices")).any(|price| price.as_str() == Some(id));
    account
        .data()
        .oldest("price")
        .map(|(_, price)| price)
        .filter(|price| price.flag("active") && price.text("type") == "recurring")
        .filter(|price| products.is_empty() || listed(price.text("id")))
        .cloned()
        .collect()
}

fn object(account: &Account) -> Value {
    let now = account.now();
    json!({
        "id": ids::new("bpc_"),
        "object": KIND,
        "active": true,
        "application": null,
        "business_profile": { "headline": null, "privacy_policy_url": null, "terms_of_service_url": null },
        "created": now,
        "default_return_url": null,
        "features": {
            "customer_update": { "allowed_updates": ["email", "name"], "enabled": true },
            "invoice_history": { "enabled": true },
            "payment_method_update": { "enabled": true, "payment_method_configuration": null },
            "subscription_cancel": {
                "cancellation_reason": { "enabled": false, "feedback_options": null, "options": [] },
                "enabled": true,
                "mode": "at_period_end",
                "proration_behavior": "none",
            },
            "subscription_update": {
                "billing_cycle_anchor": null,
                "default_allowed_updates": ["price"],
                "enabled": true,
                "products": null,
                "proration_behavior": "create_prorations",
                "schedule_at_period_end": { "conditions": [] },
                "trial_update_behavior": "continue_trial",
            },
        },
        "is_default": false,
        "livemode": false,
        "login_page": { "enabled": false, "url": null },
        "metadata": {},
        "name": null,
        "updated": now,
    })
}

fn fill(configuration: &mut Value, params: &Value) {
    apply(configuration, params, &["active", "default_return_url", "name"]);
    apply_metadata(configuration, params);
    if let (Some(profile), Some(given)) = (configuration.get_mut("business_profile"), params.get("business_profile")) {
        merge(profile, given.clone());
    }
    let given = params.get("features").and_then(Value::as_object);
    for (name, settings) in given.into_iter().flatten() {
        if let Some(feature) = configuration.get_mut("features").and_then(|all| all.get_mut(name)) {
            merge(feature, settings.clone());
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all handlers")]
fn create(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let mut configuration = object(account);
    let features = configuration.get_mut("features").and_then(Value::as_object_mut);
    for (_, feature) in features.into_iter().flatten() {
        feature.set("enabled", false);
    }
    fill(&mut configuration, &call.params);
    account.create(&configuration, "billing_portal.configuration.created");
    Ok(configuration)
}

fn retrieve(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    account.path(KIND, call.id())
}

fn update(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let mut configuration = account.path(KIND, call.id())?;
    fill(&mut configuration, &call.params);
    configuration.set("updated", account.now());
    account.update(&configuration, "billing_portal.configuration.updated");
    Ok(configuration)
}

fn all(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let url = "/v1/billing_portal/configurations";
    list::page(account, KIND, url, &call.params, |it| {
        list::matches(it, "active", &call.params) && list::matches(it, "is_default", &call.params)
    })
}
