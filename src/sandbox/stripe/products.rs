//! Products: what is sold. Prices say for how much.

use serde_json::{Value, json};

use super::account::Account;
use super::error::ApiError;
use super::routes::{Call, Route, apply, apply_metadata, delete, get, post};
use super::{list, prices};
use crate::ids;
use crate::json::Json;

const FIELDS: &[&str] = &[
    "active",
    "description",
    "images",
    "marketing_features",
    "name",
    "package_dimensions",
    "shippable",
    "statement_descriptor",
    "tax_code",
    "unit_label",
    "url",
];

const CREATE: &str = "name! active:bool default_price_data{currency! currency_options:any \
    custom_unit_amount:any metadata:map recurring{interval!=day|month|week|year interval_count:int} \
    tax_behavior=unspecified|exclusive|inclusive unit_amount:int unit_amount_decimal:dec} description id \
    images[] marketing_features[]{name!} metadata:map package_dimensions:any shippable:bool \
    statement_descriptor tax_code tax_details:any type=good|service unit_label url";

const UPDATE: &str = "name active:bool default_price description images[] \
    marketing_features[]{name!} metadata:map package_dimensions:any shippable:bool \
    statement_descriptor tax_code tax_details:any unit_label url";

pub(crate) const ROUTES: &[Route] = &[
    get("/v1/products", "@list active:bool created:range ids[] shippable:bool type=good|service url", all),
    post("/v1/products", CREATE, create),
    get("/v1/products/{id}", "", retrieve),
    post("/v1/products/{id}", UPDATE, update),
    delete("/v1/products/{id}", "", remove),
];

/// A product object.
pub(crate) fn object(account: &Account, id: &str, name: &str) -> Value {
    json!({
        "id": id,
        "object": "product",
        "active": true,
        "created": account.now(),
        "default_price": null,
        "description": null,
        "images": [],
        "livemode": false,
        "marketing_features": [],
        "metadata": {},
        "name": name,
        "package_dimensions": null,
        "shippable": null,
        "statement_descriptor": null,
        "tax_code": null,
        "tax_details": null,
        "type": "service",
        "unit_label": null,
        "updated": account.now(),
        "url": null,
    })
}

/// Creates a product from `name`, `id` and whatever else the parameters say.
pub(crate) fn create_from(account: &mut Account, params: &Value) -> Result<Value, ApiError> {
    let id = params.maybe("id").map_or_else(|| ids::random("prod_", 14), str::to_owned);
    if account.get("product", &id).is_some() {
        return Err(ApiError::invalid(format!("Product already exists: {id}"))
            .code("resource_already_exists")
            .param("id"));
    }
    let mut product = object(account, &id, params.text("name"));
    apply(&mut product, params, FIELDS);
    apply_metadata(&mut product, params);
    account.create(&product, "product.created");
    Ok(product)
}

/// Name of a product for people.
pub(crate) fn name(account: &Account, id: &str) -> String {
    account.get("product", id).map_or(id, |product| product.text("name")).to_owned()
}

fn create(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let mut product = create_from(account, &call.params)?;
    if let Some(data) = call.params.get("default_price_data") {
        let mut params = data.clone();
        params.set("product", product.text("id"));
        let price = prices::create_from(account, &params)?;
        product.set("default_price", price.text("id"));
        account.update(&product, "product.updated");
    }
    Ok(product)
}

fn retrieve(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    account.path("product", call.id())
}

fn update(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let mut product = account.path("product", call.id())?;
    apply(&mut product, &call.params, FIELDS);
    apply_metadata(&mut product, &call.params);
    if let Some(price) = call.params.get("default_price") {
        if let Some(id) = price.as_str() {
            account.find("price", id, "default_price")?;
        }
        product.set("default_price", price.clone());
    }
    product.set("updated", account.now());
    account.update(&product, "product.updated");
    Ok(product)
}

fn remove(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let product = account.path("product", call.id())?;
    let priced = account.data().newest("price").any(|price| price.text("product") == call.id());
    if priced {
        return Err(ApiError::invalid(
            "This product cannot be deleted because it has one or more user-created prices.",
        ));
    }
    account.announce(&product, "product.deleted");
    account.remove("product", call.id());
    Ok(json!({ "id": call.id(), "object": "product", "deleted": true }))
}

fn all(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let ids = call.params.list("ids");
    list::page(account, "product", "/v1/products", &call.params, |product| {
        ["active", "shippable", "type", "url"].iter().all(|field| list::matches(product, field, &call.params))
            && (ids.is_empty() || ids.iter().any(|id| Some(id) == product.get("id")))
    })
}
